from __future__ import annotations

import errno
import os
import resource
from itertools import pairwise

import pytest

from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.errors import LogBusy, LogDamaged, LogError, LogFull, LogGap
from streams.log.files import segments
from streams.log.marks import DURABLE, Mark, mark_consumed
from streams.log.reader import FileLogReader
from streams.log.sequences import SIDECAR, Sequences
from streams.log.stamps import Stamps
from streams.log.tail import last_entry
from streams.log.writer import LogWriter

PAYLOAD = b"x" * 100


@pytest.fixture
def clock():
    return ManualClock(1_000)


@pytest.fixture
def reopen(tmp_path, clock):
    """Open the log, closing the writer opened before."""
    opened = []

    def again(folder=tmp_path, **limits):
        if opened:
            opened.pop().close()
        opened.append(LogWriter(folder, clock, **limits))
        return opened[-1]

    yield again
    for writer in opened:
        writer.close()


def fill(writer, count, producer="p/1", first=1):
    for sequence in range(first, first + count):
        writer.append(Kind.READINGS, PAYLOAD, producer, sequence)
        writer.commit()


def read_all(folder):
    reader = FileLogReader(folder)
    try:
        found, after = [], 0
        while batch := reader.read(after, 1000):
            found += batch
            after = found[-1].position
        return found
    finally:
        reader.close()


def test_what_is_committed_can_be_read(tmp_path, reopen, clock):
    writer = reopen()
    assert writer.append(Kind.READINGS, b"one", "shdr/a", 1) == 1
    clock.time = 2_000
    assert writer.append(Kind.TICK, b"") == 2
    assert read_all(tmp_path) == []
    assert writer.commit() == 2
    first, second = read_all(tmp_path)
    assert first == (1, Kind.READINGS, 1_000, "shdr/a", b"one")
    assert second == (2, Kind.TICK, 2_000, "", b"")
    assert last_entry(tmp_path) == second


def test_an_empty_log_has_no_last_entry(tmp_path, reopen):
    assert last_entry(tmp_path / "never written") is None
    reopen()
    assert last_entry(tmp_path) is None


def test_positions_and_stamps_go_on_after_a_restart(tmp_path, reopen, clock):
    fill(reopen(), 3)
    clock.time = 500
    writer = reopen()
    assert (writer.position, writer.received) == (3, 1_000)
    fill(writer, 1, first=4)
    assert [entry.position for entry in read_all(tmp_path)] == [1, 2, 3, 4]
    assert [entry.received for entry in read_all(tmp_path)] == [1_000] * 4


def test_repeats_are_dropped_within_a_group_and_after_restarts(tmp_path, reopen):
    writer = reopen(segment_bytes=400)
    fill(writer, 10)
    assert writer.append(Kind.READINGS, PAYLOAD, "p/1", 10) is None
    writer = reopen()
    assert writer.last_sequence("p/1") == 10
    assert writer.append(Kind.READINGS, PAYLOAD, "p/1", 4) is None
    assert writer.append(Kind.READINGS, PAYLOAD, "p/1", 11) == 11
    assert writer.append(Kind.READINGS, PAYLOAD, "p/1", 11) is None
    assert writer.commit() == 11
    assert writer.last_sequence("nobody/1") is None


@pytest.mark.parametrize(
    "saved",
    [
        "{half a fi",
        "0",
        "[" * 100_000,
        '{"position": 10, "received": 0, "producers": {"p/1": "x"}}',
        '{"position": 10, "received": 1e999, "producers": {}}',
        '{"position": 10, "received": 0, "producers": 7}',
    ],
)
def test_without_the_saved_sequences_the_segments_tell_them(tmp_path, reopen, saved):
    fill(reopen(segment_bytes=400), 10)
    (tmp_path / SIDECAR).write_text(saved)
    assert reopen().last_sequence("p/1") == 10


def test_the_longest_silent_producers_are_forgotten(monkeypatch):
    monkeypatch.setattr("streams.log.sequences.REMEMBERED", 2)
    sequences = Sequences()
    for name in ("a", "b", "a", "c"):
        sequences.note(name, 1)
        sequences.keep()
    assert [sequences.last(name) for name in ("a", "b", "c")] == [1, None, 1]


@pytest.mark.parametrize("torn", [1, 39, 60, 139])
def test_a_torn_tail_is_cut_off(tmp_path, reopen, torn):
    writer = reopen()
    fill(writer, 2)
    whole = (tmp_path / "00000000000000000001.seg").read_bytes()
    with (tmp_path / "00000000000000000001.seg").open("ab") as file:
        file.write(whole[:torn])
    writer = reopen()
    assert writer.position == 2
    assert segments(tmp_path)[0].size == len(whole)
    fill(writer, 1, first=3)
    assert [entry.position for entry in read_all(tmp_path)] == [1, 2, 3]


def test_damage_to_accepted_entries_is_no_torn_tail(tmp_path, reopen):
    fill(reopen(), 3)
    path = tmp_path / "00000000000000000001.seg"
    raw = bytearray(path.read_bytes())
    raw[200] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LogDamaged, match="but 3 were accepted: restore the file"):
        reopen()
    with pytest.raises(LogDamaged, match="Entry 2"):
        read_all(tmp_path)


def test_damage_in_an_older_segment_is_noticed(tmp_path, reopen):
    fill(reopen(segment_bytes=400), 10)
    (tmp_path / SIDECAR).unlink()
    oldest = segments(tmp_path)[0].path
    oldest.write_bytes(oldest.read_bytes()[:-1])
    with pytest.raises(LogDamaged, match="restore the file"):
        reopen()


def test_only_one_writer_at_a_time(tmp_path, reopen):
    reopen()
    with pytest.raises(LogBusy, match="Another appender writes to"):
        LogWriter(tmp_path, ManualClock())


def test_a_full_log_refuses_until_its_oldest_entries_are_consumed(tmp_path, reopen):
    writer = reopen(max_bytes=2_000, segment_bytes=500)
    with pytest.raises(LogFull, match="takes no more entries"):
        fill(writer, 100)
    accepted = writer.position
    assert [entry.position for entry in read_all(tmp_path)] == list(range(1, accepted + 1))
    assert writer.last_sequence("p/1") == accepted
    mark_consumed(tmp_path, accepted)
    fill(writer, 10, first=accepted + 1)
    assert writer.position == accepted + 10
    assert writer.size <= 2_000
    with pytest.raises(LogGap, match="start from a newer snapshot"):
        read_all(tmp_path)


def test_a_full_log_takes_ticks_up_to_a_segment_more_so_that_its_shard_can_free_it(tmp_path, reopen):
    writer = reopen(max_bytes=2_000, segment_bytes=500)
    with pytest.raises(LogFull):
        fill(writer, 100)
    accepted = writer.position
    with pytest.raises(LogFull):
        while True:
            writer.append(Kind.TICK, b"")
            writer.commit()
    assert writer.position > accepted
    assert 2_000 < writer.size <= 2_500
    with pytest.raises(LogFull):
        fill(writer, 1, first=writer.last_sequence("p/1") + 1)
    mark_consumed(tmp_path, accepted)
    fill(writer, 1, first=writer.last_sequence("p/1") + 1)
    assert writer.size <= 2_000


def test_the_older_of_two_snapshots_behind_the_full_log_frees_it(tmp_path, reopen):
    """One that is still ahead of the oldest segment's end frees nothing; ticks carry it beyond."""
    writer = reopen(max_bytes=2_000, segment_bytes=500)
    with pytest.raises(LogFull):
        fill(writer, 100)
    wanted = writer.last_sequence("p/1") + 1
    mark_consumed(tmp_path, segments(tmp_path)[1].first - 2)
    with pytest.raises(LogFull):
        fill(writer, 1, first=wanted)
    for _ in range(2):
        writer.append(Kind.TICK, b"")
        writer.commit()
    mark_consumed(tmp_path, writer.position - 1)
    fill(writer, 5, first=wanted)


def test_nothing_that_is_not_consumed_goes(tmp_path, reopen):
    writer = reopen(max_bytes=2_000, segment_bytes=500)
    mark_consumed(tmp_path, 4)
    with pytest.raises(LogFull):
        fill(writer, 100)
    reader = FileLogReader(tmp_path)
    assert reader.read(4, 1)[0].position == 5
    reader.close()


def test_a_group_that_does_not_fit_leaves_nothing_behind(tmp_path, reopen):
    """Not even the part of it that was written already."""
    writer = reopen()
    fill(writer, 2)
    before = segments(tmp_path)[0].size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 300, hard))
    try:
        for sequence in range(3, 9):
            writer.append(Kind.READINGS, PAYLOAD, "p/1", sequence)
        with pytest.raises(LogFull, match="File too large"):
            writer.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert segments(tmp_path)[0].size == before
    assert writer.last_sequence("p/1") == 2
    fill(writer, 1, first=3)
    assert [entry.position for entry in read_all(tmp_path)] == [1, 2, 3]


@pytest.fixture
def small_disk(disk_of, tmp_path):
    """A file system of one megabyte."""
    return disk_of(tmp_path / "disk")


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(small_disk, reopen):
    writer = reopen(small_disk, segment_bytes=100_000)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    with pytest.raises(LogFull, match="No space left on device"):
        fill(writer, 10_000)
    accepted = writer.position
    ballast.unlink()
    fill(writer, 100, first=accepted + 1)
    assert len(read_all(small_disk)) == accepted + 100


def test_a_full_disk_gives_up_consumed_segments_first(small_disk, reopen):
    writer = reopen(small_disk, segment_bytes=100_000)
    mark_consumed(small_disk, 10**9)
    fill(writer, 10_000)
    assert writer.position == 10_000


def test_a_disk_that_fails_is_told_from_a_full_one(tmp_path, reopen, monkeypatch):
    writer = reopen()

    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("streams.log.files.os.fdatasync", broken)
    writer.append(Kind.TICK, b"")
    with pytest.raises(LogError, match="cannot be written: Input/output error"):
        writer.commit()


def test_a_mark_half_written_reads_as_none(tmp_path):
    mark = Mark(tmp_path / DURABLE)
    assert mark.read() == 0
    mark.write(7)
    assert mark.read() == 7
    (tmp_path / DURABLE).write_bytes(b"\x08" + (tmp_path / DURABLE).read_bytes()[1:])
    assert mark.read() == 0
    mark.close()


def test_a_clock_that_is_set_back_slows_time_until_it_has_come_up_again(tmp_path, reopen, clock):
    hour, minute = 3_600_000_000, 60_000_000
    writer = reopen()
    clock.time = 8 * hour  # the computer wakes with its clock eight hours ahead
    fill(writer, 1)
    clock.time = 0
    stamps = [writer.received]
    for number in range(2, 18 * 60):
        clock.time += minute
        fill(writer, 1, first=number)
        stamps.append(writer.received)
    steps = [after - before for before, after in pairwise(stamps)]
    assert steps[1:10] == [minute // 2] * 9
    assert min(steps[1:]) > 0
    assert abs(steps.index(minute) - 16 * 60) <= 1
    assert stamps[-1] == clock.time


def test_stamps_of_a_refused_group_are_given_again(clock):
    stamps = Stamps(clock, 5_000)
    clock.time += 1_000
    assert [stamps.next(), stamps.next()] == [5_500, 5_500]
    stamps.last = 5_000
    clock.time += 1_000
    assert stamps.next() == 5_500

from __future__ import annotations

import json

import pytest

from streams.clock import ManualClock
from streams.connectors.stamps import iso
from streams.log import losses, mixed
from streams.log.abc import Entry, Kind
from streams.log.errors import LogFull, LogGap
from streams.log.files import segments
from streams.log.gaps import OverGaps
from streams.log.losses import Loss, LossMark, readings_in
from streams.log.marks import mark_consumed
from streams.log.reader import FileLogReader
from streams.log.writer import LogWriter
from streams.records import Readings, Rejects, decode, encode

SIZES = {"max_bytes": 40_000, "segment_bytes": 10_000}


@pytest.fixture
def clock():
    return ManualClock(1_000)


@pytest.fixture
def told():
    return []


@pytest.fixture
def reopen(tmp_path, clock, told):
    """Open a log that drops its oldest entries, closing the writer opened before."""
    opened = []

    def again(folder=tmp_path, **limits):
        if opened:
            opened.pop().close()
        opened.append(LogWriter(folder, clock, **(limits or SIZES), dropped=told.append))
        return opened[-1]

    yield again
    for writer in opened:
        writer.close()


def two_readings(number):
    batch = Readings.numbers(["m"] * 2, ["x"] * 2, [number, number], [0.0, 1.0])
    return encode(batch.to_arrow())


def fill(writer, clock, numbers):
    for number in numbers:
        clock.time = 1_000 * number
        writer.append(Kind.READINGS, two_readings(number), "p/1", number)
        writer.append(Kind.TICK, b"")
        writer.commit()


def all_entries(folder):
    reader = FileLogReader(folder)
    try:
        after, found = reader.first - 1, []
        while batch := reader.read(after, 1_000):
            found += batch
            after = found[-1].position
        return found
    finally:
        reader.close()


def numbers_in(folder):
    """Return the numbers of the readings that a log holds."""
    entries = [entry for entry in all_entries(folder) if entry.kind == Kind.READINGS]
    return [Readings.from_arrow(decode(entry.payload)).ts[0] for entry in entries]


def records(folder):
    """Return the losses that the log has on record."""
    kept = [entry for entry in all_entries(folder) if entry.producer == "appender"]
    rejects = [mixed.rejects(entry.payload) for entry in kept]
    assert all(one.reason.to_list() == ["dropped"] for one in rejects)
    return [json.loads(one.raw.to_list()[0]) for one in rejects]


def test_a_full_log_drops_its_oldest_segments_and_counts_what_it_lost(tmp_path, reopen, clock, told):
    writer = reopen()
    fill(writer, clock, range(1, 101))
    kept = numbers_in(tmp_path)
    assert 1 < kept[0] < 100
    assert kept == list(range(kept[0], 101))
    assert sum(loss.entries for loss in told) == kept[0] - 1
    assert sum(loss.readings for loss in told) == 2 * (kept[0] - 1)
    assert (told[0].first, told[0].since) == (1, 1_000)
    assert writer.size <= 40_000


def test_a_record_that_is_dropped_itself_goes_on_in_the_next(tmp_path, reopen, clock, told):
    writer = reopen()
    fill(writer, clock, range(1, 301))
    kept, said = numbers_in(tmp_path), records(tmp_path)
    assert len(said) < len(told)
    assert sum(record["lost"] for record in said) == 2 * (kept[0] - 1)
    assert sum(record["entries"] for record in said) == kept[0] - 1
    assert min((record["first"], record["from"]) for record in said) == (1, iso(1_000))
    assert said[-1]["last"] == segments(tmp_path)[0].first - 1


def test_every_loss_is_an_entry_with_its_span(tmp_path, reopen, clock, told):
    writer = reopen()
    while not told:
        fill(writer, clock, [(writer.last_sequence("p/1") or 0) + 1])
    (loss,), (record,) = told, records(tmp_path)
    assert record == {
        "from": iso(loss.since),
        "to": iso(loss.until),
        "why": "the log was full",
        "lost": loss.readings,
        "entries": loss.entries,
        "first": loss.first,
        "last": loss.last,
    }
    assert loss.readings == 2 * loss.entries > 0
    assert loss.last == segments(tmp_path)[0].first - 1


def test_what_is_committed_is_not_lost(tmp_path, reopen, clock, told):
    writer = reopen()
    fill(writer, clock, [1, 2])
    reader = FileLogReader(tmp_path)
    reader.committed(3)
    reader.close()
    while not told:
        fill(writer, clock, [writer.last_sequence("p/1") + 1])
    assert (told[0].first, told[0].since) == (5, 3_000)


def test_what_is_consumed_goes_without_a_word(tmp_path, reopen, clock, told):
    writer = reopen()
    for number in range(1, 100):
        fill(writer, clock, [number])
        mark_consumed(tmp_path, writer.position)
    assert told == []


@pytest.mark.parametrize("crash", ["before the segment goes", "before the record is written"])
def test_a_crash_while_dropping_loses_neither_the_drop_nor_its_record(
    tmp_path, reopen, clock, told, monkeypatch, crash
):
    writer = reopen()
    while writer.size < 25_000:
        fill(writer, clock, [(writer.last_sequence("p/1") or 0) + 1])
    oldest, following = segments(tmp_path)[:2]
    mark = LossMark(tmp_path)
    mark.note(losses.lost_of(oldest, 0, following.first - 1).entries)
    mark.close()
    if crash == "before the record is written":
        oldest.path.unlink()
    writer = reopen()
    assert segments(tmp_path)[0].first == following.first
    fill(writer, clock, [writer.last_sequence("p/1") + 1])
    reopen().commit()
    assert [record["last"] for record in records(tmp_path)] == [following.first - 1]


def test_a_record_that_is_in_the_log_already_is_not_written_again(tmp_path, reopen, clock, told):
    writer = reopen()
    while not told:
        fill(writer, clock, [(writer.last_sequence("p/1") or 0) + 1])
    mark = LossMark(tmp_path)
    mark.note(told[0])
    mark.close()
    writer = reopen()
    fill(writer, clock, [writer.last_sequence("p/1") + 1])
    assert len(records(tmp_path)) == 1


def test_a_damaged_mark_is_no_loss(tmp_path):
    mark = LossMark(tmp_path)
    mark.note(Loss(1, 2, 3, 4, 5, 6))
    mark.close()
    path = tmp_path / losses.FILE
    path.write_bytes(b"\xff" * path.stat().st_size)
    mark = LossMark(tmp_path)
    assert mark.pending is None
    mark.close()


def test_a_mark_that_was_torn_is_the_one_before(tmp_path):
    mark, first, second = LossMark(tmp_path), Loss(1, 2, 3, 4, 5, 6), Loss(3, 9, 3, 4, 7, 8)
    mark.note(first, [b"some"])
    mark.note(second, [b"more"])
    mark.close()
    path = tmp_path / losses.FILE
    raw = path.read_bytes()
    path.write_bytes(raw[:20] + b"?" + raw[21:])
    mark = LossMark(tmp_path)
    assert (mark.pending, mark.frames) == (first, [b"some"])
    mark.close()


@pytest.fixture
def small_disk(disk_of, tmp_path):
    """A file system of one megabyte."""
    return disk_of(tmp_path / "disk")


def test_a_full_disk_drops_the_oldest_and_the_counts_close(small_disk, reopen, clock, told):
    writer = reopen(small_disk, segment_bytes=100_000)
    fill(writer, clock, range(1, 1_501))
    kept = numbers_in(small_disk)
    assert kept[-1] == 1_500
    assert kept == list(range(kept[0], 1_501))
    assert sum(loss.readings for loss in told) == 2 * (kept[0] - 1) > 0
    assert [loss.first for loss in told[1:]] == [loss.last + 1 for loss in told[:-1]]


def test_a_disk_with_nothing_of_the_log_to_drop_refuses(small_disk, reopen, clock):
    writer = reopen(small_disk, segment_bytes=2_000_000)
    (small_disk / "ballast").write_bytes(bytes(800_000))
    with pytest.raises(LogFull, match="No space left"):
        fill(writer, clock, range(1, 2_000))
    (small_disk / "ballast").unlink()
    fill(writer, clock, [writer.last_sequence("p/1") + 1])


def test_a_reader_goes_on_over_the_gap_and_says_which(tmp_path, reopen, clock, told):
    writer = reopen()
    fill(writer, clock, [1, 2])
    reader, skipped = FileLogReader(tmp_path), []
    over = OverGaps(reader, lambda first, last: skipped.append((first, last)))
    assert [entry.position for entry in over.read(0, 1)] == [1]
    fill(writer, clock, range(3, 200))
    found = [entry.position for entry in over.read(1, 1)]
    while batch := over.read(found[-1], 1_000):
        found += [entry.position for entry in batch]
    oldest = segments(tmp_path)[0].first
    assert found[-1] == writer.position
    assert found[-1] - oldest < len(found)
    assert [(first, last) for first, last in skipped] == [(first, oldest - 1) for first, _ in skipped]
    with pytest.raises(LogGap):
        FileLogReader(tmp_path).read(1, 1)
    over.close()


def test_readings_are_counted_in_whatever_holds_some():
    readings = Readings.numbers(["m"] * 2, ["x"] * 2, [1, 2], [0.0, 1.0])
    kind, payload = mixed.pack(readings, Rejects.of("r", ["raw"]))
    entries = [
        Entry(1, Kind.READINGS, 0, "", two_readings(1)),
        Entry(2, kind, 0, "", payload),
        Entry(3, Kind.READINGS, 0, "", b"half"),
        Entry(4, Kind.VERDICT, 0, "", b"{}"),
    ]
    assert [readings_in(entry) for entry in entries] == [2, 2, 0, 0]


def frames_told(framed, stamp):
    """Tell of the frames of lost verdicts; what was told of frames before is told again."""
    return [
        b'{"of": "%s"}' % entry.payload if entry.kind == Kind.VERDICT else entry.payload for entry in framed
    ]


def frames_in(folder):
    return [entry.payload for entry in all_entries(folder) if entry.kind == Kind.FRAMES]


def fill_with_verdicts(writer, clock, numbers):
    for number in numbers:
        clock.time = 1_000 * number
        writer.append(Kind.VERDICT, b"part %d" % number, "gate/1", number)
        writer.append(Kind.READINGS, two_readings(number), "p/1", number)
        writer.commit()


def test_frames_of_verdicts_that_are_dropped_are_told_of_however_often(tmp_path, clock, told):
    writer = LogWriter(tmp_path, clock, **SIZES, dropped=told.append, frames=frames_told)
    fill_with_verdicts(writer, clock, range(1, 201))
    writer.close()
    kept = [int(entry.payload[5:]) for entry in all_entries(tmp_path) if entry.kind == Kind.VERDICT]
    assert sum(loss.entries for loss in told) == 2 * (kept[0] - 1)
    found = frames_in(tmp_path)
    assert sorted(found) == sorted(b'{"of": "part %d"}' % number for number in range(1, kept[0]))
    assert max(entry.position for entry in all_entries(tmp_path) if entry.kind == Kind.FRAMES) > 400


def test_frames_wait_for_their_record_across_a_crash(tmp_path, clock, told, monkeypatch):
    writer = LogWriter(tmp_path, clock, **SIZES, dropped=told.append, frames=frames_told)
    monkeypatch.setattr(writer, "_record_loss", lambda: None)  # it dies between drop and record
    number = 0
    while not told:
        number += 1
        fill_with_verdicts(writer, clock, [number])
    assert frames_in(tmp_path) == []
    writer.close()
    writer = LogWriter(tmp_path, clock, **SIZES, dropped=told.append, frames=frames_told)
    writer.append(Kind.TICK, b"")
    writer.commit()
    writer.close()
    lost = told[0].entries // 2
    assert len(frames_in(tmp_path)) == lost > 3
    assert len(records(tmp_path)) == 1


def test_of_more_frames_than_a_loss_has_room_for_the_oldest_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(losses, "ROOM", 4096)
    mark, frames = LossMark(tmp_path), [b"%04d" % number + b"x" * 96 for number in range(100)]
    mark.note(Loss(1, 9, 9, 0, 1, 9), frames)
    assert 20 < len(mark.frames) < 50
    assert mark.frames == frames[-len(mark.frames) :]
    mark.close()
    again = LossMark(tmp_path)
    assert (again.pending, again.frames) == (Loss(1, 9, 9, 0, 1, 9), mark.frames)
    again.close()

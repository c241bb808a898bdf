"""Days of a log become files by themselves: each reading in one of them, whatever is killed or full."""

from __future__ import annotations

import errno
import shutil
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from streams.catalog import Catalog
from streams.chain import LineChain
from streams.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from streams.connectors.parquet import ParquetConnector, files, recorded
from streams.connectors.stamps import stamp
from streams.log import export as export_module
from streams.log.abc import Entry, Kind
from streams.log.archive import Archive, Facts, Interrupted
from streams.log.errors import LogBusy, LogFull
from streams.log.export import DayFile, export
from streams.log.files import segments
from streams.log.marks import ARCHIVED, Mark, mark_consumed
from streams.log.reader import FileLogReader
from streams.log.writer import LogWriter
from streams.operators.testing import everything, machine
from streams.records import PartCounts, Readings, encode

MONDAY = stamp("2026-03-02")
GO = threading.Event()
LIMIT, SEGMENT = 40_000, 10_000


class Log:
    """A log with an entry of ten readings each hour, and its archive; readings are numbered."""

    def __init__(self, folder, **limits):
        self.folder, self.out = folder / "log" / "line-1", folder / "out"
        self.clock, self.readings, self.hours = ManualClock(MONDAY), 0, 0
        self.limits = {"max_bytes": 1 << 30, "segment_bytes": SEGMENT} | limits
        self.lost = []
        self.writer = self.appender()

    def appender(self):
        return LogWriter(self.folder, self.clock, **self.limits, unarchived=self.lost.append)

    def hour(self, count=1):
        for _ in range(count):
            self.clock.time = MONDAY + self.hours * HOUR + MINUTE
            ts = self.clock.time + np.arange(10)
            value = self.readings + np.arange(10.0)
            payload = encode(Readings.numbers(["mill"] * 10, ["a", "b"] * 5, ts, value).to_arrow())
            self.writer.append(Kind.TICK, b"")
            self.writer.append(Kind.READINGS, payload, "gw/1", self.hours + 1)
            self.writer.commit()
            self.readings, self.hours = self.readings + 10, self.hours + 1

    def archive(self, out=None):
        sizes = self.limits["max_bytes"], self.limits["segment_bytes"]
        return Archive(self.folder, out or self.out, self.clock, *sizes)

    def keep(self, out=None):
        """Keep all that is due; return the files and how many readings each got."""
        with closing(self.archive(out)) as archive:
            kept = list(iter(lambda: archive.step(GO), None))
        return [(one.place.name, one.rows) for one in kept if one.place is not None]

    @property
    def archived(self):
        """All values in the files, in the order of the files' names."""
        files = sorted(self.out.glob("*.parquet"))
        return [int(value) for file in files for value in pa.parquet.read_table(file)["value"].to_pylist()]

    def entries(self):
        """All entries of readings that the log holds."""
        with closing(FileLogReader(self.folder)) as view:
            found = list(view.read(view.first - 1, 1))
            while entries := view.read(found[-1].position, 1 << 20):
                found += entries
        return [entry for entry in found if entry.kind == Kind.READINGS]

    def mark(self):
        with closing(Mark(self.folder / ARCHIVED)) as mark:
            return mark.read()


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    log.writer.close()


def test_a_day_is_kept_once_it_is_over_and_never_again(log):
    log.hour(24)
    assert log.keep() == []
    log.hour()
    assert log.keep() == [("readings-2026-03-02.parquet", 240)]
    assert log.keep() == []
    log.hour(47)
    assert log.keep() == [("readings-2026-03-03.parquet", 240)]
    assert log.archived == list(range(480))
    assert log.mark() == 2 * 48


def test_its_files_are_those_of_the_export(log, tmp_path):
    log.hour(50)
    log.keep()
    with closing(FileLogReader(log.folder)) as view:
        for written in export(view, tmp_path / "by hand", None, None):
            own = pa.parquet.read_table(log.out / written.place.name)
            assert own.equals(pa.parquet.read_table(written.place))
    facts = Facts.of(log.out / "readings-2026-03-02.parquet")
    assert facts == Facts("line-1", 1, 48, MONDAY + 23 * HOUR + MINUTE)
    assert Facts.of(tmp_path / "by hand" / "readings-2026-03-02.parquet") is None


def test_days_without_readings_have_no_file(log):
    log.hour(2)
    for day in (1, 2, 3):
        log.clock.time = MONDAY + day * DAY
        log.writer.append(Kind.TICK, b"")
        log.writer.commit()
    assert log.keep() == [("readings-2026-03-02.parquet", 20)]
    assert log.mark() == 6


def test_a_segment_stays_until_it_is_kept(tmp_path):
    log = Log(tmp_path, max_bytes=LIMIT)
    with pytest.raises(LogFull, match="until its archive is written or there is room on the disk"):
        while True:
            log.hour()
            mark_consumed(log.folder, log.writer.position)
    assert segments(log.folder)[0].first == 1
    taken = log.readings
    second = segments(log.folder)[1].first
    (name, rows), *more = log.keep()
    assert (name, rows) == ("readings-2026-03-02.0001.parquet", 10 * ((second - 1) // 2))
    assert [one for one, _ in more] == sorted({one for one, _ in more})
    log.hour(4)
    assert segments(log.folder)[0].first > 1
    assert log.archived == list(range(rows + sum(count for _, count in more)))
    assert log.readings == taken + 40
    assert log.lost == []
    log.writer.close()


def test_a_log_too_small_for_a_day_has_it_kept_in_pieces_whose_names_are_in_order(tmp_path):
    log, names = Log(tmp_path, max_bytes=LIMIT), []
    for _ in range(24 * 12):
        log.clock.time += 5 * MINUTE
        log.hours = (log.clock.time - MONDAY) // HOUR
        value = log.readings + np.arange(10.0)
        ts = np.full(10, log.clock.time)
        payload = encode(Readings.numbers(["mill"] * 10, ["a", "b"] * 5, ts, value).to_arrow())
        log.writer.append(Kind.READINGS, payload)
        log.writer.commit()
        log.readings += 10
        mark_consumed(log.folder, log.writer.position)
        names += [name for name, _ in log.keep()]
    assert names[:2] == ["readings-2026-03-02.0001.parquet", "readings-2026-03-02.0002.parquet"]
    assert "readings-2026-03-02.parquet" in names
    log.clock.time = MONDAY + DAY
    assert log.archived == list(range(len(log.archived)))
    assert len(log.archived) > 2000
    assert log.lost == []
    log.writer.close()


@pytest.fixture
def full(tmp_path):
    """A log that drops, full of consumed entries, whose archive cannot be written."""
    log = Log(tmp_path, max_bytes=LIMIT, dropped=lambda loss: None)
    (tmp_path / "out").write_text("no folder")
    log.hour(24)
    while segments(log.folder)[0].first == 1:
        mark_consumed(log.folder, log.writer.position)
        log.hour()
    yield log
    log.writer.close()


def test_a_log_that_drops_goes_on_and_says_what_the_archive_lacks(full):
    with pytest.raises(OSError, match="File exists"):
        full.archive()
    first = segments(full.folder)[0].first
    assert sum(loss.readings for loss in full.lost) == 10 * ((first - 1) // 2)
    assert (full.lost[0].first, full.lost[-1].last) == (2, first - 1)


def test_what_is_missing_stands_in_the_next_file(full):
    full.out.unlink()
    with closing(Mark(full.folder / ARCHIVED)) as mark:
        mark.write(4)
    first = segments(full.folder)[0].first
    full.hour(24)
    name, *_ = [name for name, _ in full.keep()]
    assert Facts.of(full.out / name).missing == [5, segments(full.folder)[0].first - 1]
    assert segments(full.folder)[0].first >= first


def test_a_kill_between_a_file_and_the_mark_repeats_nothing(log):
    log.hour(60)
    log.keep()
    with closing(Mark(log.folder / ARCHIVED)) as mark:
        mark.write(0)
    assert log.keep() == []
    assert log.mark() == 96
    assert log.archived == list(range(480))


def test_what_a_kill_left_half_written_goes(log):
    log.hour(30)
    log.out.mkdir()
    draft = log.out / ".readings-2026-03-02.parquet.draft"
    draft.write_bytes(b"PAR1 half")
    assert log.keep() == [("readings-2026-03-02.parquet", 240)]
    assert not draft.exists()


def test_files_of_another_log_of_the_name_stay_and_count_for_nothing(log, tmp_path):
    log.hour(30)
    log.keep()
    other = Log(tmp_path / "other")
    other.clock.time += SECOND
    other.hours = 1
    other.hour(30)
    assert other.keep(log.out) == [("readings-2026-03-02.0001.parquet", 230)]
    assert pa.parquet.read_metadata(log.out / "readings-2026-03-02.parquet").num_rows == 240
    other.writer.close()


def test_a_log_that_was_restored_goes_on_beside_what_came_since_its_backup(log, tmp_path):
    log.hour(30)
    log.keep()
    backup = shutil.copytree(log.folder, tmp_path / "backup", ignore=shutil.ignore_patterns(ARCHIVED))
    log.hour(30)
    assert log.keep() == [("readings-2026-03-03.parquet", 240)]
    log.writer.close()
    shutil.rmtree(log.folder)
    shutil.copytree(backup, log.folder)
    log.hours, log.readings = 31, 1000
    log.writer = log.appender()
    log.hour(30)
    assert log.keep() == [("readings-2026-03-03.0001.parquet", 230)]
    again = pa.parquet.read_table(log.out / "readings-2026-03-03.0001.parquet")["value"].to_pylist()
    assert again == [*range(240, 300), *range(1000, 1170)]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(log, monkeypatch):
    log.hour(30)

    def full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(DayFile, "_flush", full_disk)
        with pytest.raises(OSError, match="No space left"):
            log.keep()
    assert list(log.out.iterdir()) == []
    assert log.mark() == 0
    assert log.keep() == [("readings-2026-03-02.parquet", 240)]


def test_the_log_keeps_some_of_a_disk_that_both_are_on(log, monkeypatch):
    log.hour(30)
    free = [4 * SEGMENT - 1]
    usage = type("Usage", (), {"free": property(lambda _: free[0])})()
    monkeypatch.setattr("streams.log.archive.shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="the log needs what is left of its disk"):
        log.keep()
    free[0] = 4 * SEGMENT
    assert log.keep()[0] == ("readings-2026-03-02.parquet", 240)


def test_told_to_stop_it_leaves_the_day_for_later(log):
    log.hour(30)
    stop = threading.Event()
    stop.set()
    with closing(log.archive()) as archive, pytest.raises(Interrupted):
        archive.step(stop)
    assert list(log.out.iterdir()) == []


def test_two_do_not_archive_one_log(log):
    with closing(log.archive()), pytest.raises(LogBusy, match="Another archive writes to"):
        log.archive()
    with closing(log.archive()):
        pass


def test_an_archive_of_a_full_log_begins_with_its_newer_half(tmp_path):
    log = Log(tmp_path, max_bytes=LIMIT)
    log.writer.close()
    log.writer = LogWriter(log.folder, log.clock, **log.limits)  # without an archive
    while len(segments(log.folder)) < 4:
        log.hour()
    assert not (log.folder / ARCHIVED).exists()
    assert log.keep() == []
    log.writer.close()
    log.writer = log.appender()
    found = segments(log.folder)
    begun = log.mark()
    assert begun + 1 in [segment.first for segment in found[1:]]
    assert sum(segment.size for segment in found if segment.first > begun) <= LIMIT // 2
    mark_consumed(log.folder, begun)
    with pytest.raises(LogFull, match="catches up"):
        log.hour(100)
    assert segments(log.folder)[0].first == begun + 1
    log.writer.close()


def parts(_):
    return (), PartCounts.empty()


def rows(entries):
    chain = LineChain(Catalog((machine("mill", ("a", "b")),)), parts)
    return everything(map(chain.update, entries))


def test_the_same_rows_follow_from_the_archive_as_from_the_log(log, monkeypatch):
    """Re-analysis: readings of the files, at their stamps, through the line's operators."""
    monkeypatch.setattr(export_module, "GROUP_ROWS", 100)
    log.hour(72)
    log.keep()
    logged = [entry for entry in log.entries() if entry.received < MONDAY + 2 * DAY]
    assert len(logged) == 48
    archived = []
    for file in sorted(log.out.glob("*.parquet")):
        table = pa.parquet.read_table(file)
        for position in dict.fromkeys(table["position"].to_pylist()):
            own = table.filter(pa.compute.equal(table["position"], position)).combine_chunks().to_batches()[0]
            received = own["received"].cast(pa.int64())[0].as_py()
            archived.append(
                Entry(position, Kind.READINGS, received, own["source"][0].as_py(), encode_again(own))
            )
    assert rows(archived) == rows(logged) != []


def encode_again(batch):
    return encode(Readings.from_arrow(batch).to_arrow())


class Hasty(ManualClock):
    """A clock that is an hour further whenever it is looked at."""

    def now(self):
        self.time += HOUR
        return self.time


class Heard:
    """An outlet that keeps what it is handed, and stops when it has so many readings."""

    def __init__(self, wanted, stop):
        self.batches, self.wanted, self.stop = [], wanted, stop

    def readings(self, batch):
        self.batches.append(batch)
        self.wanted -= len(batch)
        if self.wanted <= 0:
            self.stop.set()


def test_the_parquet_source_plays_the_archive_as_it_was_logged(log):
    log.hour(72)
    log.keep()
    Path(log.out / ".readings-2026-03-04.parquet.draft").write_bytes(b"being written")
    stop = threading.Event()
    wanted = sum(len(readings) for file in files(log.out) for readings, _ in recorded(file))
    heard = Heard(wanted, stop)
    ParquetConnector(log.out, Hasty(MONDAY + 300 * DAY)).run(heard, stop)
    assert [int(value) for batch in heard.batches for value in batch.value] == list(range(480))
    assert heard.batches[0].source_ts[0] == MONDAY + MINUTE

from __future__ import annotations

from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from streams.clock import DAY, HOUR, MINUTE, ManualClock
from streams.connectors.parquet import files, recorded
from streams.connectors.stamps import stamp
from streams.log import export as export_module
from streams.log import mixed
from streams.log.abc import Kind
from streams.log.errors import LogError
from streams.log.export import SCHEMA, export
from streams.log.reader import FileLogReader
from streams.log.writer import LogWriter
from streams.records import NULL, Readings, Rejects, Text, decode, encode

MONDAY = stamp("2026-03-02")


def reading(number, ts):
    """Return three readings of all sorts."""
    return Readings(
        machine=Text.of(["mill", "mill", None]),
        tag=Text.of(["load", "execution", "x"]),
        ts=np.array([ts, ts - 5, NULL]),
        value=np.array([number, np.nan, np.nan]),
        text=Text.of([None, "ACTIVE", None]),
        quality=np.array([0, 1, 3], dtype=np.int16),
        source_ts=np.array([NULL, ts - HOUR, NULL]),
    )


@pytest.fixture
def log(tmp_path):
    """A log of three days, an entry and a tick each hour, in small segments."""
    clock = ManualClock(MONDAY)
    writer = LogWriter(tmp_path / "log", clock, segment_bytes=5_000)
    for hour in range(72):
        clock.time = MONDAY + hour * HOUR + MINUTE
        readings = reading(hour, clock.time)
        kind, payload = mixed.pack(
            readings, Rejects.of("bad", ["?"]) if hour % 7 == 3 else Rejects.of("", [])
        )
        writer.append(kind, payload, "gw/1", hour + 1)
        writer.append(Kind.TICK, b"")
        writer.commit()
    writer.append(Kind.READINGS, b"half a batch", "gw/2", 1)
    writer.append(Kind.VERDICT, b"{}", "station", 1)
    writer.commit()
    writer.close()
    with closing(FileLogReader(tmp_path / "log")) as view:
        yield view


def logged(view):
    """Return position, stamp and readings of every entry that holds some."""
    found, after = [], 0
    while entries := view.read(after, 1 << 20):
        after = entries[-1].position
        for entry in entries:
            if entry.kind == Kind.MIXED:
                found.append((entry, mixed.unpack(entry.payload)[0]))
            elif entry.kind == Kind.READINGS and entry.producer == "gw/1":
                found.append((entry, Readings.from_arrow(decode(entry.payload))))
    return found


def same(left, right):
    """Compare columns bit for bit."""
    return encode(left.to_arrow()) == encode(right.to_arrow())


def joined(batches):
    def texts(name):
        return Text.of([item for batch in batches for item in getattr(batch, name).to_list()])

    def numbers(name):
        return np.concatenate([getattr(batch, name) for batch in batches])

    return Readings(
        machine=texts("machine"),
        tag=texts("tag"),
        text=texts("text"),
        **{name: numbers(name) for name in ("ts", "value", "quality", "source_ts")},
    )


def test_a_file_for_each_whole_day_holds_what_was_logged(log, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "GROUP_ROWS", 10)
    monkeypatch.setattr(export_module, "READ_LIMIT", 5_000)
    written = list(export(log, tmp_path / "out", None, None))
    assert [(one.place.name, one.rows) for one in written] == [
        ("readings-2026-03-02.parquet", 72),
        ("readings-2026-03-03.parquet", 72),
    ]
    assert [one.name for one in sorted((tmp_path / "out").iterdir())] == [one.place.name for one in written]
    expected = [(entry, readings) for entry, readings in logged(log) if entry.received < MONDAY + 2 * DAY]
    kept = pa.concat_tables([pa.parquet.read_table(one.place) for one in written])
    assert kept.schema.equals(SCHEMA)
    assert kept["position"].to_pylist() == [entry.position for entry, _ in expected for _ in range(3)]
    assert kept["received"].cast(pa.int64()).to_pylist() == [
        entry.received for entry, _ in expected for _ in range(3)
    ]
    assert set(kept["source"].to_pylist()) == {"gw/1"}
    back = joined([readings for file in files(tmp_path / "out") for readings, _ in recorded(file)])
    assert same(back, joined([readings for _, readings in expected]))


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        (MONDAY + DAY, MONDAY + DAY + 3 * HOUR, [24, 25, 26]),
        (MONDAY + 5 * HOUR + MINUTE, MONDAY + 6 * HOUR + MINUTE, [5]),
        (MONDAY + 5 * HOUR + MINUTE + 1, MONDAY + 7 * HOUR, [6]),
        (MONDAY - DAY, MONDAY + HOUR, [0]),
        (MONDAY + 71 * HOUR, MONDAY + 9 * DAY, [71]),
        (MONDAY + 8 * DAY, MONDAY + 9 * DAY, []),
    ],
)
def test_a_span_is_found_by_receive_times(log, tmp_path, since, until, hours):
    list(export(log, tmp_path / "out", since, until))
    values = [
        value
        for file in sorted((tmp_path / "out").glob("*.parquet"))
        for value in pa.parquet.read_table(file)["value"].to_pylist()
    ]
    assert [value for value in values if value is not None and not np.isnan(value)] == hours


def test_every_time_is_found(log):
    entries = log.read(0, 1 << 30)
    for index, entry in enumerate(entries):
        earlier = [one.position for one in entries[:index] if one.received < entry.received]
        assert log.find(entry.received) == (earlier[-1] if earlier else 0)
    assert log.find(MONDAY + 9 * DAY) == log.end


def test_a_file_that_is_there_is_not_written_over(log, tmp_path):
    list(export(log, tmp_path / "out", None, MONDAY + HOUR))
    before = (tmp_path / "out" / "readings-2026-03-02.parquet").read_bytes()
    with pytest.raises(LogError, match="is there already; name another folder, or remove it"):
        list(export(log, tmp_path / "out", None, None))
    assert (tmp_path / "out" / "readings-2026-03-02.parquet").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(log, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(LogError, match="cannot be written: File exists"):
        list(export(log, tmp_path / "out", None, None))


def test_an_empty_log_gives_no_file(tmp_path):
    with closing(FileLogReader(tmp_path / "log")) as view:
        assert list(export(view, tmp_path / "out", None, None)) == []
        assert view.find(5) == 0

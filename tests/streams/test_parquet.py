from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from streams.clock import SECOND, ManualClock
from streams.connectors import parquet
from streams.connectors.csv import TableError
from streams.connectors.parquet import ParquetConnector, recorded
from streams.connectors.stamps import stamp
from streams.records import NULL
from streams.testing import MemoryOutlet, running, source_times

T = stamp("2026-03-02T06:00:00Z")
NOW = 1_000_000 * SECOND
TIME = pa.timestamp("us", tz="UTC")


def write(path, **columns):
    types = {"ts": TIME, "received": TIME, "source_ts": TIME, "quality": pa.int16(), "value": pa.float64()}
    table = pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})
    pa.parquet.write_table(table, path)
    return path


def few(path, seconds, **more):
    size = len(seconds)
    columns = {"machine": ["rig"] * size, "tag": ["x"] * size, "value": [float(item) for item in seconds]}
    return write(path, **columns, ts=[T + item * SECOND for item in seconds], **more)


def play(connector, until):
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(until)
    return outlet


def test_rows_come_when_their_time_comes_the_first_one_now(tmp_path):
    clock = ManualClock(NOW)
    connector = ParquetConnector(few(tmp_path / "a.parquet", [0, 1, 2]), clock)
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda kept: len(kept.rows()) == 1)
        clock.time += SECOND
        outlet.wait_for(lambda kept: len(kept.rows()) == 2)
        clock.time += SECOND
        outlet.wait_for(lambda kept: len(kept.rows()) == 3)
    assert outlet.rows() == [("x", NOW + n * SECOND, float(n), 0) for n in range(3)]
    assert [time for batch in outlet.batches for time in source_times(batch)] == [
        T + n * SECOND for n in range(3)
    ]


def test_a_row_that_was_late_is_late_again(tmp_path):
    """The receive times are the pace, and move everything by the same span."""
    received = [T + 100, T + 100, T + SECOND]
    path = few(tmp_path / "a.parquet", [0, -3_600, 900_000], received=received)
    outlet = play(ParquetConnector(path, ManualClock(NOW + 2 * SECOND)), lambda kept: len(kept.rows()) >= 2)
    assert [ts for _, ts, _, _ in outlet.rows()][:2] == [
        NOW + 2 * SECOND - 100,
        NOW + 2 * SECOND - 100 - 3_600 * SECOND,
    ]


def test_files_of_a_folder_are_played_by_their_names_a_few_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 2)
    few(tmp_path / "2.parquet", [0, -3, 0])
    few(tmp_path / "1.parquet", [0, 0, 0, 0, 0])
    outlet = play(ParquetConnector(tmp_path, ManualClock(NOW)), lambda kept: len(kept.rows()) == 8)
    assert [len(batch) for batch in outlet.batches] == [2, 2, 1, 2, 1]
    assert [value for _, _, value, _ in outlet.rows()][5:] == [0.0, -3.0, 0.0]


def test_texts_qualities_and_original_times_are_kept(tmp_path):
    path = write(
        tmp_path / "a.parquet",
        machine=["rig", "rig", None],
        tag=["x", "execution", "y"],
        ts=[T, None, T],
        value=[None, None, 2.0],
        text=[None, "ACTIVE", None],
        quality=[0, 1, 2],
        source_ts=[T - 7, T - 8, None],
        received=[T, T, T],
    )
    outlet = play(ParquetConnector(path, ManualClock(NOW)), lambda kept: len(kept.rows()) == 3)
    (batch,) = outlet.batches
    assert outlet.rows()[1:] == [("execution", NULL, "ACTIVE", 1), ("y", NOW, 2.0, 2)]
    assert np.isnan(batch.value[0])
    assert source_times(batch) == [T - 7, T - 8, T]


@pytest.mark.parametrize("wild", [10**9, None])
@pytest.mark.parametrize("at", [0, 1])
def test_a_row_of_a_wild_time_or_none_holds_nobody_up_and_is_handed_over_to_be_refused(tmp_path, wild, at):
    ts = [T] * 4
    ts[at] = wild and T + wild * SECOND
    path = write(
        tmp_path / "a.parquet", machine=["rig"] * 4, tag=["x"] * 4, ts=ts, value=[0.0, 1.0, 2.0, 3.0]
    )
    outlet = play(ParquetConnector(path, ManualClock(NOW)), lambda kept: len(kept.rows()) == 4)
    told = [NOW] * 4
    told[at] = NOW + wild * SECOND if wild else NULL
    assert [row[1:3] for row in outlet.rows()] == list(zip(told, [0.0, 1.0, 2.0, 3.0], strict=True))


def test_a_wild_last_row_holds_the_next_file_not_up(tmp_path):
    few(tmp_path / "1.parquet", [0, 10**9])
    few(tmp_path / "2.parquet", [0, 0])
    connector = ParquetConnector(tmp_path, ManualClock(NOW))
    assert len(play(connector, lambda kept: len(kept.rows()) == 4).rows()) == 4
    assert connector.trouble == ""


def test_it_can_be_stopped_while_it_waits(tmp_path):
    connector = ParquetConnector(few(tmp_path / "a.parquet", [0, 3_600]), ManualClock(NOW))
    assert len(play(connector, lambda kept: kept.rows()).rows()) == 1


NOON = pa.table({"machine": ["rig"], "tag": ["x"], "ts": ["noon"], "value": [1.0]})


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: path.write_bytes(b"no parquet at all"), "is no table of readings"),
        (lambda path: write(path, machine=["rig"], ts=[T], value=[1.0]), "has no column 'tag'"),
        (lambda path: pa.parquet.write_table(NOON, path), "is no table of readings"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_files_that_are_no_readings_are_named(tmp_path, make, complaint):
    path = tmp_path / "a.parquet"
    make(path)
    with pytest.raises(TableError, match=complaint):
        ParquetConnector(path, ManualClock(NOW)).run(MemoryOutlet(), threading.Event())


def test_a_folder_without_files_is_named(tmp_path):
    with pytest.raises(TableError, match="name the folder that holds them"):
        next(recorded(tmp_path))

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from streams.clock import SECOND, ManualClock
from streams.connectors import parquet
from streams.connectors.csv import TableError
from streams.connectors.parquet import ParquetConnector, files
from streams.connectors.stamps import stamp
from streams.records import NULL
from streams.testing import MemoryOutlet, Tearing, Torn, running, source_times

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
        files(tmp_path)


@pytest.mark.parametrize("torn", range(1, 4))
def test_started_anew_it_goes_on_where_it_was(tmp_path, monkeypatch, torn):
    monkeypatch.setattr(parquet, "ROWS", 2)
    few(tmp_path / "1.parquet", [0, 0, 0])
    few(tmp_path / "2.parquet", [0, 0, 2])
    clock, outlet = ManualClock(NOW), Tearing(torn)
    connector = ParquetConnector(tmp_path, clock)
    with pytest.raises(Torn):
        connector.run(outlet, threading.Event())
    clock.time += 2 * SECOND
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda kept: len(kept.rows()) == 6)
    assert [ts - NOW for _, ts, _, _ in outlet.rows()] == [0] * 5 + [2 * SECOND]


def spoilt(path, at):
    """Overwrite some bytes of a file."""
    content = bytearray(path.read_bytes())
    content[at : at + 64] = b"\xff" * 64
    path.write_bytes(content)
    return path


def grouped(path):
    """Write three groups of two rows, the last of which cannot be read."""
    table = pa.table(
        {"machine": ["rig"] * 6, "tag": ["x"] * 6, "ts": [T] * 6, "value": [float(n) for n in range(6)]}
    )
    pa.parquet.write_table(table, path, row_group_size=2, compression="snappy", use_dictionary=False)
    with pa.parquet.ParquetFile(path) as file:
        at = file.metadata.row_group(2).column(0).data_page_offset
    return spoilt(path, at)


@pytest.mark.parametrize(
    ("make", "rows", "says"),
    [
        (lambda path: path.write_bytes(b"no parquet at all"), 0, "2.parquet is no table of readings"),
        (lambda path: write(path, machine=["rig"], ts=[T], value=[1.0]), 0, "2.parquet has no column 'tag'"),
        (grouped, 4, "2.parquet cannot be read"),
    ],
)
def test_a_damaged_file_of_a_folder_is_refused_once_and_left_behind(tmp_path, monkeypatch, make, rows, says):
    monkeypatch.setattr(parquet, "READ", 2)
    few(tmp_path / "1.parquet", [0, 0])
    make(tmp_path / "2.parquet")
    few(tmp_path / "3.parquet", [0, 0, 0])
    clock, outlet = ManualClock(NOW), Tearing(9)
    connector = ParquetConnector(tmp_path, clock)
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda kept: len(kept.rows()) == 5 + rows)
    with running(lambda stop: connector.run(outlet, stop)):
        pass
    assert outlet.reasons() == ["unreadable_file"]
    (told,) = outlet.refused[0].raw.to_list()
    assert told.startswith(f"From row {rows + 1} on: The file ")
    assert says in told
    assert len(outlet.rows()) == 5 + rows


def test_a_file_alone_that_is_damaged_further_on_is_played_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "READ", 2)
    path = tmp_path / "a.parquet"
    grouped(path)
    outlet = play(ParquetConnector(path, ManualClock(NOW)), lambda kept: kept.reasons())
    assert (len(outlet.rows()), outlet.reasons()) == (4, ["unreadable_file"])


def test_a_file_that_is_away_for_now_is_waited_for_and_nothing_comes_twice(tmp_path):
    few(tmp_path / "1.parquet", [0, 0])
    (tmp_path / "2.parquet").symlink_to(tmp_path / "there")
    few(tmp_path / "3.parquet", [0])
    connector, outlet = ParquetConnector(tmp_path, ManualClock(NOW)), MemoryOutlet()
    for _ in range(2):
        with pytest.raises(TableError, match=r"2\.parquet cannot be read: .*No such file"):
            connector.run(outlet, threading.Event())
    assert len(outlet.rows()) == 2
    few(tmp_path / "there", [0, 0])
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda kept: len(kept.rows()) == 5)
    assert (len(outlet.rows()), outlet.reasons()) == (5, [])

from __future__ import annotations

import threading

import pytest

from streams.catalog import Machine, Tag
from streams.clock import MINUTE, SECOND, ManualClock
from streams.connectors import csv
from streams.connectors.csv import CsvConnector, Table, TableError, decode_rows
from streams.connectors.stamps import stamp
from streams.records import NULL
from streams.testing import MemoryOutlet, Tearing, Torn, heard, rows, running, source_times, until

RIG = Machine("rig", (Tag("Pressure"), Tag("Flow Rate")))
ISO = "2020-03-09 10:14:33"
T = stamp(ISO)
NOW = 1_000 * SECOND


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "series.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def connector(path, clock, separator=";", columns=("Pressure", "Flow Rate")):
    return CsvConnector(RIG, path, "datetime", separator, columns, clock)


def replay(one, until):
    outlet = MemoryOutlet()
    with running(lambda stop: one.run(outlet, stop)):
        outlet.wait_for(until)
    return outlet


def test_only_the_named_columns_enter_shifted_to_the_clock(write):
    path = write(
        "datetime;Pressure;Flow Rate;anomaly",
        "2020-03-09 10:14:33;0.5;32.0;1.0",
        "2020-03-09 10:14:34;0.6;31.0;0.0",
    )
    outlet = replay(
        connector(path, Quick()),
        lambda kept: len(kept.rows()) == 4,
    )
    assert outlet.rows() == [
        ("Pressure", NOW, 0.5, 0),
        ("Flow Rate", NOW, 32.0, 0),
        ("Pressure", NOW + SECOND, 0.6, 0),
        ("Flow Rate", NOW + SECOND, 31.0, 0),
    ]
    assert source_times(outlet.batches[0])[:2] == [T, T]


class Quick(ManualClock):
    """A clock that first shows `NOW` and then a time after everything."""

    def __init__(self):
        super().__init__(NOW)

    def now(self):
        shown, self.time = self.time, NOW + 3600 * SECOND
        return shown


def test_rows_come_when_their_time_has_come(write):
    path = write("datetime,Pressure", "2020-03-09 10:14:33,1", "2020-03-09 10:15:33,2")
    clock, outlet = ManualClock(NOW), MemoryOutlet()
    one = connector(path, clock, ",", ["Pressure"])
    with running(lambda stop: one.run(outlet, stop)):
        outlet.wait_for(lambda kept: kept.rows() == [("Pressure", NOW, 1.0, 0)])
        clock.time = NOW + MINUTE
        outlet.wait_for(lambda kept: kept.rows()[1:] == [("Pressure", NOW + MINUTE, 2.0, 0)])


def test_a_row_of_a_wild_time_holds_nobody_up_and_is_handed_over_to_be_refused(write):
    path = write("datetime,Pressure", "2020-03-09 10:14:33,1", "2999-01-01,2", "2020-03-09 10:14:33,3")
    one = connector(path, ManualClock(NOW), ",", ["Pressure"])
    outlet = replay(one, lambda kept: len(kept.rows()) == 3)
    wild = stamp("2999-01-01") - T + NOW
    assert outlet.rows() == [("Pressure", ts, n, 0) for ts, n in [(NOW, 1.0), (wild, 2.0), (NOW, 3.0)]]
    assert one.trouble == ""


def test_a_row_that_comes_in_days_is_a_trouble(write):
    path = write("datetime,Pressure", "2020-03-09 10:14:33,1", "2020-03-12 10:14:33,2")
    one = connector(path, ManualClock(NOW), ",", ["Pressure"])
    with heard(one):
        until(lambda: one.trouble.startswith("The next row comes in 3 d"))


@pytest.mark.parametrize("torn", [1, 2, 3])
def test_started_anew_it_goes_on_where_it_was(write, monkeypatch, torn):
    monkeypatch.setattr(csv, "ROWS", 2)
    seconds = [33, 33, 33, 33, 33, 35]
    path = write("datetime,Pressure", *(f"2020-03-09 10:14:{at},{n}" for n, at in enumerate(seconds)))
    clock, outlet = ManualClock(NOW), Tearing(torn)
    one = connector(path, clock, ",", ["Pressure"])
    with pytest.raises(Torn):
        one.run(outlet, threading.Event())
    clock.time += 2 * SECOND
    with running(lambda stop: one.run(outlet, stop)):
        outlet.wait_for(lambda kept: len(kept.rows()) == 6)
    assert [(ts - NOW, value) for _, ts, value, _ in outlet.rows()] == [
        *((0, float(n)) for n in range(5)),
        (2 * SECOND, 5.0),
    ]


def test_a_row_that_cannot_be_read_is_refused_once_and_left_behind(write):
    path = write("datetime,Pressure", f"{ISO},1", f"{ISO},{'9' * 200_000}", f"{ISO},3")
    one = connector(path, ManualClock(NOW), ",", ["Pressure"])
    outlet = replay(one, lambda kept: len(kept.rows()) == 2 and kept.refused)
    with running(lambda stop: one.run(outlet, stop)):
        pass
    assert [value for _, _, value, _ in outlet.rows()] == [1.0, 3.0]
    assert outlet.reasons() == ["unreadable_row"]
    assert outlet.refused[0].raw.to_list() == [
        f"The file {path} cannot be read at row 3: field larger than field limit (131072)."
    ]


def test_without_named_columns_the_machines_tags_enter(write):
    path = write("datetime;Pressure;Flow Rate;changepoint", "2020-03-09 10:14:33;1;2;0")
    outlet = replay(connector(path, Quick(), columns=()), lambda kept: kept.rows())
    assert [tag for tag, *_ in outlet.rows()] == ["Pressure", "Flow Rate"]


def test_bad_cells_are_dealt_with_one_by_one(write):
    path = write(
        "datetime;Pressure;Flow Rate",
        "2020-03-09 10:14:33;;broken",
        "when?;1;2",
        "2020-03-09 10:14:34;nan",
    )
    outlet = replay(connector(path, Quick()), lambda kept: len(kept.rows()) == 2 and kept.refused)
    assert str(outlet.rows()) == str(
        [("Flow Rate", NOW, "broken", 0), ("Pressure", NOW + SECOND, float("nan"), 0)]
    )
    assert outlet.reasons() == ["empty_value", "bad_time", "empty_value"]
    refused = outlet.refused[0]
    assert refused.raw.to_list() == [";broken", "1;2", "nan;"]
    assert refused.tag.to_list() == ["Pressure", None, "Flow Rate"]
    assert refused.ts.tolist() == [NOW, NULL, NOW + SECOND]


def test_a_row_of_empty_cells_is_one_reject_that_names_them():
    readings, rejects = decode_rows(Table(None, "rig", "t", ("a", "b", "c")), [(T, ["", "1", " "])], 0)
    assert rows(readings) == [("b", T, 1.0, 0)]
    assert rejects.tag.to_list() == ["a, c"]
    assert rejects.reason.to_list() == ["empty_value"]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["time;Pressure;Flow Rate"], "has no column 'datetime'"),
        (["datetime;Pressure"], "has no column 'Flow Rate'"),
        ([""], "has no column"),
    ],
)
def test_a_table_of_other_columns_is_refused(write, lines, complaint):
    with pytest.raises(TableError, match=complaint):
        connector(write(*lines), ManualClock()).run(MemoryOutlet(), threading.Event())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match="cannot be read: No such file"):
        list(Table(tmp_path / "none.csv", "rig", "t", ()).rows())


def test_rows_decode_without_any_clock():
    table = Table(None, "rig", "t", ("Pressure",))
    readings, rejects = decode_rows(table, [(T, ["1"]), (None, ["2"])], shift=5)
    assert rows(readings) == [("Pressure", T + 5, 1.0, 0)]
    assert len(rejects) == 1

"""Rows of quarantine: each reading as it was sent; of a flood the first ones, and how many more."""

import json

import numpy as np
import pytest

from streams.catalog import Catalog
from streams.chain import NO_PARTS, LineChain
from streams.log.abc import Entry, Kind
from streams.operators import quarantine
from streams.operators.quarantine import MOST
from streams.operators.testing import NOON, entry, everything, machine, table
from streams.records import RAW_LIMIT, Readings, Rejects, Text, encode

MORE = 2 * MOST + 7
TOLD = ("tag", "reason", "raw")


def readings(size, tag="x"):
    return Readings.numbers(["nobody"] * size, [tag] * size, np.arange(size), np.arange(size, dtype=float))


def chain():
    return LineChain(Catalog((machine("m", ("a",)),)), parts=lambda entry: ((), NO_PARTS))


def test_as_many_as_are_kept_are_kept_one_by_one():
    rows = table(
        [quarantine.refused(readings(MOST), Text.constant("late", MOST), NOON, "gw")], "quarantine", *TOLD
    )
    assert len(rows) == MOST
    assert [json.loads(raw)["ts"] for *_, raw in rows] == list(range(MOST))


def test_of_a_flood_the_first_are_kept_and_the_others_counted():
    (found,) = chain().update(entry(1, readings(MORE), NOON)).rows
    rows = table([found], "quarantine", *TOLD)
    assert len(rows) == MOST + 1
    assert {(tag, reason) for tag, reason, _ in rows} == {("x", "unknown_tag")}
    assert [json.loads(raw)["ts"] for *_, raw in rows[:MOST]] == list(range(MOST))
    said = json.loads(rows[-1][-1])
    assert said["rows"] == MORE - MOST
    assert json.loads(said["first"]) == {
        "machine": "nobody", "tag": "x", "ts": MOST, "value": MOST, "quality": 0,
    }  # fmt: skip


def test_a_flood_of_one_reason_takes_no_other_one_along():
    reasons = Text(("late", "unknown_tag"), (np.arange(MORE) == MORE - 1).astype(np.int32))
    rows = table([quarantine.refused(readings(MORE), reasons, NOON, "gw")], "quarantine", "event_ts", *TOLD)
    assert [reason for *_, reason, _ in rows].count("late") == MOST + 1
    ((stamp, *_),) = (row for row in rows if row[2] == "unknown_tag")
    assert stamp == quarantine.iso(np.array([MORE - 1]))[0]
    assert json.loads(rows[-1][-1])["rows"] == MORE - 1 - MOST


@pytest.mark.parametrize("size", [MOST, MORE])
def test_the_same_entry_gives_the_same_rows(size):
    flood = entry(1, readings(size), NOON)
    assert everything([chain().update(flood)]) == everything([chain().update(flood)])


def test_a_flood_of_rejects_is_counted_too():
    rejects = Rejects.of("malformed_json", [f"{number}" for number in range(MORE)])
    flood = Entry(1, Kind.REJECTS, NOON, "gw", encode(rejects.to_arrow()))
    rows = table(chain().update(flood).rows, "quarantine", *TOLD)
    assert [raw for *_, raw in rows[:MOST]] == [f"{number}" for number in range(MOST)]
    assert [json.loads(raw) for *_, raw in rows[MOST:]] == [{"rows": MORE - MOST, "first": f"{MOST}"}]


def test_no_row_holds_more_letters_than_it_can_keep():
    long = '\u710a"' * RAW_LIMIT
    (row,) = table(
        [quarantine.refused(readings(1, long), Text.of(["late"]), NOON, "gw")], "quarantine", *TOLD
    )
    whole = json.dumps({"machine": "nobody", "tag": long}, separators=(",", ":"), ensure_ascii=False)
    assert row == (long[:RAW_LIMIT], "late", whole[:RAW_LIMIT])

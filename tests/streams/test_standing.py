"""What is committed stands where the log no longer tells all of it."""

import json

import numpy as np

from streams.clock import HOUR
from streams.operators.standing import Lift, Said, Standing
from streams.operators.testing import NOON, table
from streams.records import Rows, Text


def accounts(*told):
    """Rows of ``oee`` of (machine, start, version)."""
    machine, ts, version = zip(*told, strict=True)
    columns = {"machine": Text.of(list(machine)), "ts": np.array(ts), "version": np.array(version)}
    return (Rows("oee", columns),)


def told(said):
    return table(said.accounts, "oee", "machine", "ts", "version")


def test_nothing_is_held_back_as_long_as_snapshots_can_be_read():
    batch = Said(NOON, accounts=accounts(("mill", NOON, 3)))
    assert Standing().update(batch) is batch


def test_a_shift_that_began_before_the_log_stands_and_later_ones_are_told():
    operator = Standing()
    operator.begin({"oee": {"mill": NOON, "lathe": NOON - 2 * HOUR}}, {})
    rows = [("mill", NOON - HOUR, 7), ("lathe", NOON - HOUR, 4), ("mill", NOON, 1), ("new", 0, 1)]
    said = operator.update(Said(NOON, accounts=accounts(*rows)))
    assert told(said) == rows[1:]
    assert operator.last == NOON
    assert operator.whole == NOON
    ((machine, reason, raw),) = table(said.held, "quarantine", "machine", "reason", "raw")
    assert (machine, reason) == ("mill", "not_recomputed")
    assert json.loads(raw)["began_before"] == "2023-11-15T12:00:00.000000Z"
    again = operator.update(Said(NOON + 1, accounts=accounts(rows[0])))
    assert (again.accounts, again.held) == ((), ())


def test_versions_go_on_above_those_that_are_committed():
    operator = Standing()
    operator.begin({}, {"oee": Lift(983, NOON)})
    said = operator.update(Said(NOON, accounts=accounts(("mill", NOON, 2), ("mill", NOON + HOUR, 1))))
    assert told(said) == [("mill", NOON, 985), ("mill", NOON + HOUR, 1)]


def test_rows_without_versions_are_left_alone():
    operator = Standing()
    operator.begin({"windows": {"mill": NOON}}, {"windows": Lift(5, NOON)})
    late = (Rows("quarantine", {"ts": np.array([0]), "machine": Text.of(["mill"])}),)
    assert operator.update(Said(NOON, windows=late)).windows == late

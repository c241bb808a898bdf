from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console.data import Alarm, Anomaly, Balance, Counts, MachineNow, Scores, State, Tally
from engine.console.notices import Notice, notices, present, scheduled
from streams.catalog import Calendar, Machine, Shift, Tag

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EARLY = Calendar(ZoneInfo("UTC"), (Shift("early", 360, 840, breaks=((600, 615),)),))
MILL = Machine("mill", (Tag("execution", numeric=False), Tag("load", detect=True)), EARLY)


def machine(state, minutes, end=None):
    told = State(NOON - minutes * MINUTE, end, state, "FEED_HOLD", None)
    return MachineNow(NOON, NOON, (told,), None)


def calls(found, now=NOON, **others):
    given = {"anomalies": {}, "counts": {}} | others
    return notices([MILL], now, {"mill": found} if found else {}, given["anomalies"], given["counts"])


@pytest.mark.parametrize(("minutes", "called"), [(4, False), (5, True)])
def test_a_stop_calls_once_it_is_no_minor_stop(minutes, called):
    found = calls(machine("stop", minutes))
    assert found == ([Notice("stop", "mill", NOON - minutes * MINUTE, "FEED_HOLD")] if called else [])


@pytest.mark.parametrize("state", ["run", "setup", "planned_stop"])
def test_a_machine_at_work_or_stopped_by_plan_does_not_call(state):
    assert calls(machine(state, 60)) == []


def test_a_machine_without_data_calls_at_once():
    assert calls(machine("no_data", 1)) == [Notice("no_data", "mill", NOON - MINUTE, "")]
    ended = machine("run", 60, end=NOON - 10 * MINUTE)
    assert calls(ended) == [Notice("no_data", "mill", NOON - 10 * MINUTE, "")]


def test_a_machine_that_never_said_a_word():
    assert calls(MachineNow(NOON, NOON, (), None)) == [Notice("no_data", "mill", None, "")]


@pytest.mark.parametrize(
    ("hour", "minute", "works"), [(5, 59, False), (6, 0, True), (10, 5, False), (14, 0, False)]
)
def test_nobody_is_called_outside_the_shift_or_in_a_break(hour, minute, works):
    now = NOON.replace(hour=hour, minute=minute)
    assert scheduled(MILL, now) is works
    stopped = State(now - 30 * MINUTE, None, "stop", "", None)
    assert bool(calls(MachineNow(now, now, (stopped,), None), now)) is works


def test_a_rig_that_tells_no_state_does_not_call_for_it():
    rig = Machine("pump", (Tag("flow", detect=True),))
    assert notices([rig], NOON, {"pump": MachineNow(NOON, NOON, (), None)}, {}, {}) == []


def scores(ended, newest=NOON):
    alarm = Alarm(ended - 5 * MINUTE, ended, 9, 4.0, 3.0, (("load", 0.8), ("speed", 0.1)))
    return {"mill": Scores(NOON, NOON, (), Anomaly(newest, 4.0, 3.0, "load", 0.8), (alarm,), 100, NOON)}


def test_an_anomaly_calls_while_its_alarm_lasts():
    assert calls(None, anomalies=scores(NOON)) == [Notice("anomaly", "mill", NOON - 5 * MINUTE, "load")]
    assert calls(None, anomalies=scores(NOON - 2 * MINUTE)) == []
    assert calls(None, anomalies=scores(NOON - 20 * MINUTE, newest=NOON - 20 * MINUTE)) == []


def test_a_ledger_that_does_not_close_calls():
    balance = Balance("cam1", "r", NOON, 10, 7, 0, 0, 0, 3)
    tallies = Counts(Tally(0, 0, 0), Tally(0, 0, 0), NOON, 0.0, (balance,))
    assert calls(None, counts={"weld": tallies}) == [Notice("ledger", "weld", None, "3")]


def test_the_newest_comes_first():
    found = calls(machine("stop", 60), anomalies=scores(NOON))
    assert [item.kind for item in found] == ["anomaly", "stop"]


def test_a_state_that_ended_is_not_the_present_one():
    assert present(machine("run", 60, end=NOON - MINUTE), NOON)[0] == "no_data"
    assert present(machine("run", 60), NOON)[0] == "run"

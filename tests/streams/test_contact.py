from __future__ import annotations

import json

import pytest

from streams.catalog import Machine, Tag
from streams.clock import DAY, HOUR, SECOND, ManualClock
from streams.connectors.contact import Contact
from streams.connectors.memory import Memory, Standing
from streams.operators.states import States
from streams.operators.testing import keys, step, table
from streams.records import Readings
from streams.testing import MemoryOutlet

AVAIL, EXECUTION = Tag("avail", numeric=False), Tag("execution", numeric=False)
MILL = Machine("mill", (AVAIL, EXECUTION, Tag("load")))
OVEN = Machine("oven", (Tag("temperature"),))
TEMPERATURE = ("oven", "temperature")


@pytest.fixture
def clock():
    return ManualClock(100 * SECOND)


@pytest.fixture
def outlet():
    return MemoryOutlet()


def gaps(outlet):
    """Return machine, from, to and why of each gap."""
    told = [
        (machine, json.loads(raw), reason)
        for batch in outlet.refused
        for machine, raw, reason in zip(
            batch.machine.to_list(), batch.raw.to_list(), batch.reason.to_list(), strict=True
        )
    ]
    assert {reason for *_, reason in told} <= {"gap"}
    return [(machine, raw["from"], raw["to"], raw["why"]) for machine, raw, _ in told]


def test_what_was_before_the_first_contact_is_a_gap_without_a_begin(clock, outlet):
    contact = Contact([OVEN], {TEMPERATURE}, clock)
    assert contact.heard(outlet)
    assert not contact.heard(outlet)
    assert gaps(outlet) == [("oven", None, "1970-01-01T00:01:40Z", "nobody listened before")]


def test_a_gap_lasts_from_the_last_word_to_the_next_and_is_of_every_machine(clock, outlet):
    contact = Contact([MILL, OVEN], {("mill", "load"), TEMPERATURE}, clock)
    contact.heard(outlet)
    clock.time += 5 * SECOND
    contact.heard(outlet)
    clock.time += SECOND
    contact.lost(outlet, "the server is gone")
    contact.lost(outlet, "it does not answer")
    clock.time += SECOND
    assert contact.heard(outlet)
    span = ("1970-01-01T00:01:45Z", "1970-01-01T00:01:47Z", "the server is gone")
    assert gaps(outlet)[2:] == [("mill", *span), ("oven", *span)]
    assert outlet.refused[1].ts.tolist() == [105 * SECOND] * 2
    assert outlet.rows() == []


def test_who_tells_a_machines_execution_vouches_for_its_availability(clock, outlet):
    contact = Contact([MILL, OVEN], {("mill", "execution"), TEMPERATURE}, clock)
    contact.heard(outlet)
    clock.time += 1
    contact.lost(outlet, "gone")
    contact.lost(outlet, "still gone")
    clock.time += 1
    contact.heard(outlet)
    now = 100 * SECOND
    assert outlet.rows() == [
        ("avail", now, "AVAILABLE", 0),
        ("avail", now + 1, "UNAVAILABLE", 0),
        ("avail", now + 2, "AVAILABLE", 0),
    ]


def test_a_source_that_tells_availability_itself_is_not_spoken_for(clock, outlet):
    contact = Contact([MILL], {("mill", "execution"), ("mill", "avail")}, clock)
    contact.heard(outlet)
    contact.lost(outlet, "gone")
    contact.heard(outlet)
    assert [value for _, _, value, _ in outlet.rows()] == ["UNAVAILABLE"]


def test_a_source_that_was_never_reached_leaves_its_machine_unavailable(clock, outlet):
    contact = Contact([MILL], {("mill", "execution")}, clock)
    contact.lost(outlet, "no route")
    contact.heard(outlet)
    assert [value for _, _, value, _ in outlet.rows()] == ["UNAVAILABLE", "AVAILABLE"]
    assert gaps(outlet) == [("mill", None, "1970-01-01T00:01:40Z", "nobody listened before")]


def test_what_somebody_kept_meanwhile_is_no_gap(clock, outlet):
    contact = Contact([MILL], {("mill", "execution")}, clock)
    contact.heard(outlet)
    contact.lost(outlet, "the broker is gone")
    assert contact.heard(outlet, whole=True)
    assert len(gaps(outlet)) == 1
    assert [value for _, _, value, _ in outlet.rows()] == ["AVAILABLE", "UNAVAILABLE", "AVAILABLE"]


def test_readings_that_a_heard_source_lost_are_counted(clock, outlet):
    contact = Contact([OVEN], {TEMPERATURE}, clock)
    contact.heard(outlet)
    clock.time += SECOND
    contact.skipped(outlet, "the queue was full", 7)
    (raw,) = outlet.refused[1].raw.to_list()
    assert json.loads(raw) == {
        "from": "1970-01-01T00:01:40Z",
        "to": "1970-01-01T00:01:41Z",
        "why": "the queue was full",
        "lost": 7,
    }


TOLD = {("mill", "execution")}


def again(outlet):
    """Return an outlet that remembers of a gateway what another's memory had on disk."""
    other = MemoryOutlet()
    saved = json.loads(json.dumps(outlet.memory.saved()))
    other.memory = Memory({name: Standing.read(one) for name, one in saved.items()})
    return other


def test_after_a_kill_a_machine_is_unavailable_from_when_it_was_known_to_be_heard(clock, outlet):
    Contact([MILL], TOLD, clock).heard(outlet)
    clock.time += 10 * SECOND
    outlet.memory.note(105 * SECOND)
    after = again(outlet)
    clock.time += 60 * SECOND
    assert Contact([MILL], TOLD, clock).heard(after)
    span = ("1970-01-01T00:01:40Z", "1970-01-01T00:02:50Z", "the gateway was killed")
    assert gaps(after) == [("mill", *span)]
    assert after.rows() == [
        ("avail", 105 * SECOND, "UNAVAILABLE", 0),
        ("avail", 170 * SECOND, "AVAILABLE", 0),
    ]


def test_an_absence_goes_on_over_a_kill_and_is_told_once(clock, outlet):
    contact = Contact([MILL], TOLD, clock)
    contact.heard(outlet)
    clock.time += SECOND
    contact.lost(outlet, "the cable is out")
    outlet.memory.note(clock.time)
    after = again(outlet)
    clock.time += SECOND
    contact = Contact([MILL], TOLD, clock)
    contact.lost(after, "it does not answer")
    assert after.rows() == []
    contact.heard(after)
    assert gaps(after) == [("mill", "1970-01-01T00:01:40Z", "1970-01-01T00:01:42Z", "the cable is out")]


def test_what_changed_after_the_time_that_is_noted_is_not_believed_yet(clock, outlet):
    """What was said of it may not be on disk."""
    contact = Contact([MILL], TOLD, clock)
    contact.heard(outlet)
    outlet.memory.note(clock.time)
    clock.time += SECOND
    contact.lost(outlet, "the cable is out")
    outlet.memory.note(clock.time - 1)
    after = again(outlet)
    Contact([MILL], TOLD, clock).lost(after, "it does not answer")
    assert after.rows() == [("avail", 100 * SECOND, "UNAVAILABLE", 0)]


def test_a_kill_of_long_ago_is_told_at_a_time_that_is_still_taken(clock, outlet):
    Contact([MILL], TOLD, clock).heard(outlet)
    outlet.memory.note(clock.time)
    clock.time += 3 * DAY
    after = again(outlet)
    Contact([MILL], TOLD, clock).heard(after)
    assert after.rows()[0] == ("avail", clock.time - DAY + HOUR, "UNAVAILABLE", 0)


def test_no_state_is_made_up_of_the_time_in_which_a_gateway_was_dead(clock, outlet):
    """The log ticked on, so that far beyond the allowance the machine counted as running."""
    where = keys(MILL)
    operator = States(where)
    Contact([MILL], TOLD, clock).heard(outlet)
    said = Readings.texts(["mill"], ["execution"], [100 * SECOND], ["ACTIVE"])
    operator.update(step(where, said, 101 * SECOND, received=101 * SECOND))
    outlet.memory.note(110 * SECOND)
    for now in range(102, 900):
        operator.update(step(where, None, (now - 12) * SECOND, received=now * SECOND))
    after, clock.time = again(outlet), 900 * SECOND
    Contact([MILL], TOLD, clock).heard(after)
    told = []
    for now, batch in enumerate([*after.batches, None, None], 900):
        told += operator.update(step(where, batch, (now - 2) * SECOND, received=now * SECOND)).rows
    assert table(told, "states", "ts", "end_ts", "version", "state") == [
        (100 * SECOND, 110 * SECOND, 2, "run"),
        (110 * SECOND, None, 1, "no_data"),
        (110 * SECOND, 900 * SECOND, 2, "no_data"),
        (900 * SECOND, None, 1, "run"),
    ]

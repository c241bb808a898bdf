"""What is told of alarms ends as their scores do, however late these come, and over restarts."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import MINUTE, SECOND
from streams.events import written
from streams.operators.alarms import APART, FORGETS, NEVER, Above, Alarms
from streams.operators.testing import NOON, believed

ALLOWANCE = 30 * SECOND


def at(seconds):
    return NOON + int(seconds * SECOND)


class Machine:
    """One machine's alarms, told of one change after another; a restart forgets what no snapshot holds."""

    def __init__(self, allowance=ALLOWANCE):
        self.allowance = allowance
        self.alarms = Alarms("mill", allowance)
        self.events = []

    def hear(self, seconds, *scores):
        """Take (second, score) pairs, None for one below the threshold; return what is told."""
        for second, score in scores:
            self.alarms.take(at(second), None if score is None else Above(score, 2.0, "load", 0.75))
        found = sorted(self.alarms.tell(at(seconds)), key=lambda event: event.key)
        self.events += [(event.key, event.kind, json.loads(event.payload)) for event in found]
        return [short(event) for event in found]

    def restart(self):
        saved = json.loads(json.dumps(self.alarms.snapshot()))
        self.alarms = Alarms("mill", self.allowance)
        if saved is not None:
            self.alarms.restore(saved)


def short(event):
    """Return an event as kind, the seconds at which it is said to be and to have begun, and its count."""
    began, _, again = event.mark.partition("-")
    return event.kind, (event.at - NOON) // SECOND, (int(began) - NOON) // SECOND, int(again or 0)


@pytest.fixture
def mill():
    return Machine()


def test_an_alarm_that_late_readings_take_back_is_withdrawn(mill):
    assert mill.hear(11, (10, 3.0)) == [("alarm_began", 10, 10, 0)]
    assert mill.hear(20, (10, None)) == [("alarm_withdrawn", 10, 10, 0)]
    assert mill.hear(300) == []


def test_an_alarm_that_was_told_to_have_ended_is_withdrawn_too():
    mill = Machine(allowance=2 * MINUTE)
    mill.hear(11, (10, 3.0))
    assert mill.hear(71) == [("alarm_ended", 10, 10, 0)]
    assert mill.hear(100, (10, None)) == [("alarm_withdrawn", 10, 10, 0)]
    assert believed(mill.events) == {}


def test_an_alarm_that_late_readings_raise_is_told_with_its_own_time(mill):
    assert mill.hear(40, (15, 3.0)) == [("alarm_began", 15, 15, 0)]
    assert mill.hear(76) == [("alarm_ended", 15, 15, 0)]


def test_one_that_is_over_when_late_readings_raise_it_is_told_with_its_end():
    mill = Machine(allowance=5 * MINUTE)
    assert mill.hear(250, (15, 3.0)) == [("alarm_began", 15, 15, 0), ("alarm_ended", 15, 15, 0)]


def test_an_alarm_that_begins_earlier_or_later_is_withdrawn_and_told_from_there(mill):
    mill.hear(12, (11, 3.0))
    assert mill.hear(13, (9, 3.0)) == [("alarm_began", 9, 9, 0), ("alarm_withdrawn", 11, 11, 0)]
    assert mill.hear(14, (9, None)) == [("alarm_began", 11, 11, 1), ("alarm_withdrawn", 9, 9, 0)]
    assert mill.hear(15, (11, None)) == [("alarm_withdrawn", 11, 11, 1)]


def test_an_ending_that_moves_is_told_again(mill):
    mill.hear(11, (10, 3.0))
    assert mill.hear(72) == [("alarm_ended", 10, 10, 0)]
    assert mill.hear(73, (50, 4.0)) == []
    assert mill.hear(111) == [("alarm_ended", 50, 10, 1)]
    assert believed(mill.events) == {("mill", written(at(10))): (written(at(50)), 2, 4.0)}


def test_two_alarms_that_a_late_score_joins_are_one_and_come_apart_without_it():
    mill = Machine(allowance=5 * MINUTE)
    mill.hear(200, (10, 3.0), (100, 4.0))
    assert mill.hear(201, (60, 2.5)) == [("alarm_ended", 100, 10, 1), ("alarm_withdrawn", 100, 100, 0)]
    assert mill.hear(202, (60, None)) == [
        ("alarm_began", 100, 100, 1), ("alarm_ended", 10, 10, 2), ("alarm_ended", 100, 100, 1),
    ]  # fmt: skip


def test_an_alarm_that_no_longer_begins_in_its_middle_goes_on_without_a_word(mill):
    mill.hear(10, (9, 3.0))
    assert mill.hear(31, (30, 5.0)) == []
    assert mill.hear(32, (30, None)) == []
    ((kind, *_),) = mill.hear(70)
    assert (kind, mill.events[-1][2]["peak"]) == ("alarm_ended", 3.0)


def test_scores_that_come_out_otherwise_are_told_once_when_they_can_change_no_more():
    mill = Machine(allowance=2 * MINUTE)
    mill.hear(13, (10, 3.0), (11, 3.0), (12, 3.0))
    mill.hear(73)
    for peak in (4.0, 5.0, 6.0):
        assert mill.hear(80 + peak, (11, peak)) == []
    assert mill.hear(192) == []
    assert mill.alarms.due == at(193)
    assert mill.hear(193) == [("alarm_ended", 12, 10, 1)]
    assert believed(mill.events) == {("mill", written(at(10))): (written(at(12)), 3, 6.0)}


def test_a_long_alarm_keeps_no_more_than_the_allowance(mill):
    for second in range(1000):
        mill.hear(second + 1, (second, 3.0))
    assert len(mill.alarms.snapshot()["scores"]) <= (ALLOWANCE + FORGETS) // SECOND + 1
    assert mill.hear(1060) == [("alarm_ended", 999, 0, 0)]
    assert mill.events[-1][2]["scores"] == 1000


def test_an_alarm_that_lasted_before_the_update_ends_as_itself(mill):
    mill.alarms.restore_lasting({"began": at(0), "last": at(50), "scores": 7, "peak": 4.0})
    assert mill.alarms.due == at(111)
    assert mill.hear(70, (40, None), (69, 5.0)) == []
    assert mill.hear(130) == [("alarm_ended", 69, 0, 0)]
    assert (mill.events[-1][2]["scores"], mill.events[-1][2]["peak"]) == (8, 5.0)


SPAN = 300
SCORES = st.none() | st.integers(20, 40).map(lambda tenths: tenths / 10)
CHANGES = st.lists(st.tuples(st.integers(0, SPAN - 1), SCORES, st.integers(0, 1000)), max_size=60)
FIRST = st.dictionaries(st.integers(0, SPAN - 1), st.floats(2.1, 4.0), max_size=12)


def alarms_of(scores):
    """Return what the view `anomaly_alarms` says: beginning -> last score, number, peak."""
    times = sorted(second for second, score in scores.items() if score is not None)
    apart = [later for earlier, later in pairwise(times) if (later - earlier) * SECOND > APART]
    begins = [*times[:1], *apart]
    found = {}
    for began, until in pairwise([*begins, SPAN]):
        own = [second for second in times if began <= second < until]
        peak = max(scores[second] for second in own)
        found["mill", written(at(began))] = (written(at(own[-1])), len(own), peak)
    return found


@settings(max_examples=300)
@given(first=FIRST, changes=CHANGES, allowance=st.integers(0, 200), restart=st.integers(0, 600))
def test_what_is_told_ends_as_the_scores_do(first, changes, allowance, restart):
    mill, scores, due = Machine(allowance * SECOND), dict(first), {}
    for second, score, delay in changes:
        due.setdefault(second + 1 + delay % (allowance + 1), []).append((second, score))
    for mark in range(1, SPAN + 2 * allowance + 80):
        own = [(mark - 1, first[mark - 1])] if mark - 1 in first else []
        scores.update(due.get(mark, []))
        mill.hear(mark, *own, *due.get(mark, []))
        if mark == restart:
            mill.restart()
    assert believed(mill.events) == alarms_of(scores)
    assert mill.alarms.snapshot() is None
    assert mill.alarms.due == NEVER


@settings(max_examples=100)
@given(first=FIRST, changes=CHANGES, restart=st.integers(1, 300))
def test_looked_at_when_due_alone_it_tells_the_same(first, changes, restart):
    often, seldom = Machine(), Machine()
    due = {}
    for second, score, delay in changes:
        due.setdefault(second + 1 + delay % 31, []).append((second, score))
    for mark in range(1, SPAN + 140):
        own = [(mark - 1, first[mark - 1])] if mark - 1 in first else []
        given_now = [*own, *due.get(mark, [])]
        told = often.hear(mark, *given_now)
        if given_now or at(mark) >= seldom.alarms.due:
            assert seldom.hear(mark, *given_now) == told
        else:
            assert told == []
        if mark == restart:
            seldom.restart()
    assert seldom.alarms.snapshot() == often.alarms.snapshot() is None

"""A score finds what a chain gets wrong."""

from dataclasses import replace

import numpy as np
import pytest

from streams.calendar import containing
from streams.clock import HOUR, MINUTE, SECOND
from streams.simulate import SEED, model, score, truth
from streams.simulate.score import RAISED_AFTER, Account, Observed, differing, raised
from streams.simulate.truth import Stretch

START = 1_790_000_000 * SECOND
UNTIL = START + 4 * HOUR
TRUE = truth(SEED, START, UNTIL, [model("mill-1")])["mill-1"]
LIFE = TRUE.lives[0]


def perfect(**changes):
    """Return what a chain would say that makes no mistake; it alarms when the bearing begins to go."""
    ts = np.arange(START, UNTIL, 5 * SECOND, dtype=np.int64)
    span = containing(TRUE.model.calendar, START)
    parts = len(TRUE.finished(span.start, UNTIL))
    said = Observed(
        until=UNTIL,
        states=TRUE.stretches,
        finished=tuple(run.end for run in TRUE.finished(START, UNTIL)),
        accounts=(Account(span.start, UNTIL, TRUE.losses(span, UNTIL, 5 * MINUTE), (parts, 0, 0)),),
        ts=ts,
        scores=np.where((ts > LIFE.onset) & (ts < LIFE.trip), 1.0, -1.0),
    )
    return replace(said, **changes)


def test_a_chain_that_makes_no_mistake():
    found = score(TRUE, perfect())
    assert (found.states_wrong_s, found.states_unknown_s, found.missed, found.false_alarms) == (0, 0, 0, 0)
    assert found.days == pytest.approx(4 / 24)
    (shift,) = found.shifts
    assert (shift.shift, shift.said, shift.parts_said) == ("night", shift.true, shift.parts_true)
    assert found.leads_min == pytest.approx([(LIFE.trip - LIFE.onset) / MINUTE], abs=1)


def test_a_wrong_state_and_an_unknown_one_are_counted_apart():
    first, *rest = TRUE.stretches
    wrong = replace(first, end=first.start + 7 * SECOND, state="no_data")
    late = replace(first, start=wrong.end, end=wrong.end + 3 * SECOND, state="planned_stop")
    found = score(TRUE, perfect(states=(wrong, late, replace(first, start=late.end), *rest)))
    assert (found.states_unknown_s, found.states_wrong_s) == (7, 3)


def test_runs_that_were_not_seen_are_missing():
    found = score(TRUE, perfect(finished=()))
    assert (found.runs_said, found.runs_true) == (0, len(TRUE.finished(START, UNTIL)))


def test_a_bearing_that_seizes_without_an_alarm_is_missed():
    quiet = perfect()
    found = score(TRUE, replace(quiet, scores=np.full(len(quiet.ts), -1.0)))
    assert (found.missed, found.leads_min, found.false_alarms) == (1, (), 0)


def test_an_alarm_of_a_sound_bearing_is_false():
    said = perfect()
    early = (said.ts > START + 5 * MINUTE) & (said.ts < START + 8 * MINUTE)
    found = score(TRUE, replace(said, scores=np.where(early, 1.0, said.scores)))
    assert (found.false_alarms, found.missed) == (1, 0)
    assert found.false_alarms_per_day == pytest.approx(6)


def test_what_lies_beyond_the_chains_progress_does_not_count():
    found = score(TRUE, perfect(until=START + HOUR, accounts=()))
    assert (found.missed, found.leads_min) == (0, ())
    assert found.runs_true == len(TRUE.finished(START, START + HOUR))


def test_another_oee_is_told():
    said = perfect()
    worse = replace(said.accounts[0].losses, unplanned_stop=said.accounts[0].losses.unplanned_stop + HOUR)
    (shift,) = score(TRUE, replace(said, accounts=(replace(said.accounts[0], losses=worse),))).shifts
    assert shift.said < shift.true - 0.1


def test_an_alarm_needs_scores_in_a_row():
    def moments(*above):
        return list(raised(np.arange(len(above)), np.array([1.0 if item else -1.0 for item in above])))

    assert moments(*[1] * RAISED_AFTER) == [RAISED_AFTER - 1]
    assert moments(*[1] * (RAISED_AFTER - 1), 0, *[1] * (RAISED_AFTER - 1)) == []
    assert len(moments(*[1] * 20, 0, *[1] * 20)) == 1, "a single low score ends no alarm"
    assert len(moments(*[1] * 20, *[0] * 20, *[1] * 20)) == 2


def test_states_that_nobody_told_are_unknown():
    true = [Stretch(0, 10, "run", "ACTIVE"), Stretch(10, 20, "stop", "READY")]
    assert differing(true, [], 0, 20) == (0, 20)
    assert differing(true, [Stretch(4, 16, "run", "ACTIVE")], 0, 20) == (6, 8)

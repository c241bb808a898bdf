from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console.data import Anomaly, MachineNow, State
from engine.console.locale import Locale
from engine.console.machine_query import span
from engine.console.timeline import STEPS, curve, segments, ticks, timeline

SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
TWO = SIX + timedelta(hours=8)
NOON = SIX + timedelta(hours=6)
SAY = Locale("en", ZoneInfo("UTC"))


def state(kind, begin, end=None):
    stamp = None if end is None else SIX + timedelta(minutes=end)
    return State(SIX + timedelta(minutes=begin), stamp, kind, kind.upper(), None)


def drawn(*states, now=NOON):
    return [(item.left, item.right, item.first.state) for item in segments(states, SIX, TWO, now)]


def test_states_are_placed_by_time():
    assert drawn(state("run", 0, 240), state("stop", 240, 300)) == [(0, 300, "run"), (300, 375, "stop")]


def test_an_open_state_lasts_until_now():
    assert drawn(state("run", 0)) == [(0, STEPS * 6 // 8, "run")]


def test_a_state_from_before_the_shift_begins_at_its_edge():
    assert drawn(state("run", -60, 240)) == [(0, 300, "run")]


def test_neighbours_of_one_state_become_one():
    assert drawn(state("run", 0, 60), state("run", 60, 120), state("stop", 120, 240)) == [
        (0, 150, "run"),
        (150, 300, "stop"),
    ]


def test_a_gap_between_two_runs_stays_a_gap():
    assert len(drawn(state("run", 0, 60), state("run", 120, 240))) == 2


def test_what_is_narrower_than_a_pixel_is_not_drawn():
    assert drawn(state("run", 0, 240), state("stop", 240, 240.01)) == [(0, 300, "run")]


def test_thousands_of_states_stay_a_small_drawing():
    states = [state("run" if step % 2 else "stop", step * 0.05, (step + 1) * 0.05) for step in range(7200)]
    assert len(drawn(*states)) <= STEPS


def test_the_timeline_says_each_state_in_words():
    machine = MachineNow(SIX, TWO, (state("stop", 0, 90),), None, ())
    assert "<title>Stopped, 06:00 to 07:30, 1 h 30 min</title>" in timeline(machine, NOON, SAY)


@pytest.mark.parametrize(
    ("hours", "first", "step", "count"), [(1, "06:00", 10, 6), (8, "06:00", 60, 8), (24, "06:00", 180, 8)]
)
def test_marks_are_round_times(hours, first, step, count):
    found = list(ticks(SIX, SIX + timedelta(hours=hours)))
    assert found[0].strftime("%H:%M") == first
    assert found[1] - found[0] == timedelta(minutes=step)
    assert len(found) == count


def test_marks_are_round_where_the_shift_begins_at_an_odd_time():
    odd = SIX + timedelta(minutes=7)
    assert next(ticks(odd, odd + timedelta(hours=8))).strftime("%H:%M") == "07:00"


@pytest.mark.parametrize(("elapsed", "length"), [(0.2, 1), (1, 1), (1.1, 2), (5, 8), (24, 24), (30, 30)])
def test_a_timeline_grows_in_steps(elapsed, length):
    assert span(timedelta(hours=elapsed)) == timedelta(hours=length)


def scored(*scores):
    points = tuple(Anomaly(SIX + timedelta(minutes=at), score, 3.0, "load", 0.9) for at, score in scores)
    return MachineNow(SIX, TWO, (), None, points)


def test_a_score_above_its_threshold_is_said_with_its_tag():
    drawing = curve(scored((350, 1.0), (359, 4.2)), NOON, SAY)
    assert "4.20 of 3.00" in drawing
    assert "above its threshold" in drawing
    assert "most of it from load" in drawing


def test_a_quiet_score():
    assert "quiet" in curve(scored((359, 1.0)), NOON, SAY)


def test_an_old_score_says_nothing_of_now():
    drawing = curve(scored((10, 1.0)), NOON, SAY)
    assert "last score 06:10" in drawing
    assert "quiet" not in drawing


def test_a_score_beyond_the_scale_stays_in_the_drawing():
    points = curve(scored((1, 1.0), (2, 90.0)), NOON, SAY).split('points="')[1].split('"')[0]
    assert all(0 <= float(point.split(",")[1]) <= 40 for point in points.split())


def test_a_machine_without_scores_says_so():
    assert "no tag of this machine is watched" in curve(scored(), NOON, SAY)

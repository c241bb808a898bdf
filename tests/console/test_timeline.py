from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console.data import Alarm, Anomaly, MachineNow, Scores, State
from engine.console.locale import Locale
from engine.console.machine_query import span
from engine.console.timeline import STEPS, curve, points, scale, segments, ticks, timeline

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
    machine = MachineNow(SIX, TWO, (state("stop", 0, 90),), None)
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


def scored(*scores, alarms=()):
    curve = tuple((SIX + timedelta(minutes=at), score) for at, score in scores)
    return Scores(SIX, TWO, curve, Anomaly(*curve[-1], 3.0, "load", 0.9), alarms, len(curve), NOON)


def drawn_curve(*scores, start=SIX, end=TWO, **changes):
    return curve(scored(*scores, **changes), start, end, SAY)


def test_an_alarm_is_said_with_its_tag():
    alarm = Alarm(SIX + timedelta(minutes=350), SIX + timedelta(minutes=359), 60, 4.2, 3.0, (("load", 0.9),))
    drawing = drawn_curve((350, 1.0), (359, 4.2), alarms=(alarm,))
    assert "4.20 of 3.00" in drawing
    assert "above its threshold" in drawing
    assert "most of it from load" in drawing


def test_a_quiet_score():
    assert "quiet" in drawn_curve((359, 1.0))


def test_an_old_score_says_nothing_of_now():
    drawing = drawn_curve((10, 1.0))
    assert "last score 06:10" in drawing
    assert "quiet" not in drawing


def test_a_score_beyond_the_scale_stays_in_the_drawing():
    found = points(scored((1, 1.0), (2, 90.0)).curve, SIX, TWO, 40, scale(scored((1, 1.0), (2, 90.0))))
    assert all(0 <= float(point.split(",")[1]) <= 40 for point in found.split())


def test_of_scores_in_one_place_the_highest_is_drawn():
    assert points(scored((0, 1.0), (0.1, 3.0), (0.2, 2.0)).curve, SIX, TWO, 40, 4.0) == "0,10.0"


def test_missing_scores_break_the_curve():
    assert drawn_curve((1, 1.0), (10, 1.0), (21, 1.0), (22, 1.0)).count("<polyline") == 2


def test_a_curve_that_begins_after_the_shift_says_so():
    assert "shown since 06:00" in drawn_curve((359, 1.0), start=SIX - timedelta(hours=2))
    assert "shown since" not in drawn_curve((359, 1.0))


def test_a_machine_without_scores_says_so():
    assert "no tag of this machine is watched" in curve(None, SIX, TWO, SAY)

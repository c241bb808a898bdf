"""Whatever times a replay's rows have, the others come when they are due."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.clock import DAY, HOUR, SECOND, ManualClock
from streams.connectors import pace as paces
from streams.connectors.pace import Pace
from streams.records import NULL
from streams.testing import running, until

T, NOW = 1_760_000_000 * SECOND, 1_000_000 * SECOND
FAR = "The next row comes in 3 d, as its time says; mend that if it is wrong."
AGE = 900 * 365 * DAY


def times(*given_times):
    return np.array(given_times, dtype=np.int64)


def played(pace, due, stop=None):
    """Return which rows are released, together."""
    return [list(range(part.start, part.stop)) for part in pace.play(due, stop or threading.Event())]


def offsets(told, behind=()):
    """Return how long after the first row each is due."""
    return (Pace(ManualClock(NOW), 10).due(times(*told), times(*behind)) - NOW).tolist()


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ([T, T + 5, T + 3, T + 9], [0, 5, 5, 9]),
        ([T, T + AGE, T + 1, T + 2], [0, 0, 1, 2]),
        ([T, T + AGE, T + AGE, T + 1, T + 2, T + 3], [0, 0, 0, 1, 2, 3]),
        ([T, T + DAY + 2, T + 1], [0, 0, 1]),
        ([T, T + DAY, T + 1], [0, DAY, DAY]),
        ([T, NULL, T + 1], [0, 0, 1]),
        ([T, np.iinfo(np.int64).max, T + 1], [0, 0, 1]),
        ([T, T + 3 * DAY, T + 3 * DAY + 1, T + 3 * DAY + 2], [0, 3 * DAY, 3 * DAY + 1, 3 * DAY + 2]),
        ([T, T - AGE, T + 1], [0, 0, 1]),
    ],
)
def test_a_wild_time_does_not_move_the_pace_and_a_weekend_does(told, due):
    assert offsets(told) == due


def test_rows_of_the_next_piece_tell_whether_a_last_one_is_wild():
    assert offsets([T, T + AGE], [T + 1, T + 2]) == [0, 0]
    assert offsets([T, T + 3 * DAY], [T + 3 * DAY + 1]) == [0, 3 * DAY]


@pytest.mark.parametrize("first", [NULL, T + AGE, np.iinfo(np.int64).min + 1])
def test_a_first_row_without_a_time_to_believe_is_due_at_once_and_sets_no_pace(first):
    pace = Pace(ManualClock(NOW), 10)
    due = pace.due(times(first, T, T + 1), times(T + 2))
    assert pace.shift == NOW - T
    assert due[0] <= NOW
    assert (due[1:] - NOW).tolist() == [0, 1]


def test_rows_that_all_lack_a_time_are_due_at_once():
    pace = Pace(ManualClock(NOW), 10)
    assert played(pace, pace.due(times(NULL, NULL), times())) == [[0, 1]]
    assert (pace.due(times(T, T + 1), times()) - NOW).tolist() == [0, 1]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(T, T + HOUR), min_size=1, max_size=9))
def test_any_times_are_due_one_after_the_other(told):
    due = offsets(told)
    assert due == sorted(due)


def test_pieces_go_on_where_the_last_one_was_played_to():
    clock = ManualClock(NOW)
    pace = Pace(clock, 2)
    clock.time = NOW + SECOND
    assert played(pace, pace.due(times(T, T, T), times(T))) == [[0, 1], [2]]
    assert (pace.due(times(T - 1, T + 4), times()) - clock.time).tolist() == [0, 4]


def test_a_row_that_was_not_taken_does_not_move_the_pace():
    """A consumer that fails asks for the same rows once more."""
    pace = Pace(ManualClock(NOW), 10)
    assert next(pace.play(pace.due(times(T, T + HOUR), times()), threading.Event())) == slice(0, 1)
    assert (pace.due(times(T, T + HOUR), times()) - NOW).tolist() == [0, HOUR]


def test_a_wait_of_more_than_a_day_is_told_until_it_is_over(monkeypatch):
    monkeypatch.setattr(paces, "PATIENCE", 0.01)
    clock = ManualClock(NOW)
    pace = Pace(clock, 10)
    released = []
    with running(lambda stop: released.extend(played(pace, pace.due(times(T, T + 3 * DAY), times()), stop))):
        until(
            lambda: pace.trouble == "The next row comes in 3 d, as its time says; mend that if it is wrong."
        )
        clock.time += 2 * DAY + HOUR
        until(lambda: pace.trouble == "")
        clock.time += DAY
        until(lambda: released == [[0], [1]])


def test_many_wild_rows_are_told_from_the_others():
    told = times(T, *[T + AGE] * (paces.LOOK // 4), *range(T + 1, T + paces.LOOK))
    due = Pace(ManualClock(NOW), 10).due(told, times())
    assert due.max() == NOW + paces.LOOK - 1

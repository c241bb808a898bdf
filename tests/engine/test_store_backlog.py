import math

import numpy as np

from engine.store.backlog import Backlog, Pace
from streams.abc import Output
from streams.records import Rows

PACE = Pace(delay=0.25, idle=1.0, batch=100, most=150, bound=300)


def output(position, size=0, urgent=False):
    rows = (Rows("readings", {"ts": np.zeros(size, np.int64)}),) if size else ()
    return Output(position, 0, rows, urgent)


def backlog(*outputs, now=10.0):
    backlog = Backlog(PACE)
    for item in outputs:
        backlog.add([item], now)
    return backlog


def positions(outputs):
    return [output.position for output in outputs]


def test_nothing_is_never_due():
    assert backlog().due_in(5.0) == math.inf
    assert backlog().take(5.0) == []


def test_rows_wait_a_quarter_of_a_second_and_bare_positions_a_second():
    assert backlog(output(1, 5)).due_in(10.0) == 0.25
    assert backlog(output(1)).due_in(10.0) == 1.0
    assert backlog(output(1), output(2, 5)).due_in(10.1) == 0.25 - (10.1 - 10.0)
    assert backlog(output(1)).due_in(99.0) == 0.0


def test_many_rows_or_an_urgent_one_do_not_wait():
    assert backlog(output(1, 100)).due_in(10.0) == 0.0
    assert backlog(output(1, 1, urgent=True)).due_in(10.0) == 0.0


def test_whoever_hurries_gets_everything():
    waiting = backlog(output(1), output(2, 1))
    waiting.hurry()
    assert waiting.due_in(10.0) == 0.0
    assert positions(waiting.take(10.0)) == [1, 2]
    assert waiting.due_in(10.0) == math.inf


def test_no_more_than_the_most_is_taken_at_once_but_always_one():
    waiting = backlog(output(1, 100), output(2, 60), output(3, 400))
    assert [positions(waiting.take(10.0)) for _ in range(3)] == [[1], [2], [3]]


def test_what_was_taken_counts_until_it_is_done():
    waiting = backlog(output(1, 300))
    waiting.take(10.0)
    assert not waiting.has_room
    assert (len(waiting), waiting.rows) == (1, 300)
    waiting.done()
    assert waiting.has_room
    assert (len(waiting), waiting.rows) == (0, 0)


def test_a_hurry_lasts_until_the_last_of_what_waited_is_taken():
    waiting = backlog(output(1, 140), output(2, 140, urgent=True))
    waiting.take(10.0)
    waiting.done()
    assert waiting.due_in(10.0) == 0.0
    assert positions(waiting.take(10.0)) == [2]


def test_of_bare_positions_only_the_last_is_kept():
    waiting = backlog(*(output(position) for position in range(1, 1000)), output(1000, 1), output(1001))
    assert positions(waiting.take(10.0)) == [999, 1000, 1001]

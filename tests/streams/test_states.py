import lzma
import os
import statistics
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from streams.catalog import StateRule
from streams.clock import SECOND
from streams.operators.states import States
from streams.operators.testing import NOON, keys, machine, step, table, words
from streams.operators.tracks import Interval
from streams.records import NULL

KEYS = keys(machine())
DATA = os.environ.get("SEAMLINE_DATA", "")


def at(seconds):
    return None if seconds is None else NOON + int(seconds * SECOND)


def tell(operator, mark, *said, where=KEYS):
    batch = words([("m", tag, at(ts), text) for ts, tag, text in said]) if said else None
    return operator.update(step(where, batch, NULL if mark is None else at(mark)))


def states(timeline):
    return table(timeline.rows, "states", "ts", "end_ts", "version", "state", "reason")


def runs(timeline):
    return table(timeline.rows, "runs", "ts", "end_ts", "program", "completed", "parts")


def test_an_interval_opens_as_version_1_and_closes_as_version_2():
    operator = States(KEYS)
    tell(operator, None, (0, "execution", "ACTIVE"), (5, "execution", "READY"))
    assert states(tell(operator, 3)) == [(NOON, None, 1, "run", "ACTIVE")]
    assert states(tell(operator, 6)) == [
        (NOON, at(5), 2, "run", "ACTIVE"),
        (at(5), None, 1, "stop", "READY"),
    ]


def test_words_are_taken_in_the_order_of_their_times():
    operator = States(KEYS)
    tell(operator, None, (5, "execution", "READY"), (0, "execution", "ACTIVE"))
    assert [row[3] for row in states(tell(operator, 10))] == ["run", "run", "stop"]


def test_a_word_said_again_opens_nothing():
    operator = States(KEYS)
    tell(operator, 1, (0, "execution", "ACTIVE"))
    assert states(tell(operator, 9, (3, "execution", "ACTIVE"), (4, "program", "7"))) == []


def test_several_words_of_one_time_make_no_empty_interval():
    operator = States(KEYS)
    same = [(0, "execution", "ACTIVE"), (0, "execution", "READY"), (0, "avail", "AVAILABLE")]
    assert states(tell(operator, 1, *same)) == [(NOON, None, 1, "stop", "READY")]


def test_an_unavailable_machine_has_no_data_whatever_it_said_before():
    operator = States(KEYS)
    said = [(0, "execution", "ACTIVE"), (5, "avail", "UNAVAILABLE"), (9, "avail", "AVAILABLE")]
    opened = [row for row in states(tell(operator, 10, *said)) if row[1] is None]
    assert opened == [
        (NOON, None, 1, "run", "ACTIVE"),
        (at(5), None, 1, "no_data", "UNAVAILABLE"),
        (at(9), None, 1, "run", "ACTIVE"),
    ]


def test_a_word_without_a_meaning_is_no_data_and_is_told():
    assert states(tell(States(KEYS), 1, (0, "execution", "DANCING"))) == [
        (NOON, None, 1, "no_data", "DANCING")
    ]


def test_meanings_can_be_configured():
    rule = StateRule(states=(("ACTIVE", "setup"),))
    where = keys(machine(state_rule=rule))
    assert states(tell(States(where), 1, (0, "execution", "ACTIVE"), where=where))[0][3] == "setup"


def test_a_run_lasts_from_the_first_run_state_to_a_word_that_ends_it():
    execution = [(0, "READY"), (1, "ACTIVE"), (3, "INTERRUPTED"), (4, "ACTIVE"), (9, "READY"), (9, "READY")]
    said = [(1, "program", "40"), *((ts, "execution", word) for ts, word in execution)]
    assert runs(tell(States(KEYS), 10, *said)) == [(at(1), at(9), "40", 1, 1)]


@pytest.mark.parametrize(
    ("end", "completed"),
    [
        (("execution", "PROGRAM_COMPLETED"), 1),
        (("execution", "STOPPED"), 0),
        (("execution", "UNAVAILABLE"), 0),
        (("avail", "UNAVAILABLE"), 0),
    ],
)
def test_only_some_ends_complete_a_run(end, completed):
    told = tell(States(KEYS), 10, (0, "execution", "ACTIVE"), (5, *end))
    assert runs(told) == [(NOON, at(5), None, completed, completed)]


def test_a_state_that_was_known_holds_as_long_as_somebody_listened():
    operator = States(KEYS)
    operator.resume([Interval(0, at(-9000), "run", "ACTIVE", None)], at(-8000))
    assert states(tell(operator, 5, (0, "program", "7"))) == [
        (at(-9000), at(-8000), 2, "run", "ACTIVE"),
        (at(-8000), None, 1, "no_data", "NO_LOG"),
    ]


def test_a_late_word_cuts_the_interval_that_is_still_open():
    operator = States(KEYS)
    tell(operator, 60, (0, "execution", "ACTIVE"))
    told = tell(operator, 61, (30, "avail", "UNAVAILABLE"))
    assert states(told) == [
        (NOON, at(30), 2, "run", "ACTIVE"),
        (at(30), None, 1, "no_data", "UNAVAILABLE"),
    ]
    assert runs(told) == [(NOON, at(30), None, 0, 0)]


def test_a_late_word_of_the_time_of_the_open_interval_revises_it():
    operator = States(KEYS)
    tell(operator, 60, (0, "execution", "ACTIVE"), (30, "execution", "READY"))
    assert states(tell(operator, 61, (30, "execution", "STOPPED"))) == [(at(30), None, 2, "stop", "STOPPED")]
    assert states(tell(operator, 99, (70, "execution", "READY")))[0] == (at(30), at(70), 3, "stop", "STOPPED")


def test_a_late_word_behind_a_settled_change_is_quarantined():
    operator = States(KEYS)
    tell(operator, 60, (0, "execution", "ACTIVE"), (30, "execution", "READY"))
    told = tell(operator, 61, (20, "execution", "STOPPED"))
    assert states(told) == []
    assert table(told.rows, "quarantine", "tag", "reason") == [("execution", "late")]


def test_unavailable_behind_a_settled_change_counts_from_the_watermark_on():
    operator = States(KEYS)
    tell(operator, 60, (0, "execution", "ACTIVE"), (30, "execution", "READY"))
    assert states(tell(operator, 61, (20, "avail", "UNAVAILABLE"))) == [
        (at(30), at(60), 2, "stop", "READY"),
        (at(60), None, 1, "no_data", "UNAVAILABLE"),
    ]


def test_a_late_word_within_the_allowance_tells_what_changes_again():
    operator = States(KEYS)
    tell(operator, 40, (15, "execution", "ACTIVE"), (30, "execution", "READY"))
    told = tell(operator, 41, (20, "execution", "STOPPED"), (25, "execution", "ACTIVE"))
    assert states(told) == [
        (at(15), at(20), 3, "run", "ACTIVE"),
        (at(20), at(25), 1, "stop", "STOPPED"),
        (at(25), at(30), 1, "run", "ACTIVE"),
    ]
    assert runs(told) == [(at(15), at(20), None, 0, 0), (at(25), at(30), None, 1, 1)]
    assert [(run.ts, run.end) for run in told.before] == [(at(15), at(30))]


def test_what_a_late_word_undoes_ends_where_it_began_and_may_come_again():
    operator = States(KEYS)
    tell(operator, 40, (15, "avail", "AVAILABLE"), (20, "execution", "ACTIVE"), (30, "execution", "READY"))
    undone = tell(operator, 41, (19, "avail", "UNAVAILABLE"))
    assert states(undone)[-2:] == [(at(20), at(20), 3, "run", "ACTIVE"), (at(30), at(30), 2, "stop", "READY")]
    assert runs(undone) == [(at(20), at(20), None, 0, 0)]
    again = tell(operator, 42, (19.5, "avail", "AVAILABLE"))
    assert (at(20), at(30), 4, "run", "ACTIVE") in states(again)
    assert table(again.rows, "runs", "ts", "end_ts", "version") == [(at(20), at(30), 3)]


def test_a_word_that_is_repeated_counts_once():
    operator = States(KEYS)
    said = [(15, "execution", "ACTIVE"), (30, "execution", "READY"), (30, "execution", "ACTIVE")]
    tell(operator, 40, *said)
    assert tell(operator, 41, said[1]).rows == ()


def silent(operator, received, mark, *said):
    batch = words([("m", tag, at(ts), text) for ts, tag, text in said]) if said else None
    return operator.update(step(KEYS, batch, at(mark), received=at(received)))


def test_stamps_far_apart_mean_that_nothing_is_known_in_between():
    operator = States(KEYS)
    silent(operator, 0, -2, (0, "execution", "ACTIVE"), (0, "avail", "AVAILABLE"))
    silent(operator, 10, 8)
    told = silent(operator, 21, 18)
    assert states(told) == [(NOON, at(10), 2, "run", "ACTIVE"), (at(10), None, 1, "no_data", "NO_LOG")]
    assert runs(told) == [(NOON, at(10), None, 0, 0)]
    assert states(silent(operator, 25, 24, (22, "avail", "AVAILABLE"))) == []
    again = silent(operator, 29, 28, (27, "execution", "ACTIVE"))
    assert states(again)[-1] == (at(27), None, 1, "run", "ACTIVE")


def test_a_silence_does_not_undo_what_was_said_ahead_of_the_stamps():
    operator = States(KEYS)
    silent(operator, 0, -2, (0, "execution", "ACTIVE"), (5, "execution", "READY"))
    opened = [row for row in states(silent(operator, 60, 50)) if row[1] is None]
    assert [(row[0], row[3]) for row in opened] == [(NOON, "run"), (at(5), "no_data")]


def test_a_machine_that_never_spoke_has_nothing_to_lose():
    operator = States(KEYS)
    silent(operator, 0, -2)
    assert states(silent(operator, 60, 50)) == []


def test_a_restored_operator_knows_the_open_interval_run_and_the_words_ahead():
    before, after = States(KEYS), States(KEYS)
    tell(before, 3, (0, "execution", "ACTIVE"), (0, "program", "40"), (9, "execution", "READY"))
    after.restore(before.snapshot())
    assert after.snapshot() == before.snapshot()
    one, other = tell(before, 10), tell(after, 10)
    assert runs(one) == runs(other) == [(NOON, at(9), "40", 1, 1)]
    assert states(one) == states(other) != []


def test_machines_are_restored_by_name():
    before = States(KEYS)
    tell(before, 3, (0, "execution", "ACTIVE"))
    where = keys(machine("new"), machine("m"))
    after = States(where)
    after.restore(before.snapshot())
    told = after.update(step(where, words([("m", "execution", at(5), "READY")]), NULL, at(6)))
    assert table(told.rows, "states", "machine", "state") == [("m", "run"), ("m", "stop")]


def recorded(name, *tags):
    """Return (time, tag, word) of a recorded day."""
    path = Path(DATA) / "nist-mtconnect" / name
    with lzma.open(path, "rt") as lines:
        for line in lines:
            stamp, *pairs = line.rstrip("\n").split("|")
            ts = int(datetime.fromisoformat(stamp).timestamp() * SECOND)
            yield from ((ts, tag, word) for tag, word in zip(pairs[::2], pairs[1::2]) if tag in tags)  # noqa: B905


def replayed(name):
    """Run a recorded day through the operator, word by word; return its intervals and runs as told last."""
    operator, newest = States(KEYS), 0
    intervals, finished = {}, {}
    for ts, tag, text in [*recorded(name, "execution", "program", "avail"), (2**60, "avail", "UNAVAILABLE")]:
        newest = max(newest, ts)
        told = operator.update(step(KEYS, words([("m", tag, ts, text)]), newest - 2 * SECOND))
        intervals |= {item.ts: item for item in told.intervals}
        finished |= {run.ts: run for run in told.runs}
    return [item for item in intervals.values() if item.end != NULL], list(finished.values())


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA names no folder with the recorded days")
def test_a_recorded_day_has_the_24_runs_that_its_operator_made():
    _, finished = replayed("Mazak03-20160511-20160512.txt.xz")
    lasting = [
        round((run.end - run.ts) / SECOND) for run in finished if run.completed and run.program == "40"
    ]
    assert sum(237 <= seconds <= 239 for seconds in lasting) == 24


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA names no folder with the recorded days")
def test_run_time_agrees_with_the_counter_of_the_control():
    ratios = []
    for path in sorted((Path(DATA) / "nist-mtconnect").glob("Mazak*.xz")):
        counter = [float(word) for _, _, word in recorded(path.name, "auto_time") if word != "UNAVAILABLE"]
        counted = sum(max(later - earlier, 0) for earlier, later in pairwise(counter))
        intervals, _ = replayed(path.name)
        running = sum(item.end - item.ts for item in intervals if item.state == "run") / SECOND
        ratios.append(running / counted)
    assert statistics.median(ratios) == pytest.approx(0.98, abs=0.005)
    assert all(0.9 < ratio < 1.01 for ratio in ratios)

"""What is told to others, and when: each event once, by event time alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from streams import events
from streams.catalog import Catalog, EventRule
from streams.chain import LineChain
from streams.clock import DAY, HOUR, MINUTE, SECOND
from streams.operators.outbox import Changes, Outbox
from streams.operators.testing import NOON, entry, keys, machine, numbers, plain, words
from streams.operators.tracks import Interval
from streams.records import NULL, Rows, Text

RULE = EventRule("line-1", stopped_after=MINUTE)
KEYS = keys(machine("mill"), machine("焊机 1"))


def at(seconds):
    return NOON + int(seconds * SECOND)


def at_noon(seconds):
    return events.written(at(seconds))


def told(rows):
    """Events as (kind, machine, payload)."""
    names = ("kind", "machine", "payload")
    found = [zip(*(plain(row, name) for name in names), strict=True) for row in rows]
    return [(kind, name, json.loads(payload)) for events in found for kind, name, payload in events]


class Line:
    """An operator that is told of one change after another."""

    def __init__(self, rule=RULE):
        self.operator = Outbox(KEYS, rule)
        self.position = 0
        self.rows = []

    def hear(self, seconds, *intervals, scores=(), accounts=()):
        self.position += 1
        marks = np.full(len(KEYS.machines), at(seconds), dtype=np.int64)
        rows = self.operator.update(Changes(self.position, marks, tuple(intervals), scores, accounts))
        self.rows += rows
        return told(rows)


@pytest.fixture
def line():
    return Line()


def state(seconds, name, reason="READY", of=0, end=NULL):
    return Interval(of, at(seconds), name, reason, "4711", end)


def scores(*above, name="mill", threshold=2.0, version=1):
    """Rows of scores given as (second, score)."""
    size = len(above)
    return (
        Rows(
            "anomalies",
            {
                "machine": Text.constant(name, size),
                "ts": np.array([at(second) for second, _ in above], dtype=np.int64),
                "version": np.full(size, version, dtype=np.int32),
                "score": np.array([score for _, score in above], dtype=np.float64),
                "threshold": np.full(size, threshold),
                "tag": Text.constant("load", size),
                "share": np.full(size, 0.75),
            },
        ),
    )


def test_a_stop_that_late_words_let_begin_earlier_is_told_by_its_true_beginning(line):
    line.hear(0, state(10, "stop"))
    line.hear(20, state(5, "stop"), replace(state(10, "stop"), end=at(10)))
    ((_, _, says),) = line.hear(66)
    assert says["since"] == "2023-11-15T12:00:05+00:00"


def test_a_stop_is_told_once_when_it_has_lasted_long_enough(line):
    assert line.hear(0, state(0, "stop")) == []
    assert line.hear(59) == []
    ((kind, name, says),) = line.hear(61)
    assert (kind, name) == ("machine_stopped", "mill")
    assert says == {
        "version": 1,
        "kind": "machine_stopped",
        "machine": "mill",
        "at": "2023-11-15T12:01:00+00:00",
        "since": "2023-11-15T12:00:00+00:00",
        "reason": "READY",
        "program": "4711",
    }
    assert line.hear(500) == []


def test_a_stop_goes_on_where_its_reason_changes_and_ends_where_the_machine_runs(line):
    line.hear(0, state(0, "stop"))
    line.hear(30, state(0, "stop", end=at(30)), state(30, "stop", "STOPPED"))
    ((_, _, says),) = line.hear(60)
    assert says["since"] == "2023-11-15T12:00:00+00:00"
    line.hear(70, state(70, "run", "ACTIVE"))
    line.hear(80, state(80, "stop"))
    assert line.hear(100, state(100, "no_data", "")) == []
    assert line.hear(300) == []


def test_a_stop_of_which_all_is_heard_at_once_is_told_too(line):
    ((_, _, says),) = line.hear(900, state(0, "stop"), state(60, "run"))
    assert says["at"] == "2023-11-15T12:01:00+00:00"
    assert line.hear(999, state(910, "stop"), state(969, "run")) == []


def test_an_alarm_begins_goes_on_and_ends_a_minute_after_its_last_score(line):
    ((kind, _, says),) = line.hear(11, scores=scores((9, 1.9), (10, 2.5)))
    assert (kind, says["at"], says["tag"]) == ("alarm_began", "2023-11-15T12:00:10+00:00", "load")
    assert line.hear(70, scores=scores((69, 4.0))) == []
    assert line.hear(129) == []
    ((kind, _, says),) = line.hear(130)
    assert kind == "alarm_ended"
    assert (says["began"], says["at"]) == ("2023-11-15T12:00:10+00:00", "2023-11-15T12:01:09+00:00")
    assert (says["scores"], says["peak"]) == (2, 4.0)


def test_a_jump_over_an_alarms_end_tells_of_both(line):
    found = line.hear(400, scores=scores((10, 3.0), (80, 3.0)))
    assert [kind for kind, *_ in found] == ["alarm_began", "alarm_ended", "alarm_began", "alarm_ended"]


def test_an_alarm_that_late_readings_take_back_is_withdrawn(line):
    line.hear(11, scores=scores((10, 3.0)))
    ((kind, name, says),) = line.hear(20, scores=scores((10, 1.0), version=2))
    assert (kind, name, says["at"], says["began"]) == ("alarm_withdrawn", "mill", at_noon(10), at_noon(10))
    assert plain(line.rows[-1], "key") == [f"alarm_withdrawn:mill:{at(10)}"]
    assert line.hear(400) == []


def test_an_alarm_that_late_readings_raise_is_told_of_its_own_machine(line):
    ((kind, name, says),) = line.hear(20, scores=scores((10, 3.0), name="焊机 1", version=2))
    assert (kind, name, says["at"]) == ("alarm_began", "焊机 1", at_noon(10))
    assert line.hear(21, scores=scores((9, 1.0), version=2)) == []


def test_an_older_snapshot_is_read_and_its_alarms_go_on(line):
    """As version 3 wrote it, on a plant that was updated while an alarm lasted."""
    alarm = {"began": at(0), "last": at(30), "scores": 5, "peak": 3.5}
    alarms = {"mill": alarm, "gone": alarm}
    saved = {"stops": {}, "alarms": alarms, "withdrawals": {}, "closed": {"mill": [1]}}
    line.operator.restore(json.dumps(saved).encode())
    assert line.hear(90) == []
    ((kind, _, says),) = line.hear(91)
    assert (kind, says["began"], says["at"], says["scores"]) == ("alarm_ended", at_noon(0), at_noon(30), 5)
    again = Line()
    again.operator.restore(line.operator.snapshot())
    assert again.operator.snapshot() == line.operator.snapshot()


def test_a_stop_that_turns_out_to_have_been_interrupted_counts_from_its_second_half(line):
    line.hear(20, state(0, "stop"))
    told = (state(0, "stop", end=at(30)), state(30, "run", end=at(40)), state(40, "stop"))
    assert line.hear(50, *told) == []
    assert line.hear(99) == []
    ((_, _, says),) = line.hear(100)
    assert says["since"] == "2023-11-15T12:00:40+00:00"


def test_a_stop_that_was_told_and_began_earlier_is_not_told_again(line):
    line.hear(0, state(10, "stop"))
    assert len(line.hear(70)) == 1
    assert line.hear(75, state(5, "stop"), state(10, "stop", end=at(10))) == []
    assert line.hear(300) == []


def test_a_stop_that_never_was_is_forgotten(line):
    line.hear(20, state(10, "stop"))
    assert line.hear(30, state(5, "run"), state(10, "stop", end=at(10))) == []
    assert line.hear(300) == []


def withdrawn(found):
    return [(kind, says["at"][11:19], says["since"][11:19]) for kind, _, says in found]


def test_a_stop_that_was_told_and_never_was_is_withdrawn_once(line):
    line.hear(70, state(10, "stop"))
    found = line.hear(75, state(5, "run"), state(10, "stop", end=at(10)))
    assert withdrawn(found) == [("stop_withdrawn", "12:00:10", "12:00:10")]
    assert plain(line.rows[-1], "key") == [f"stop_withdrawn:mill:{at(10)}"]
    assert line.hear(300, state(100, "run")) == []


def test_a_stop_that_was_told_while_nobody_listened_is_withdrawn_when_that_is_known(line):
    line.hear(0, state(0, "stop"))
    assert len(line.hear(61)) == 1
    found = line.hear(400, state(0, "stop", end=at(20)), state(20, "no_data"))
    assert withdrawn(found) == [("stop_withdrawn", "12:00:20", "12:00:00")]


def test_a_stop_is_withdrawn_by_the_beginning_that_was_told_also_over_a_restart(line):
    line.hear(0, state(10, "stop"))
    line.hear(70)
    line.hear(75, state(5, "stop"), state(10, "stop", end=at(10)))
    after = Line()
    after.operator.restore(line.operator.snapshot())
    found = after.hear(80, state(5, "stop", end=at(8)), state(8, "run"))
    assert withdrawn(found) == [("stop_withdrawn", "12:00:08", "12:00:10")]


def test_a_stop_that_stands_again_after_it_was_withdrawn_is_another_event(line):
    line.hear(70, state(10, "stop"))
    line.hear(75, state(5, "run"), state(10, "stop", end=at(10)))
    after = Line()
    after.operator.restore(line.operator.snapshot())
    assert len(after.hear(80, state(5, "run", end=at(10)), state(10, "stop"))) == 1
    assert plain(after.rows[-1], "key") == [f"machine_stopped:mill:{at(10)}-1"]
    after.hear(85, state(5, "run"), state(10, "stop", end=at(10)))
    assert plain(after.rows[-1], "key") == [f"stop_withdrawn:mill:{at(10)}-1"]


def test_a_stop_that_lasted_long_enough_is_not_withdrawn(line):
    line.hear(70, state(0, "stop"))
    assert line.hear(75, state(0, "stop", end=at(60)), state(60, "run")) == []


def test_what_is_told_anew_of_a_stop_that_is_over_leaves_nothing_behind(line):
    line.hear(30, state(0, "stop", end=at(20)), state(20, "run"))
    assert line.hear(40, state(0, "stop", "STOPPED", end=at(20))) == []
    assert line.hear(500) == []


def account(start, as_of, version, good=10):
    times = {
        name: [0] for name in ("unscheduled", "no_data", "planned_stop", "setup", "minor_stop", "speed_loss")
    } | {"unplanned_stop": [6 * HOUR], "reject_loss": [0], "review_loss": [0], "effective": [18 * HOUR]}
    integers = {
        "ts": [start],
        "version": [version],
        "as_of": [as_of],
        "calendar_us": [as_of - start],
        **{f"{name}_us": value for name, value in times.items()},
        "good": [good],
        "reject": [0],
        "review": [0],
        "ideal_cycle_us": [NULL],
    }
    columns = {name: np.array(value, dtype=np.int64) for name, value in integers.items()}
    return (Rows("oee", {"machine": Text.of(["mill"]), "shift": Text.of(["day"]), **columns}),)


def test_only_what_a_closed_shift_says_anew_is_told(line):
    start = NOON - 12 * HOUR
    assert line.hear(0, accounts=account(start, NOON, 1)) == []
    assert line.hear(1, accounts=account(start, start + DAY, 2)) == []
    ((kind, _, says),) = line.hear(2, accounts=account(start, start + DAY, 3, good=11))
    assert kind == "shift_revised"
    assert (says["start"], says["end"]) == ("2023-11-15T00:00:00+00:00", "2023-11-16T00:00:00+00:00")
    assert (says["account"], says["good"], says["availability"], says["oee_index"]) == (3, 11, 0.75, 0.75)


def test_keys_are_plain_and_each_is_there_once(line):
    for second in range(0, 1000, 100):
        line.hear(second, state(second, "stop", of=1))
        line.hear(second + 90, state(second + 95, "run", of=1), scores=scores((second, 3.0), name="焊机 1"))
    found = [key for row in line.rows for key in plain(row, "key")]
    assert len(found) == len(set(found)) > 20
    assert all(key.isascii() and " " not in key for key in found)
    assert found[0].startswith("machine_stopped:%E7%84%8A%E6%9C%BA%201:")


def test_the_same_event_is_one_row():
    event = events.machine_stopped("mill", at(60), at(0), "READY", None)
    assert plain(events.rows(RULE, 1, [event, event]), "key") == [event.key]


def test_without_a_rule_nothing_is_told():
    line = Line(rule=None)
    line.hear(0, state(0, "stop"), scores=scores((0, 9.0)))
    assert line.hear(1000) == []
    assert line.operator.snapshot() == Outbox(KEYS, RULE).snapshot()


def test_the_chain_tells_what_its_own_operators_found():
    catalog = Catalog((machine("mill", idle_after=2000 * SECOND),), RULE)
    chain = LineChain(catalog, parts=lambda given: ((), None))
    chain.update(entry(1, words([("mill", "execution", at(0), "ACTIVE")]), at(0)))
    chain.update(entry(2, words([("mill", "execution", at(10), "READY")]), at(10)))
    output = chain.update(entry(3, numbers([("mill", "a", at(100), 1.0)]), at(100)))
    (row,) = [rows for rows in output.rows if rows.table == "outbox"]
    assert plain(row, "shard") == ["line-1"]
    assert plain(row, "position") == [3]
    assert plain(row, "key") == [f"machine_stopped:mill:{at(10)}"]

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import HOUR, MINUTE, SECOND
from streams.operators.testing import NOON, keys, machine, numbers, step, table, words
from streams.operators.windows import Windows
from streams.records import NULL

KEYS = keys(machine("m", ("a", "b")), machine("n"))
COLUMNS = ("machine", "tag", "ts", "version", "count", "sum", "min", "max")


def at(seconds):
    return NOON + int(seconds * SECOND)


def feed(operator, mark, *readings, where=KEYS, others=NULL):
    """Take readings of (machine, tag, seconds, value), then move the marks, given in seconds."""
    batch = numbers([(name, tag, at(ts), value) for name, tag, ts, value in readings]) if readings else None
    marks = [NULL if mark is None else at(mark), others][: len(where.machines)]
    return operator.update(step(where, batch, *marks))


def windows(windowed, width=SECOND):
    found = table(windowed.rows, "windows", "width_us", *COLUMNS)
    return [row[1:] for row in found if row[0] == width]


def test_a_window_is_told_when_the_watermark_passes_its_end():
    operator = Windows(KEYS)
    assert feed(operator, None, ("m", "a", 0.2, 3.0), ("m", "a", 0.9, -1.0), ("m", "a", 1.0, 5.0)).rows == ()
    assert windows(feed(operator, 0.99)) == []
    assert windows(feed(operator, 1)) == [("m", "a", NOON, 1, 2, 2.0, -1.0, 3.0)]
    assert windows(feed(operator, 2)) == [("m", "a", at(1), 1, 1, 5.0, 5.0, 5.0)]


def test_minutes_and_hours_are_made_of_the_seconds_inside_them():
    operator = Windows(KEYS)
    for second in range(0, 3600, 20):
        feed(operator, second - 2, ("m", "a", second, float(second)))
    closed = feed(operator, 3600)
    assert windows(closed, MINUTE)[-1] == ("m", "a", at(3540), 1, 3, 3540.0 * 3 + 60, 3540.0, 3580.0)
    assert windows(closed, HOUR) == [("m", "a", NOON, 1, 180, float(sum(range(0, 3600, 20))), 0.0, 3580.0)]


def test_a_late_reading_revises_every_closed_window_it_belongs_to():
    operator = Windows(KEYS)
    feed(operator, 61, ("m", "a", 59.5, 1.0), ("m", "a", 60.5, 2.0))
    revised = feed(operator, 61, ("m", "a", 59.7, 4.0), ("m", "a", 60.7, 8.0))
    assert windows(revised) == [
        ("m", "a", at(59), 2, 2, 5.0, 1.0, 4.0),
        ("m", "a", at(60), 2, 2, 10.0, 2.0, 8.0),
    ]
    assert windows(revised, MINUTE) == [("m", "a", NOON, 2, 2, 5.0, 1.0, 4.0)]
    rest = feed(operator, 3600)
    assert windows(rest, MINUTE) == [("m", "a", at(60), 1, 2, 10.0, 2.0, 8.0)]
    assert windows(rest, HOUR) == [("m", "a", NOON, 1, 4, 15.0, 1.0, 8.0)]


def test_a_late_reading_of_a_window_that_was_empty_is_its_first_version():
    operator = Windows(KEYS)
    feed(operator, 10, ("m", "a", 9, 1.0))
    assert windows(feed(operator, 10, ("m", "b", 5, 2.0))) == [("m", "b", at(5), 1, 1, 2.0, 2.0, 2.0)]


def test_several_late_readings_of_one_entry_are_one_revision():
    operator = Windows(KEYS)
    feed(operator, 10, ("m", "a", 5, 1.0))
    (row,) = windows(feed(operator, 10, ("m", "a", 5.1, 1.0), ("m", "a", 5.2, 1.0)))
    assert row[3:6] == (2, 3, 3.0)


def test_a_reading_beyond_the_allowance_is_quarantined_and_changes_nothing():
    operator = Windows(KEYS)
    feed(operator, 60, ("m", "a", 58, 1.0))
    late = feed(operator, 60, ("m", "a", 29.9, 1.0), ("m", "a", 30, 2.0))
    assert table(late.rows, "quarantine", "tag", "event_ts", "reason") == [
        ("a", "2023-11-15T12:00:29.900000Z", "late")
    ]
    assert windows(late) == [("m", "a", at(30), 1, 1, 2.0, 2.0, 2.0)]


def test_one_machine_does_not_close_the_windows_of_another():
    operator = Windows(KEYS)
    feed(operator, 100, ("m", "a", 0, 1.0), ("n", "a", 0, 1.0))
    assert windows(feed(operator, 200, others=at(1))) == [("n", "a", NOON, 1, 1, 1.0, 1.0, 1.0)]


def test_an_entry_that_spans_more_than_the_ring_loses_nothing():
    operator = Windows(KEYS)
    hour = [("m", tag, second, 1.0) for tag in ("a", "b") for second in range(3600)]
    told = windows(feed(operator, None, *hour)) + windows(feed(operator, 3600))
    assert len(told) == 7200
    assert {row[3:5] for row in told} == {(1, 1)}


def test_texts_are_in_no_window():
    operator = Windows(KEYS)
    batch = words([("m", "execution", NOON, "READY"), ("m", "a", NOON, "UNAVAILABLE")])
    assert operator.update(step(KEYS, batch, at(100), NULL)).rows == ()


def test_the_closed_seconds_are_handed_on_by_machine_and_time():
    operator = Windows(KEYS)
    feed(operator, None, ("n", "a", 0, 1.0), ("m", "b", 1, 2.0), ("m", "a", 1, 3.0), ("m", "a", 0, 4.0))
    closed = feed(operator, 10, others=at(10)).closed
    assert closed.key.tolist() == [0, 0, 1, 5]
    assert closed.parts[:, 1].tolist() == [4.0, 3.0, 2.0, 1.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 8))
def test_however_readings_are_shuffled_and_batched_the_newest_version_is_the_truth(seed, span, batches):
    """Readings within the allowance: for every window the last version equals a plain group-by."""
    generator = np.random.default_rng(seed)
    ts = generator.integers(0, span * SECOND, 200)
    late = np.argsort(ts + generator.integers(0, 25 * SECOND, 200), kind="stable")
    value = generator.integers(-50, 50, 200).astype(float)
    operator, latest = Windows(KEYS), {}
    for part in np.array_split(late, batches):
        rows = [("m", "a", ts[i] / SECOND, value[i]) for i in part]
        if rows:
            mark = max(r[2] for r in rows) - 2
            for _, tag, start, version, *content in windows(feed(operator, mark, *rows)):
                assert version == latest.get((tag, start), (0,))[0] + 1
                latest[tag, start] = (version, *content)
    for _, tag, start, version, *content in windows(feed(operator, 1000)):
        latest[tag, start] = (version, *content)
    second = (NOON + ts) // SECOND * SECOND
    truth = {("a", int(s)): value[second == s] for s in np.unique(second)}
    assert {k: v[1:] for k, v in latest.items()} == {
        k: (len(v), v.sum(), v.min(), v.max()) for k, v in truth.items()
    }


def test_a_snapshot_holds_live_panes_only():
    operator = Windows(KEYS)
    empty = len(operator.snapshot())
    for second in range(0, 400):
        feed(operator, second - 2, *[("m", "a", second, 1.0)])
    assert len(operator.snapshot()) < empty + 50 * 60


def test_a_restored_operator_goes_on_bit_for_bit():
    before, after = Windows(KEYS), Windows(KEYS)
    feed(before, 58, ("m", "a", 55, 0.1), ("m", "b", 59, 0.2), ("n", "a", 59, 0.3), others=at(57))
    after.restore(before.snapshot())
    assert after.snapshot() == before.snapshot()
    more = [("m", "a", 55.5, 0.7), ("m", "a", 61, 0.3)]
    for mark in (60, 3700):
        one, other = feed(before, mark, *more), feed(after, mark, *more)
        assert [windows(one, w) for w in (SECOND, MINUTE, HOUR)] == [
            windows(other, w) for w in (SECOND, MINUTE, HOUR)
        ]


def test_keys_are_restored_by_name_though_the_plant_has_changed():
    before = Windows(KEYS)
    feed(before, 10, ("m", "a", 9.5, 1.0), ("m", "b", 9.5, 2.0), ("n", "a", 9.5, 3.0), others=at(9))
    changed = keys(machine("m", ("new", "b"), allowance=90 * SECOND), machine("new"))
    after = Windows(changed)
    after.restore(before.snapshot())
    told = windows(feed(after, 11, ("m", "b", 9.6, 4.0), where=changed))
    assert told == [("m", "b", at(9), 2, 2, 6.0, 2.0, 4.0)] or told == [
        ("m", "b", at(9), 1, 2, 6.0, 2.0, 4.0)
    ]


def test_widths_that_do_not_nest_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        Windows(KEYS, (2 * SECOND, 3 * SECOND))

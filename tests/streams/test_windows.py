from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import HOUR, MINUTE, SECOND
from streams.operators.testing import NOON, keys, machine, numbers, step, table, words
from streams.operators.windows import Windows
from streams.records import NULL

KEYS = keys(machine("m", ("a", "b")), machine("n"))
STAMPS = count(NOON, SECOND)
COLUMNS = ("machine", "tag", "ts", "version", "count", "sum", "min", "max")


def at(seconds):
    return NOON + int(seconds * SECOND)


def feed(operator, mark, *readings, where=KEYS, others=NULL, received=None, position=1):
    """Take readings of (machine, tag, seconds, value), then move the marks, given in seconds.

    The stamp is always a second on, so that what is late is told at once, if nothing else is said.
    """
    received = next(STAMPS) if received is None else at(received)
    batch = numbers([(name, tag, at(ts), value) for name, tag, ts, value in readings]) if readings else None
    marks = [NULL if mark is None else at(mark), others][: len(where.machines)]
    return operator.update(step(where, batch, *marks, received=received, position=position))


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


def folded(values):
    """Return count, sum, minimum and maximum, added one by one."""
    total = 0.0
    for value in values:
        total += value
    return len(values), total, min(values), max(values)


def truth(readings):
    """Return every window of distinct readings (tag, microseconds, value), folded in order of time."""
    found = {}
    for tag, ts, value in sorted({(tag, ts, value + 0.0) for tag, ts, value in readings}):
        found.setdefault((SECOND, tag, (NOON + ts) // SECOND * SECOND), []).append(value)
    seconds = {window: folded(values) for window, values in found.items()}
    return seconds | wider(seconds, SECOND, MINUTE) | wider(wider(seconds, SECOND, MINUTE), MINUTE, HOUR)


def wider(narrow, _, width):
    found = {}
    for (_, tag, start), parts in sorted(narrow.items(), key=lambda item: item[0]):
        count, total, low, high = found.get((width, tag, start // width * width), (0, 0.0, np.inf, -np.inf))
        fold = count + parts[0], total + parts[1], min(low, parts[2]), max(high, parts[3])
        found[width, tag, start // width * width] = fold
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.integers(1, 30), st.booleans())
def test_however_readings_are_shuffled_repeated_and_batched_the_newest_versions_are_the_truth(
    seed, span, batches, coarse
):
    """Any delay within the allowance: the last versions are bit for bit those of the sorted readings."""
    generator = np.random.default_rng(seed)
    step_us = SECOND if coarse else 1
    ts = generator.integers(0, span * SECOND // step_us, 300) * step_us
    value, tag = (
        generator.normal(size=300) * 10.0 ** generator.integers(-9, 9, 300),
        generator.integers(0, 2, 300),
    )
    again = np.append(np.arange(300), generator.integers(0, 300, 100))
    order = again[np.argsort(ts[again] + generator.integers(0, 28 * SECOND, 400), kind="stable")]
    operator, latest, mark = Windows(KEYS), {}, NULL
    feeds = [
        [("m", "ab"[tag[i]], ts[i] / SECOND, value[i]) for i in part]
        for part in np.array_split(order, batches)
    ]
    for rows in [*feeds, [], []]:
        mark = max(mark, max((row[2] for row in rows), default=8000.0) - 2)
        windowed = feed(operator, mark, *rows)
        for name, column, start, *content in table(
            windowed.rows, "windows", "tag", "width_us", "ts", "version", *COLUMNS[4:]
        ):
            assert content[0] == latest.get((column, name, start), (0,))[0] + 1
            latest[column, name, start] = content
        assert table(windowed.rows, "quarantine", "reason") == []
    readings = [("ab"[t], int(round(at_, 0)), v) for t, at_, v in zip(tag, ts, value, strict=True)]
    assert {window: tuple(content[1:]) for window, content in latest.items()} == truth(readings)
    assert operator.repeated == 400 - len(set(readings))


def test_a_repeated_reading_is_counted_and_changes_no_window():
    operator = Windows(KEYS)
    feed(operator, 10, ("m", "a", 5, 1.0), ("m", "a", 11, 2.0))
    assert feed(operator, 10, ("m", "a", 5, 1.0), ("m", "a", 11, 2.0)).rows == ()
    assert windows(feed(operator, 12)) == [("m", "a", at(11), 1, 1, 2.0, 2.0, 2.0)]
    assert operator.repeated == 2


def test_late_readings_are_told_once_a_second_of_stamps():
    operator = Windows(KEYS)
    feed(operator, 10, ("m", "a", 9, 1.0), received=10)
    first = feed(operator, 10, ("m", "a", 5, 1.0), received=10.1)
    second = feed(operator, 10, ("m", "a", 5.1, 1.0), received=10.9)
    third = feed(operator, 10, received=11)
    assert [windows(item) for item in (first, second)] == [[("m", "a", at(5), 1, 1, 1.0, 1.0, 1.0)], []]
    assert windows(third) == [("m", "a", at(5), 2, 2, 2.0, 1.0, 1.0)]


def test_a_machine_ahead_of_all_others_does_not_have_their_numbers_kept():
    operator = Windows(KEYS)
    feed(operator, None, ("n", "a", 3600, 1.0), others=at(3598), received=0)
    for second in range(100):
        feed(operator, second - 2, ("m", "a", second, 1.0), others=at(3598), received=second)
    assert len(operator._kept.chunks) < 1 + 32 + 10 + 2
    assert operator._kept.size == len(operator._kept.chunks)


def test_a_late_reading_of_long_ago_is_in_no_newer_window():
    operator = Windows(KEYS)
    feed(operator, 8, ("m", "a", 9, 1.0), ("n", "a", 9, 1.0), others=at(8))
    feed(operator, 8, ("m", "a", 10.5, 1.0), ("m", "a", 10.2, 1.0), ("n", "a", 10.5, 1.0), others=at(8))
    feed(operator, 43, others=at(8))
    feed(operator, 43, ("m", "a", 45.5, 1.0), ("m", "a", 45.2, 1.0), others=at(8))
    last = feed(operator, 47, ("n", "a", 10.2, 1.0), others=at(12))
    assert windows(last) == [
        ("m", "a", at(45), 1, 2, 2.0, 1.0, 1.0),
        ("n", "a", at(9), 1, 1, 1.0, 1.0, 1.0),
        ("n", "a", at(10), 1, 2, 2.0, 1.0, 1.0),
    ]


def test_beyond_what_is_kept_a_late_reading_is_too_late():
    operator = Windows(KEYS)
    operator._kept.most = 5
    for second in range(8):
        feed(operator, second - 2, ("m", "a", second, 1.0))
    late = feed(operator, 6, ("m", "a", 4.5, 1.0), ("m", "a", 5.5, 1.0))
    assert table(late.rows, "quarantine", "event_ts") == [("2023-11-15T12:00:04.500000Z",)]
    assert windows(late) == [("m", "a", at(5), 1, 2, 2.0, 1.0, 1.0)]


def test_a_snapshot_holds_live_panes_only():
    operator = Windows(KEYS)
    empty = len(operator.snapshot())
    for second in range(0, 400):
        feed(operator, second - 2, *[("m", "a", second, 1.0)])
    assert len(operator.snapshot()) < empty + 50 * 60


def test_a_pane_of_one_number_is_kept_as_that_number():
    def size(*panes):
        before = Windows(keys(machine("m", tuple(f"t{number}" for number in range(1000)))))
        few = [("m", f"t{number}", at(9) + place, 0.5 + place) for number in range(1000) for place in panes]
        before.update(step(before._keys, numbers(few), at(7)))
        after = Windows(before._keys)
        after.restore(before.snapshot())
        for one, other in zip(after._levels, before._levels, strict=True):
            assert np.array_equal(one.ring.cells, other.ring.cells)
            assert np.array_equal(one.ring.version, other.ring.version)
        return len(before.snapshot())

    assert size(0, 1) - size(0) == 1000 * (24 - 8)


def restored(before, *entries, where=KEYS):
    """Return an operator restored from another's snapshot, entries read again."""
    after = Windows(where)
    after.restore(before.snapshot())
    for position, readings in entries:
        batch = numbers([(name, tag, at(ts), value) for name, tag, ts, value in readings])
        after.remember(step(where, batch, NULL, NULL, position=position))
    return after


def told(*windowed):
    return [[windows(item, width) for width in (SECOND, MINUTE, HOUR)] for item in windowed]


FIRST = [("m", "a", 55, 0.1), ("m", "b", 59, 0.2), ("n", "a", 59, 0.3)]


def test_a_restored_operator_goes_on_bit_for_bit():
    before = Windows(KEYS)
    feed(before, 58, *FIRST, others=at(57), position=1)
    feed(before, 58, ("m", "a", 54, 0.4), ("m", "b", 57, 0.4), received=0, position=2)
    assert before.since == 0
    after = restored(before, (1, FIRST), (2, [("m", "a", 54, 0.4), ("m", "b", 57, 0.4)]))
    assert after.snapshot() == before.snapshot()
    more = [("m", "a", 55.5, 0.7), ("m", "a", 61, 0.3)]
    for position, mark in ((3, 60), (4, 3700)):
        stamp = {"received": mark, "position": position}
        one, other = told(*(feed(operator, mark, *more, **stamp) for operator in (before, after)))
        assert one == other
        assert any(one)


def test_where_the_log_is_gone_late_readings_are_too_late_instead_of_wrong():
    before = Windows(KEYS)
    feed(before, 58, *FIRST, others=at(57), position=8)
    after = restored(before)
    late = feed(after, 58, ("m", "a", 55.5, 0.7), ("m", "a", 60, 0.3), position=9)
    assert table(late.rows, "quarantine", "tag", "event_ts") == [("a", "2023-11-15T12:00:55.500000Z")]
    assert windows(feed(after, 61, position=10))[-1] == ("m", "a", at(60), 1, 1, 0.3, 0.3, 0.3)


def test_keys_are_restored_by_name_though_the_plant_has_changed():
    before = Windows(KEYS)
    feed(before, 10, ("m", "a", 9.5, 1.0), ("m", "b", 9.5, 2.0), ("n", "a", 9.5, 3.0), others=at(9))
    changed = keys(machine("m", ("new", "b"), allowance=90 * SECOND), machine("new"))
    after = restored(before, (1, [("m", "b", 9.5, 2.0)]), where=changed)
    late = feed(after, 11, ("m", "b", 9.6, 4.0), where=changed, position=2)
    assert windows(late) == [("m", "b", at(9), 2, 2, 6.0, 2.0, 4.0)]


def test_a_window_that_is_open_is_whole_though_the_allowance_was_lowered():
    before = Windows(KEYS)
    readings = [("m", "a", second, float(second)) for second in range(41)]
    feed(before, 38, *readings, position=1)
    shorter = keys(machine("m", ("a", "b"), allowance=SECOND), machine("n", allowance=SECOND))
    after = restored(before, (1, readings), where=shorter)
    told = feed(after, 60, ("m", "a", 62, 0.5), where=shorter, position=2)
    assert windows(told)[-1] == ("m", "a", at(40), 1, 1, 40.0, 40.0, 40.0)
    assert windows(told, MINUTE) == [("m", "a", NOON, 1, 41, float(sum(range(41))), 0.0, 40.0)]


def test_widths_that_do_not_nest_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        Windows(KEYS, (2 * SECOND, 3 * SECOND))

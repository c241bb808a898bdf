import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import _select, sweeps, windows
from kernels.windows import LATE, ON_TIME, TOO_LATE, Refolding, Ring, Spans

NEVER = np.iinfo(np.int64).min
GROUP = np.array([0, 0, 1], dtype=np.int32)

reading = st.tuples(
    st.integers(0, 2),
    st.integers(-40, 80),
    st.one_of(st.just(np.nan), st.sampled_from([0.0, -0.0]), st.floats(-1e9, 1e9)),
)


@pytest.fixture(params=["c", "python"])
def twin(request, monkeypatch):
    monkeypatch.setattr(windows, "_twin", _select.load("windows", request.param))


def columns(rows):
    key, ts, value = zip(*rows, strict=True) if rows else ([], [], [])
    return np.array(key, np.int32), np.array(ts, np.int64), np.array(value, np.float64)


def spans(first, last, begin, end):
    return Spans(*(np.array([item], np.int64) for item in (first, last, begin, end)))


def fill(rows, oldest=(0, 0), closed=(0, 0), ring=None, start=0):
    ring = ring or Ring.empty(10, 4, 3)
    late = np.zeros(len(rows), np.uint8)
    bounds = [np.array(item, np.int64) for item in (oldest, closed)]
    newest = np.full(3, NEVER)
    end, marked = windows.accumulate(
        ring,
        *columns(rows),
        group=GROUP,
        oldest=bounds[0],
        closed=bounds[1],
        newest=newest,
        late=late,
        start=start,
    )
    assert marked == np.count_nonzero(late)
    return ring, end, late.tolist()


@given(st.lists(reading, max_size=60), st.integers(-4, 2), st.integers(0, 3))
def test_both_twins_fill_the_same_panes_bit_for_bit(rows, oldest, open_for):
    outcomes = []
    for name in ("c", "python"):
        cells, late = np.zeros((12, 4)), np.zeros(len(rows), np.uint8)
        low, newest = np.array([oldest, oldest + 1], np.int64), np.full(3, NEVER)
        end = _select.load("windows", name).accumulate(
            *columns(rows), 0, GROUP, low, low + open_for, newest, 10, 4, cells, late
        )
        found = cells[:, 0] > 0
        added = cells[:, 0].tobytes(), cells[found].tobytes()
        outcomes.append((end, late.tobytes(), newest.tobytes(), *added))
    assert outcomes[0] == outcomes[1]


@given(st.lists(reading, max_size=40), st.integers(-3, 3))
def test_both_twins_merge_collect_and_clear_alike(rows, begin):
    key, pane, value = columns(rows)
    value = np.nan_to_num(value) + 0.0
    parts = np.stack([np.ones(len(key)), value, value, value], axis=1)
    outcomes = []
    for name in ("c", "python"):
        kernel, cells, version = (
            _select.load("windows", name),
            np.zeros((12, 4)),
            np.arange(12, dtype=np.int32),
        )
        kernel.merge(key, pane, parts, 3, 4, cells)
        found, at = np.zeros(12, np.int32), np.zeros(12, np.int64)
        some = [np.array(item, np.int64) for item in ([0, 2], [2, 3], [begin, begin], [begin + 4, begin + 1])]
        versions, contents = np.zeros(12, np.int32), np.zeros((12, 4))
        count = kernel.collect(*some, 3, 4, cells, version, found, at, versions, contents)
        kernel.clear(*some, 3, 4, cells, version)
        held = cells[:, 0] > 0
        listed = [column[:count].tobytes() for column in (found, at, versions, contents)]
        outcomes.append((listed, cells[held].tobytes(), version[held].tobytes()))
    assert outcomes[0] == outcomes[1]


@given(
    st.lists(reading, max_size=40),
    st.lists(st.tuples(st.integers(0, 2), st.integers(-9, 9), st.integers(-1, 4)), max_size=6),
)
def test_both_twins_fold_panes_alike(rows, wanted):
    key, pane, value = columns(rows)
    value = np.nan_to_num(value) + 0.0
    parts = np.stack([np.ones(len(key)), value, value, value], axis=1)
    which, begin, live = (np.array([row[place] for row in wanted], np.int64) for place in range(3))
    outcomes = []
    for name in ("c", "python"):
        kernel, cells = _select.load("windows", name), np.zeros((12, 4))
        kernel.merge(key, pane, parts, 3, 4, cells)
        folds = np.tile([1.0, 0.1, 0.1, 0.1], (len(wanted), 1))
        kernel.fold(which.astype(np.int32), begin, live, 3, 4, cells, folds)
        outcomes.append(folds.tobytes())
    assert outcomes[0] == outcomes[1]


@pytest.mark.usefixtures("twin")
def test_panes_that_follow_each_other_are_folded_behind_what_is_there_already():
    ring, *_ = fill([(0, 12, 3.0), (0, 25, -1.0), (2, 31, 5.0)])
    cells = np.array([[1.0, 10, 10, 10], [0, 0, 0, 0], [0, 0, 0, 0]])
    keys, begin, live = np.array([0, 0, 1], np.int32), np.array([1, 2, 0]), np.array([3, 1, 4])
    windows.fold(ring, keys, begin, live, cells)
    assert cells.tolist() == [[3, 12, -1, 10], [1, -1, -1, -1], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match="more panes are to be folded than the ring's 4"):
        windows.fold(ring, keys, begin, live + 3, cells)
    with pytest.raises(ValueError, match=r"a key lies outside 0\.\.2"):
        windows.fold(ring, keys + 2, begin, live, cells)


@pytest.mark.usefixtures("twin")
def test_a_pane_holds_count_sum_minimum_and_maximum():
    ring, end, late = fill([(0, 12, 3.0), (0, 19, -1.0), (0, 20, 7.0), (2, 12, 5.0)])
    assert (end, late) == (4, [ON_TIME] * 4)
    ring.version[ring.rows(np.array([2]), np.array([1]))] = 7
    key, pane, version, parts = windows.collect(ring, spans(0, 3, 1, 2))
    assert (key.tolist(), pane.tolist(), version.tolist()) == ([0, 2], [1, 1], [0, 7])
    assert parts.tolist() == [[2, 2, -1, 3], [1, 5, 5, 5]]


@pytest.mark.usefixtures("twin")
def test_a_reading_of_a_closed_pane_is_late_and_of_a_gone_one_too_late():
    ring, end, late = fill([(1, 15, 1.0), (0, 25, 1.0), (0, 5, 1.0), (2, 5, 1.0)], (1, 0), (2, 0))
    assert (end, late) == (4, [LATE, ON_TIME, TOO_LATE, ON_TIME])
    assert ring.cells[:, 0].sum() == 2


@pytest.mark.usefixtures("twin")
def test_a_reading_that_is_not_newer_than_all_before_it_of_its_key_is_late():
    rows = [(0, 12, 1.0), (0, 12, 1.0), (0, 11, 2.0), (1, 11, 4.0), (0, 13, 8.0)]
    ring, _, late = fill(rows)
    assert late == [ON_TIME, LATE, LATE, ON_TIME, ON_TIME]
    assert ring.cells[:, 1].sum() == 13.0


@pytest.mark.usefixtures("twin")
def test_a_reading_beyond_the_ring_stops_the_call_before_it():
    rows = [(0, 39, 1.0), (0, 40, 2.0), (1, 39, 4.0)]
    ring, end, _ = fill(rows)
    assert end == 1
    ring, end, _ = fill(rows, oldest=(1, 0), closed=(1, 0), ring=ring, start=end)
    assert end == 3
    assert ring.cells[ring.rows(np.array([0, 0, 1]), np.array([3, 4, 3])), 1].tolist() == [1.0, 2.0, 4.0]


@pytest.mark.usefixtures("twin")
def test_text_readings_are_passed_over():
    ring, end, late = fill([(0, 10_000, np.nan), (1, 5, 2.0)])
    assert (end, late, ring.cells[:, 0].sum()) == (2, [0, 0], 1)


@pytest.mark.usefixtures("twin")
def test_panes_before_1970_have_their_own_numbers():
    ring, _, _ = fill([(0, -10, 3.0), (0, -1, 2.0)], (-2, -2), (-2, -2))
    _, pane, _, parts = windows.collect(ring, spans(0, 3, -2, 2))
    assert (pane.tolist(), parts[:, 1].tolist()) == ([-1], [5.0])


number = st.tuples(
    st.integers(0, 2), st.integers(0, 39), st.sampled_from([0.1, 0.2, -0.0, 0.0, 1e17, np.nan])
)


def in_order(rows):
    """Fold the numbers of each pane one by one: once each, by time and value."""
    found = {}
    for key, ts, value in sorted({(key, ts, value + 0.0) for key, ts, value in rows if not np.isnan(value)}):
        count, total, low, high = found.get((key, ts // 10), (0, 0.0, np.inf, -np.inf))
        found[key, ts // 10] = (count + 1, total + value, min(low, value), max(high, value))
    return found


@pytest.mark.usefixtures("twin")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(number, max_size=12), min_size=1, max_size=5))
def test_refolded_panes_are_those_of_the_sorted_numbers_without_repetition(batches):
    rows = [row for batch in batches for row in batch]
    truth, ring = in_order(rows), Ring.empty(10, 4, 3)
    newest, chunks = np.full(3, NEVER), []
    for batch in batches:
        late = np.zeros(len(batch), np.uint8)
        windows.rising(*columns(batch), newest, late)
        chunks.append((*columns(batch), late))
    late = [
        row
        for batch, chunk in zip(batches, chunks, strict=True)
        for row, mark in zip(batch, chunk[3], strict=True)
        if mark
    ]
    panes = columns([(key, pane, 0.0) for key, pane in truth])[:2]
    refolding = Refolding.of(ring, panes, columns(late))
    for chunk in chunks:
        refolding.add(*chunk)
    assert refolding.cells().tolist() == [list(truth[pane]) for pane in truth]


@pytest.mark.parametrize("ts", [5, 45])
def test_a_late_number_of_no_chosen_pane_is_refused_also_where_one_has_its_row(ts):
    chosen = columns([(0, 2, 0.0)] if ts == 5 else [(0, 0, 0.0)])[:2]
    with pytest.raises(ValueError, match="belongs to no pane"):
        Refolding.of(Ring.empty(10, 4, 3), chosen, columns([(0, ts, 1.0)]))


@pytest.mark.usefixtures("twin")
def test_a_cleared_pane_starts_afresh():
    ring, _, _ = fill([(0, 5, 9.0)])
    ring.version[:] = 3
    windows.clear(ring, spans(0, 3, 0, 4))
    fill([(0, 5, 1.0)], ring=ring)
    assert ring.cells[0].tolist() == [1, 1, 1, 1]
    assert ring.version[0] == 0


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [([(3, 0, 1.0)], "key lies outside"), ([(-1, 0, 1.0)], "key lies outside")],
)
def test_keys_outside_the_ring_are_refused(rows, complaint):
    with pytest.raises(ValueError, match=complaint):
        fill(rows)


def test_spans_outside_the_ring_are_refused():
    with pytest.raises(ValueError, match="keys outside"):
        windows.collect(Ring.empty(10, 4, 3), spans(0, 4, 0, 1))
    with pytest.raises(ValueError, match="more than the ring's 4 panes"):
        windows.clear(Ring.empty(10, 4, 3), spans(0, 3, 0, 5))


def test_a_ring_without_width_is_refused():
    with pytest.raises(ValueError, match="positive width"):
        Ring.empty(0, 4, 3)


def swept(keys, columns, sweep):
    """Add numbers of some keys, which come in sweeps, to panes of two machines; return all that changed."""
    ts, value = columns
    ring, newest, late = Ring.empty(10, 4, 70), np.full(70, -40), np.zeros(len(ts), np.uint8)
    bounds = [np.array(item, np.int64) for item in ([-1, 0], [0, 1])]
    told = windows.accumulate(
        ring,
        np.resize(keys, len(ts)),
        ts,
        value,
        group=np.arange(70, dtype=np.int32) // 60,
        oldest=bounds[0],
        closed=bounds[1],
        newest=newest,
        late=late,
        sweep=sweep,
    )
    held = ring.cells[:, 0] > 0
    return told, newest.tobytes(), late.tobytes(), ring.cells[:, 0].tobytes(), ring.cells[held].tobytes()


wild = st.tuples(
    st.integers(0, 479), st.integers(-12, 45), st.sampled_from([np.nan, -0.0, 1e17, np.inf, -np.inf, 0.1])
)


@pytest.mark.parametrize("name", ["c", "python"])
@given(
    st.permutations(range(70)),
    st.sampled_from([1, 5, 60, 64, 70]),
    st.integers(0, 6),
    st.integers(0, 3),
    st.lists(wild, max_size=3),
    st.integers(0, 12),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_sweeps_are_folded_as_their_numbers_are_one_by_one(name, order, size, times, pace, odd, more):
    keys = np.array(order[:size], np.int32)
    rows = times * size + min(more, size - 1)
    ts, value = 10 + np.arange(rows) // size * pace, np.random.default_rng(size).normal(size=rows)
    for at, time, number in odd:
        if at < rows:
            ts[at], value[at] = time, number
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_twin", _select.load("windows", name))
        patch.setattr(sweeps, "_twin", _select.load("sweeps", name))
        assert swept(keys, (ts, value), size) == swept(keys, (ts, value), 0)


@given(st.integers(0, 6), st.lists(wild, max_size=2), st.sampled_from([-1, 70, 7]))
@settings(deadline=None)
def test_both_twins_take_as_many_sweeps(times, odd, key):
    keys, rows = np.arange(66, dtype=np.int32), times * 66
    keys[7], ts, value = key, 10 + np.arange(rows) // 66 * 4, np.ones(rows)
    for at, time, number in odd:
        if at < rows:
            ts[at], value[at] = time, number
    bounds, group = np.array([1], np.int64), np.zeros(70, np.int32)
    done = [
        _select.load("sweeps", name).accumulate(
            keys, ts, value, group, bounds, bounds, np.full(70, -40), 10, 4, np.zeros((280, 4))
        )
        for name in ("c", "python")
    ]
    assert done[0] == done[1]

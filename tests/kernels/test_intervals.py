import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import _select, intervals

interval = st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 2))


@pytest.fixture(params=["c", "python"])
def twin(request, monkeypatch):
    monkeypatch.setattr(intervals, "_twin", _select.load("intervals", request.param))


def columns(rows):
    start, end, label = zip(*rows, strict=True) if rows else ([], [], [])
    return np.array(start, np.int64), np.array(end, np.int64), np.array(label, np.int32)


def pieces(start, end, boundary):
    found = intervals.split(*(np.array(item, np.int64) for item in (start, end, boundary)))
    return list(zip(*(item.tolist() for item in found), strict=True))


@given(st.lists(interval, max_size=20), st.integers(-60, 60), st.integers(-60, 60))
def test_both_twins_total_alike(rows, low, high):
    totals = [np.zeros(3, np.int64), np.zeros(3, np.int64)]
    for name, total in zip(("c", "python"), totals, strict=True):
        _select.load("intervals", name).totals(*columns(rows), low, high, total)
    assert totals[0].tolist() == totals[1].tolist()


@given(st.lists(interval, max_size=20), st.sets(st.integers(-60, 60)))
def test_both_twins_split_alike(rows, boundaries):
    start, end, _ = columns(rows)
    boundary = np.array(sorted(boundaries), np.int64)
    outcomes = []
    for name in ("c", "python"):
        out = [np.zeros(2000, np.int64), np.zeros(2000, np.int64), np.zeros(2000, np.int32)]
        count = _select.load("intervals", name).split(start, end, boundary, *out)
        outcomes.append((count, *(item.tolist() for item in out)))
    assert outcomes[0] == outcomes[1]


@given(st.lists(interval, max_size=20), st.sets(st.integers(-60, 60)))
def test_pieces_add_up_to_their_intervals_and_cross_no_boundary(rows, boundaries):
    start, end, _ = columns(rows)
    found = pieces(start, end, sorted(boundaries))
    for number, (low, high) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        assert sum(b - a for a, b, origin in found if origin == number) == max(high - low, 0)
    assert not any(a < cut < b for a, b, _ in found for cut in boundaries)


@pytest.mark.usefixtures("twin")
def test_totals_are_clipped_and_added():
    total = np.array([1, 0], np.int64)
    intervals.totals(*columns([(0, 10, 0), (10, 30, 1), (30, 40, 0)]), (5, 35), total)
    assert total.tolist() == [11, 20]


@pytest.mark.usefixtures("twin")
def test_a_boundary_at_an_end_cuts_nothing():
    assert pieces([0], [10], [0, 10]) == [(0, 10, 0)]
    assert pieces([0, 3], [10, 3], [4, 7]) == [(0, 4, 0), (4, 7, 0), (7, 10, 0)]


def test_a_label_without_a_total_is_refused():
    with pytest.raises(ValueError, match="a label lies outside"):
        intervals.totals(*columns([(0, 1, 2)]), (0, 1), np.zeros(2, np.int64))


def test_boundaries_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="must rise"):
        pieces([0], [10], [4, 4])


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        pieces([0, 1], [10], [])

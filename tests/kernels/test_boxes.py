import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import _select, boxes
from kernels.pure.boxes import overlaps

TWINS = [_select.load("boxes", impl) for impl in ("c", "python")]

seeds = st.integers(0, 2**32 - 1)


def f32(*rows):
    return np.array(rows, np.float32)


def selected(twin, output, floor, overlap=1.0):
    """Return what a twin selects into dirty arrays."""
    size = output.shape[1]
    found, labels, scores = (
        np.full((size, 4), 7, np.float32),
        np.full(size, 7, np.int32),
        np.full(size, 7, np.float32),
    )
    count = twin.select(output, floor, overlap, found, labels, scores)
    return found[:count], labels[:count], scores[:count]


def head(corners, scores):
    """Return the output of a head for boxes given by corners (n, 4), with scores (classes, n)."""
    low, high = corners[:, :2], corners[:, 2:]
    output = np.vstack([((low + high) / 2).T, (high - low).T, scores])
    return np.ascontiguousarray(output, dtype=np.float32)


@given(
    st.integers(1, 8),
    st.integers(0, 60),
    seeds,
    st.floats(0, 1, width=32),
    st.floats(0, 1, width=32),
    st.sampled_from([3, 10, 1000]),
)
@settings(deadline=None)
def test_both_twins_select_the_same_bit_for_bit(classes, size, seed, floor, overlap, levels):
    rng = np.random.default_rng(seed)
    output = (rng.integers(0, levels, (4 + classes, size)) / levels).astype(np.float32)
    output[:4] *= 320
    compiled, pure = ([part.tobytes() for part in selected(twin, output, floor, overlap)] for twin in TWINS)
    assert compiled == pure


@given(st.integers(0, 20), seeds, st.floats(0.125, 3, width=32), st.floats(0.125, 3, width=32))
@settings(deadline=None)
def test_both_twins_restore_the_same_bit_for_bit(size, seed, across, down):
    boxes_ = np.random.default_rng(seed).uniform(-50, 400, (size, 4)).astype(np.float32)
    compiled, pure = boxes_.copy(), boxes_.copy()
    for twin, out in zip(TWINS, (compiled, pure), strict=True):
        twin.restore(out, 3.0, 17.0, across, down, 200.0, 100.0)
    assert compiled.tobytes() == pure.tobytes()
    assert ((compiled >= 0) & (compiled <= [200, 100, 200, 100])).all()


@given(seeds, st.floats(0.25, 0.875, width=32))
@settings(deadline=None)
def test_what_is_kept_does_not_overlap_and_what_is_not_has_a_better_rival(seed, overlap):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 20, (40, 2))
    corners = np.hstack([low, low + rng.integers(1, 20, (40, 2))])
    output = head(corners, rng.permutation(40)[None] / 40 + 0.01)
    everything, _, scores = selected(boxes, output, 0.0)
    keep = np.isin(scores, selected(boxes, output, 0.0, overlap)[2])
    for row in range(40):
        rivals = np.flatnonzero(keep[:row])
        overlapped = (overlaps(everything[row], everything[rivals]) > np.float32(overlap)).any()
        assert bool(keep[row]) != bool(overlapped)


@pytest.mark.parametrize("twin", TWINS)
def test_ties_go_to_the_first_class(twin):
    _, labels, _ = selected(twin, f32([1], [1], [1], [1], [0.2], [0.8], [0.8]), 0.5)
    assert labels.tolist() == [1]


@pytest.mark.parametrize("twin", TWINS)
def test_the_best_comes_first_and_equals_keep_their_order(twin):
    output = f32([1, 2, 3, 4], [1] * 4, [1] * 4, [1] * 4, [0.6, 0.7, 0.6, 0.7])
    assert selected(twin, output, 0.5)[0][:, 0].tolist() == [1.5, 3.5, 0.5, 2.5]


@pytest.mark.parametrize("twin", TWINS)
def test_a_score_at_the_floor_is_not_above_it(twin):
    assert len(selected(twin, f32([1], [1], [1], [1], [0.5]), 0.5)[1]) == 0


@pytest.mark.parametrize("twin", TWINS)
def test_boxes_without_area_never_suppress(twin):
    output = f32([1, 1], [1, 1], [0, 0], [0, 0], [0.9, 0.8])
    assert len(selected(twin, output, 0.5, 0.5)[1]) == 2


@pytest.mark.parametrize("twin", TWINS)
def test_a_suppressed_box_suppresses_nobody(twin):
    output = head(f32([0, 0, 10, 10], [0, 0, 10, 14], [0, 0, 10, 19]), f32([0.9, 0.8, 0.7]))
    assert selected(twin, output, 0.5, 0.7)[0][:, 3].tolist() == [10, 19]


@pytest.mark.parametrize("twin", TWINS)
def test_restored_boxes_lie_in_the_picture(twin):
    out = f32([60, 20, 100, 60], [-9, -9, 999, 999])
    twin.restore(out, 40.0, 10.0, 0.5, 0.25, 300.0, 200.0)
    assert out.tolist() == [[40, 40, 120, 200], [0, 0, 300, 200]]


@pytest.mark.parametrize(
    "call",
    [
        lambda: boxes.select(f32([1], [1], [1], [1]), 0.5, 0.7, f32([0] * 4), np.zeros(1, np.int32), f32(0)),
        lambda: boxes.select(
            np.zeros((5, 2), np.float32), 0.5, 0.7, f32([0] * 4), np.zeros(2, np.int32), f32(0, 0)
        ),
        lambda: boxes.restore(np.zeros((2, 3), np.float32), 0, 0, 1, 1, 9, 9),
        lambda: boxes.restore(np.zeros(4, np.float32), 0, 0, 1, 1, 9, 9),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError, match=r"shape|rows"):
        call()

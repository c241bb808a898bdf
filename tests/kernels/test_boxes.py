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


def chosen(twin, output, floor):
    """Return what a twin chooses into dirty arrays."""
    size = output.shape[1]
    found, labels, scores = (
        np.full((size, 4), 7, np.float32),
        np.full(size, 7, np.int32),
        np.full(size, 7, np.float32),
    )
    count = twin.candidates(output, floor, found, labels, scores)
    return found[:count].tobytes(), labels[:count].tolist(), scores[:count].tobytes()


def kept(twin, found, labels, overlap):
    keep = np.full(len(found), 7, np.uint8)
    twin.suppress(found, labels, overlap, keep)
    return keep.tolist()


@given(
    st.integers(1, 8), st.integers(0, 60), seeds, st.floats(0, 1, width=32), st.sampled_from([3, 10, 1000])
)
@settings(deadline=None)
def test_both_twins_choose_the_same_bit_for_bit(classes, size, seed, floor, levels):
    rng = np.random.default_rng(seed)
    output = (rng.integers(0, levels, (4 + classes, size)) / levels).astype(np.float32)
    output[:4] *= 320
    compiled, pure = (chosen(twin, output, floor) for twin in TWINS)
    assert compiled == pure


@given(st.integers(0, 60), seeds, st.floats(0, 1, width=32), st.integers(1, 4))
@settings(deadline=None)
def test_both_twins_keep_the_same(size, seed, overlap, classes):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 12, (size, 4)).astype(np.float32)
    labels = rng.integers(0, classes, size).astype(np.int32)
    compiled, pure = (kept(twin, corners, labels, overlap) for twin in TWINS)
    assert compiled == pure


@given(seeds, st.floats(0.25, 0.875, width=32))
@settings(deadline=None)
def test_what_is_kept_does_not_overlap_and_what_is_not_has_a_better_rival(seed, overlap):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 20, (40, 2))
    found = np.hstack([low, low + rng.integers(1, 20, (40, 2))]).astype(np.float32)
    keep = np.array(kept(boxes, found, np.zeros(40, np.int32), overlap))
    for row in range(40):
        rivals = np.flatnonzero(keep[:row])
        overlapped = (overlaps(found[row], found[rivals]) > np.float32(overlap)).any()
        assert bool(keep[row]) != bool(overlapped)


@pytest.mark.parametrize("twin", TWINS)
def test_ties_go_to_the_first_class(twin):
    _, labels, _ = chosen(twin, f32([1], [1], [1], [1], [0.2], [0.8], [0.8]), 0.5)
    assert labels == [1]


@pytest.mark.parametrize("twin", TWINS)
def test_a_score_at_the_floor_is_not_above_it(twin):
    assert chosen(twin, f32([1], [1], [1], [1], [0.5]), 0.5)[1] == []


@pytest.mark.parametrize("twin", TWINS)
def test_boxes_without_area_never_suppress(twin):
    assert kept(twin, f32([1, 1, 1, 1], [1, 1, 1, 1]), np.zeros(2, np.int32), 0.5) == [1, 1]


@pytest.mark.parametrize("twin", TWINS)
def test_a_suppressed_box_suppresses_nobody(twin):
    chain = f32([0, 0, 10, 10], [0, 0, 10, 14], [0, 0, 10, 19])
    assert kept(twin, chain, np.zeros(3, np.int32), 0.7) == [1, 0, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: boxes.candidates(f32([1], [1], [1], [1]), 0.5, f32([0] * 4), np.zeros(1, np.int32), f32(0)),
        lambda: boxes.candidates(
            np.zeros((5, 2), np.float32), 0.5, f32([0] * 4), np.zeros(2, np.int32), f32(0, 0)
        ),
        lambda: boxes.suppress(f32([0] * 4), np.zeros(1, np.int32), 0.5, np.zeros(2, np.uint8)),
        lambda: boxes.suppress(f32([0] * 4), np.zeros(2, np.int32), 0.5, np.zeros(1, np.uint8)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError, match=r"shape|rows|go with"):
        call()

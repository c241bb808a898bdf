import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import _select, boxes
from kernels.pure.boxes import overlaps, power

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


def decoded(twin, sides, logits, stride, least, start=0):
    """Return the rows that a twin writes into a dirty array, behind those that are filled."""
    cells = logits.shape[0] * logits.shape[1]
    rows = np.full((start + cells, 4 + logits.shape[2]), 7, np.float32)
    stop = twin.decode(sides, logits, stride, least, rows, start)
    assert (rows[:start] == 7).all()
    assert (rows[stop:] == 7).all()
    return rows[start:stop]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), seeds, st.sampled_from([0.1, 3, 30, 900]))
@settings(deadline=None)
def test_both_twins_decode_the_same_bit_for_bit(height, width, classes, seed, spread):
    rng = np.random.default_rng(seed)
    sides = rng.normal(0, spread, (height, width, 64)).astype(np.float32)
    logits = rng.normal(0, spread, (height, width, classes)).astype(np.float32)
    least = float(np.median(logits))
    compiled, pure = (decoded(twin, sides, logits, 16.0, least, 3).tobytes() for twin in TWINS)
    assert compiled == pure


@given(st.integers(1, 9), st.integers(1, 5), seeds, st.sampled_from([0.1, 3, 30]))
@settings(deadline=None)
def test_what_is_decoded_is_a_plain_softmax_and_sigmoid(side, classes, seed, spread):
    rng = np.random.default_rng(seed)
    sides = rng.normal(0, spread, (side, side + 1, 64)).astype(np.float32)
    logits = rng.normal(0, spread, (side, side + 1, classes)).astype(np.float32)
    rows = decoded(boxes, sides, logits, 8.0, -np.inf)
    weights = np.exp(sides.astype(float) - sides.max())
    weights = weights.reshape(-1, 4, 16) / weights.reshape(-1, 4, 16).sum(axis=2, keepdims=True)
    left, top, right, bottom = (weights @ np.arange(16.0)).T
    y, x = (axis.ravel() + 0.5 for axis in np.indices((side, side + 1)))
    plain = [x + (right - left) / 2, y + (bottom - top) / 2, left + right, top + bottom]
    assert rows[:, :4] == pytest.approx(8 * np.array(plain).T, abs=1e-4)
    assert rows[:, 4:] == pytest.approx(
        1 / (1 + np.exp(-logits.reshape(-1, classes).astype(float))), abs=1e-7
    )


@pytest.mark.parametrize("twin", TWINS)
def test_cells_are_decoded_row_by_row_where_any_class_is_above_the_least(twin):
    logits = np.full((2, 3, 2), -9, np.float32)
    logits[0, 2, 1], logits[1, 0, 0], logits[1, 1, 0] = 1, 2, 0.5
    rows = decoded(twin, np.zeros((2, 3, 64), np.float32), logits, 32.0, 0.5)
    assert rows[:, :4].tolist() == [[80, 16, 480, 480], [16, 48, 480, 480]]
    assert rows[:, 4:].argmax(axis=1).tolist() == [1, 0]


@given(st.lists(st.floats(-2000, 0), max_size=9))
def test_our_exponential_is_the_exponential(exponents):
    assert power(np.array(exponents)) == pytest.approx(np.exp(exponents), rel=1e-9, abs=1e-300)


@given(st.integers(0, 20), seeds, st.floats(0.125, 3, width=32), st.floats(0.125, 3, width=32))
@settings(deadline=None)
def test_both_twins_restore_the_same_bit_for_bit(size, seed, across, down):
    boxes_ = np.random.default_rng(seed).uniform(-50, 400, (size, 4)).astype(np.float32)
    compiled, pure = boxes_.copy(), boxes_.copy()
    for twin, out in zip(TWINS, (compiled, pure), strict=True):
        twin.restore(out, 3.0, 17.0, across, down, 200.0, 100.0)
    assert compiled.tobytes() == pure.tobytes()
    assert ((compiled >= 0) & (compiled <= [200, 100, 200, 100])).all()


@pytest.mark.parametrize("scale", [1e30, 3e38])
def test_both_twins_make_the_same_of_boxes_that_no_picture_has(scale):
    rng = np.random.default_rng(7)
    output = np.vstack([rng.uniform(-scale, scale, (4, 40)), rng.random((2, 40))]).astype(np.float32)
    compiled, pure = (selected(twin, output, 0.1) for twin in TWINS)
    assert [one.tobytes() for one in compiled] == [one.tobytes() for one in pure]
    for twin, found in zip(TWINS, (compiled[0], pure[0]), strict=True):
        twin.restore(found, 0.0, 0.0, 0.5, 0.5, 64.0, 64.0)
    assert compiled[0].tobytes() == pure[0].tobytes()


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
    ("sides", "logits", "rows", "start"),
    [
        ((2, 2, 60), (2, 2, 3), (4, 7), 0),
        ((2, 3, 64), (2, 2, 3), (9, 7), 0),
        ((4, 64), (4, 3), (4, 7), 0),
        ((2, 2, 64), (2, 2, 3), (4, 8), 0),
        ((2, 2, 64), (2, 2, 3), (28,), 0),
        ((0, 2, 64), (0, 2, 3), (4, 7), 0),
        ((2, 2, 64), (2, 2, 3), (4, 7), 1),
        ((2, 2, 64), (2, 2, 3), (5, 7), -1),
    ],
)
def test_maps_that_do_not_fit_are_refused(sides, logits, rows, start):
    arrays = (np.zeros(shape, np.float32) for shape in (sides, logits))
    with pytest.raises(ValueError, match=r"maps|rows"):
        boxes.decode(*arrays, 8.0, 0.0, np.zeros(rows, np.float32), start)


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

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import _select, pixels

TWINS = [_select.load("pixels", impl) for impl in ("c", "python")]

sides = st.integers(1, 70)
seeds = st.integers(0, 2**32 - 1)


def noise(height, width, seed, levels=256):
    return np.random.default_rng(seed).integers(0, levels, (height, width, 3), dtype=np.uint8)


def filled(shape, dtype, call):
    """Return what both twins write into dirty arrays."""
    outs = [np.full(shape, 7, dtype) for _ in TWINS]
    for twin, out in zip(TWINS, outs, strict=True):
        call(twin, out)
    return outs


@given(sides, sides, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 255), seeds)
@settings(deadline=None)
def test_blobs_of_both_twins_are_equal_bit_for_bit(height, width, top, left, rest, fill, seed):
    image = noise(height, width, seed)
    shape = (3, top + height + rest, left + width + rest)
    compiled, pure = filled(shape, np.float32, lambda twin, out: twin.blob(image, top, left, fill, out))
    assert compiled.tobytes() == pure.tobytes()


@given(
    sides,
    sides,
    seeds,
    st.sampled_from([2, 4, 256]),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 9),
)
@settings(deadline=None)
def test_greys_and_statistics_of_both_twins_are_equal(height, width, seed, levels, dark, bright, span):
    image = noise(height, width, seed, levels)
    compiled, pure = filled((height, width), np.uint8, lambda twin, out: twin.grey(image, out))
    assert np.array_equal(compiled, pure)
    compiled, pure = filled(8, np.int64, lambda twin, out: twin.statistics(pure, dark, bright, span, out))
    assert compiled.tolist() == pure.tolist()


@pytest.mark.parametrize(("kind", "name"), [(np.float32, "square"), (np.uint8, "square_of_levels")])
@given(
    sides,
    st.integers(1, 600),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 255),
    seeds,
)
@settings(deadline=None)
def test_squares_of_both_twins_are_equal_bit_for_bit(kind, name, height, width, top, left, rest, fill, seed):
    image = noise(height, width, seed)
    shape = (top + height + rest, left + width + rest, 3)
    compiled, pure = filled(shape, kind, lambda twin, out: getattr(twin, name)(image, top, left, fill, out))
    assert compiled.tobytes() == pure.tobytes()


@given(sides, st.integers(1, 600), st.integers(0, 9), st.integers(0, 255), seeds)
@settings(deadline=None)
def test_a_square_holds_the_numbers_of_a_blob_pixel_by_pixel(height, width, edge, fill, seed):
    image, room = noise(height, width, seed), (height + edge, width + 2 * edge)
    planes, lit, levels = (
        np.empty((3, *room), np.float32),
        np.empty((*room, 3), np.float32),
        np.empty((*room, 3), "u1"),
    )
    pixels.blob(image, 0, edge, fill, planes)
    for square in (lit, levels):
        pixels.square(image, 0, edge, fill, square)
    assert lit.tobytes() == planes.transpose(1, 2, 0).tobytes()
    assert lit.tobytes() == (levels / np.float32(255)).tobytes()


def test_a_blob_is_the_picture_in_planes_of_red_green_blue_within_padding():
    image = np.array([[[0, 51, 255]]], np.uint8)
    out = np.empty((3, 3, 3), np.float32)
    pixels.blob(image, 1, 1, 114, out)
    assert out[:, 1, 1].tolist() == [1.0, np.float32(51) / np.float32(255), 0.0]
    out[:, 1, 1] = np.float32(114) / np.float32(255)
    assert np.unique(out).tolist() == [np.float32(114) / np.float32(255)]


def test_grey_is_what_everyone_calls_grey_to_one_level():
    image = noise(64, 64, 1)
    out = np.empty((64, 64), np.uint8)
    pixels.grey(image, out)
    assert cv2.absdiff(out, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)).max() <= 1


def test_statistics_are_those_of_a_plain_computation():
    grey = np.random.default_rng(3).integers(0, 256, (48, 33), dtype=np.uint8)
    grey[:16, 16:32] = 9
    out = np.empty(8, np.int64)
    pixels.statistics(grey, 8, 247, 0, out)
    edges = cv2.Laplacian(grey, cv2.CV_64F, ksize=1)[1:-1, 1:-1]
    wide = grey.astype(int)
    shares = [(grey <= 8).sum(), (grey >= 247).sum()]
    assert out.tolist() == [
        *(grey.size, wide.sum(), (wide**2).sum(), *shares),
        *(edges.sum(), (edges**2).sum(), 1),
    ]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (1, 40), (15, 16), (16, 15)])
def test_pictures_too_small_for_edges_or_blocks_have_none(height, width):
    out = np.empty(8, np.int64)
    pixels.statistics(np.full((height, width), 5, np.uint8), 8, 247, 2, out)
    assert out.tolist() == [
        height * width,
        5 * height * width,
        25 * height * width,
        height * width,
        0,
        0,
        0,
        0,
    ]


def test_the_largest_sums_do_not_overflow():
    """A checkerboard has the largest Laplacian everywhere: 1020, as wide as the sums go in one stretch."""
    checkers = (np.indices((2000, 2000)).sum(axis=0) % 2 * 255).astype(np.uint8)
    out = np.empty(8, np.int64)
    pixels.statistics(checkers, 0, 255, 2, out)
    assert out[2] == 2_000_000 * 255**2
    assert out[6] == 1998 * 1998 * 1020**2


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i, o: pixels.blob(i[0], 0, 0, 114, o), "shape"),
        (lambda i, o: pixels.blob(i[:0], 0, 0, 114, o), "shape"),
        (lambda i, o: pixels.blob(i, 1, 0, 114, o), "does not fit"),
        (lambda i, o: pixels.blob(i, 0, -1, 114, o), "does not fit"),
        (lambda i, o: pixels.blob(i, 0, 0, 256, o), "0 to 255"),
        (lambda i, o: pixels.blob(i, 0, 0, 114, o[:2]), r"\(3, height, width\)"),
        (lambda i, o: pixels.square(i, 0, 0, 114, o), r"\(height, width, 3\)"),
        (lambda i, o: pixels.square(i, 0, 1, 114, i.copy()), "does not fit"),
        (lambda i, o: pixels.square(i, 0, 0, -1, i.copy()), "0 to 255"),
        (lambda i, o: pixels.grey(i, np.empty((4, 5), np.uint8)), "the picture has"),
        (lambda i, o: pixels.statistics(i, 0, 255, 2, np.empty(8, np.int64)), "height, width"),
        (lambda i, o: pixels.statistics(i[:, :, 0], 0, 255, 2, np.empty(7, np.int64)), r"\(8,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(noise(4, 4, 1), np.empty((3, 4, 4), np.float32))

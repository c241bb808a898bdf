import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import letterbox

# Computed by Ultralytics' LetterBox(320): (height, width) -> top, left, height and width inside.
TRAINERS_OWN = {
    (416, 416): (0, 0, 320, 320),
    (320, 320): (0, 0, 320, 320),
    (333, 500): (53, 0, 213, 320),
    (500, 333): (0, 53, 320, 213),
    (3000, 1): (0, 159, 320, 1),
    (37, 640): (151, 0, 18, 320),
    (1080, 1920): (70, 0, 180, 320),
    (319, 320): (0, 0, 319, 320),
}


CANVASS = [((3, 64, 64), np.float32), ((64, 64, 3), np.float32), ((64, 64, 3), np.uint8)]


@pytest.mark.parametrize("shape", TRAINERS_OWN)
def test_a_picture_lies_where_the_trainer_puts_it(shape):
    fitted = letterbox.fit(np.zeros((*shape, 3), np.uint8), 320)
    assert (fitted.top, fitted.left, *fitted.resized.shape[:2]) == TRAINERS_OWN[shape]


def test_a_picture_of_the_right_size_is_not_copied():
    image = np.zeros((320, 320, 3), np.uint8)
    assert letterbox.fit(image, 320).resized is image


@given(st.integers(1, 900), st.integers(1, 900))
def test_boxes_find_the_way_back(height, width):
    fitted = letterbox.fit(np.zeros((height, width, 3), np.uint8), 64)
    down, across = fitted.resized.shape[:2]
    inside = [fitted.left, fitted.top, fitted.left + across, fitted.top + down]
    back = fitted.back(np.array([inside, [-50, -50, 200, 200]], np.float32))
    assert back == pytest.approx(np.array([[0, 0, width, height]] * 2), rel=1e-5)


def test_padding_is_the_trainers_grey():
    blob = np.zeros((3, 64, 64), np.float32)
    letterbox.fill(letterbox.fit(np.full((10, 40, 3), 255, np.uint8), 64), blob)
    assert np.unique(blob).tolist() == [np.float32(114) / np.float32(255), 1.0]


@pytest.mark.parametrize("shape", [(10, 40), (40, 10), (64, 64), (37, 91)])
def test_a_square_is_the_blob_pixel_by_pixel(shape):
    fitted = letterbox.fit(np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8), 64)
    blob, lit, levels = (np.zeros(form, kind) for form, kind in CANVASS)
    letterbox.fill(fitted, blob)
    for square in (lit, levels):
        letterbox.lay(fitted, square)
    assert lit.tobytes() == blob.transpose(1, 2, 0).tobytes() == (levels / np.float32(255)).tobytes()

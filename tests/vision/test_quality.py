import os
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision import letterbox, pictures, quality
from vision.judge import SENTENCES
from vision.quality import Limits
from vision.testing import picture

SHARP = picture(red=120, side=320)


def refused(image):
    return quality.refuse(quality.measure(image), letterbox.fit(image, 320), Limits())


def test_a_sharp_picture_passes():
    assert refused(SHARP) == ""


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (SHARP[:63], quality.TOO_SMALL),
        (SHARP // 64, quality.TOO_DARK),
        (255 - SHARP // 64, quality.TOO_BRIGHT),
        (128 + SHARP // 128, quality.NO_CONTRAST),
        (
            cv2.GaussianBlur(SHARP, (0, 0), 12) // 8 + np.linspace(0, 200, 320).astype(np.uint8)[:, None],
            "blurred",
        ),
    ],
)
def test_a_picture_that_cannot_be_judged_by_is_refused(image, reason):
    assert refused(np.ascontiguousarray(image)) == reason


def test_a_picture_whose_lower_half_was_filled_in_is_refused():
    half = SHARP.copy()
    half[160:] = 128
    assert refused(half) == quality.BLANK_AREA


def test_what_a_decoder_fills_in_for_what_is_missing_is_found_out():
    encoded = bytes(cv2.imencode(".jpg", SHARP)[1])
    patched = encoded[: len(encoded) // 2] + b"\xff\xd9"
    assert pictures.decode(patched) == (None, pictures.DAMAGED)
    filled = cv2.imdecode(np.frombuffer(patched, np.uint8), cv2.IMREAD_COLOR)
    assert refused(filled) == quality.BLANK_AREA


def test_measures_are_what_they_are_called():
    image = np.zeros((320, 320, 3), np.uint8)
    image[:, 160:] = 255
    measures = quality.measure(image)
    assert (measures["dark"], measures["bright"], measures["blank"]) == (0.5, 0.5, 1.0)
    assert measures["mean"] == measures["contrast"] == 127.5
    assert measures["sharpness"] == pytest.approx(255**2 * 2 / 318, rel=1e-4)


def test_one_pixel_is_measured_and_refused():
    assert refused(np.zeros((1, 1, 3), np.uint8)) == quality.TOO_SMALL


def test_every_limit_counts_in_the_recipe():
    other = Limits(**{field.name: field.default + 1 for field in fields(Limits)})
    assert {field.name for field in fields(Limits)} <= quality.describe(other).keys()


def test_every_reason_has_its_sentence():
    reasons = (value for name, value in vars(quality).items() if name.isupper() and isinstance(value, str))
    assert set(reasons) <= SENTENCES.keys()


@pytest.mark.data
def test_real_photographs_pass():
    data = os.environ.get("SEAMLINE_DATA") or pytest.skip("SEAMLINE_DATA is not set")
    files = sorted(Path(data, "welds-pipe", "images").glob("*.jpg"))[::10]
    images = [pictures.decode(file.read_bytes())[0] for file in files]
    assert [
        file.name
        for file, image in zip(files, images, strict=True)
        if refused(letterbox.fit(image, 320).resized)
    ] == []

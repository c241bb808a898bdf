"""Data Matrix codes: drawn, laid into a picture as a part has it, and read again."""

from __future__ import annotations

import doctest

import cv2
import numpy as np
import pytest

from vision import datamatrix
from vision.records import Image


def part_with(*codes: str, noise: int = 1) -> Image:
    """Return a grey picture with codes below each other."""
    picture = np.random.default_rng(noise).integers(90, 140, (600, 400, 3), dtype=np.uint8)
    for number, text in enumerate(codes):
        code = datamatrix.draw(text, scale=6)
        top = 40 + 250 * number
        picture[top : top + code.shape[0], 100 : 100 + code.shape[1]] = code
    return picture


def test_the_examples() -> None:
    assert doctest.testmod(datamatrix).failed == 0


@pytest.mark.parametrize("text", ["A1", "W1-000042", "[)>06P4711S0001"])
@pytest.mark.parametrize("turned", [0, 13, 90, 180])
def test_a_code_is_read_however_it_lies(text: str, turned: int) -> None:
    picture = part_with(text)
    turn = cv2.getRotationMatrix2D((200, 200), turned, 1.0)
    assert datamatrix.read(cv2.warpAffine(picture, turn, (400, 600), borderValue=(115, 115, 115))) == [text]


def test_two_codes_are_both_told_from_top_to_bottom() -> None:
    assert datamatrix.read(part_with("UPPER-1", "LOWER-2")) == ["UPPER-1", "LOWER-2"]


def test_a_picture_without_a_code_and_one_whose_code_is_scratched_tell_none() -> None:
    scratched = part_with("W1-000042")
    cv2.line(scratched, (90, 60), (260, 160), (255, 255, 255), 45)
    assert datamatrix.read(part_with()) == []
    assert datamatrix.read(scratched) == []

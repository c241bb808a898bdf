"""Pixels as cameras send them, by the names of GenICam's pixel format naming convention."""

from __future__ import annotations

import cv2
import numpy as np

from vision import pictures
from vision.records import Image

WRONG_SIZE = "wrong_size"

GREY = "Mono8"
COLOURS = {
    "BGR8": None,
    "RGB8": cv2.COLOR_RGB2BGR,
    "BGRa8": cv2.COLOR_BGRA2BGR,
    "RGBa8": cv2.COLOR_RGBA2BGR,
}
"""Formats of three or four bytes a pixel, and what makes BGR of them; opacity is left out."""
PATTERNS = {
    "BayerRG8": cv2.COLOR_BayerRGGB2BGR,
    "BayerGB8": cv2.COLOR_BayerGBRG2BGR,
    "BayerGR8": cv2.COLOR_BayerGRBG2BGR,
    "BayerBG8": cv2.COLOR_BayerBGGR2BGR,
}
"""Formats of one byte a pixel behind a colour filter, named by their first row."""
FORMATS = (GREY, *COLOURS, *PATTERNS)
SMALLEST_PATTERN = 3
"""Pixels of a side that a colour filter can be read from."""


def to_image(pixels: bytes | memoryview, kind: str, width: int, height: int) -> tuple[Image | None, str]:
    """Return (height, width, 3) BGR of raw pixels; None and the defect where they are none."""
    if kind not in FORMATS:
        return None, pictures.WRONG_COLOURS
    if width * height > pictures.MAX_PIXELS:
        return None, pictures.TOO_LARGE
    depth = 1 if kind == GREY or kind in PATTERNS else int(kind[-2:] == "a8") + 3
    smallest = SMALLEST_PATTERN if kind in PATTERNS else 1
    if min(width, height) < smallest or len(pixels) != width * height * depth:
        return None, WRONG_SIZE
    table = np.frombuffer(pixels, np.uint8).reshape(height, width, depth)
    return _convert(table, kind), ""


def _convert(table: Image, kind: str) -> Image:
    if kind == GREY:
        return np.asarray(cv2.cvtColor(table, cv2.COLOR_GRAY2BGR), np.uint8)
    code = PATTERNS.get(kind, COLOURS.get(kind))
    return table.copy() if code is None else np.asarray(cv2.cvtColor(table, code), np.uint8)

"""Is a frame good enough to judge by? Blur, exposure, contrast and blank areas, at the model's scale.

The measures come from exact integer sums (`kernels.pixels`), so the gate decides the same everywhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from kernels import pixels
from vision.letterbox import Fitted
from vision.records import Image

DARK = 8
BRIGHT = 247
FLAT_SPAN = 1

TOO_SMALL = "too_small"
SHRUNK = "shrunk_too_far"
TOO_DARK = "too_dark"
TOO_BRIGHT = "too_bright"
NO_CONTRAST = "no_contrast"
BLANK_AREA = "blank_area"
BLURRED = "blurred"
OCCLUDED = "occluded"
FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a frame that may be judged by; all inclusive. They are part of the recipe."""

    side: int = 64
    """Shorter side of the frame as captured, pixels."""
    dark: float = 0.5
    """Share of pixels of levels up to 8."""
    bright: float = 0.5
    """Share of pixels of levels from 247."""
    contrast: float = 8.0
    """Standard deviation of the levels."""
    blank: float = 0.25
    """Share of blocks of 16 by 16 pixels without any structure."""
    sharpness: float = 4.0
    """Variance of the Laplacian."""
    covered: float = 0.05
    """Share of blocks that look like no part; asked only where the recipe has a reference of the view."""
    repeats: int = 0
    """How often in a row a camera may show the picture of the part before."""
    shrunk: float = 10.0
    """How many pixels of the frame, in a row, the model may see as one: what is finer it does not see."""


LATER = {"covered": Limits().covered, "repeats": Limits().repeats, "shrunk": Limits().shrunk}
"""Limits that recipes from before do not have: left as they are, those recipes keep their hash."""


def measure(image: Image) -> dict[str, float]:
    """Measure a BGR picture: mean level, contrast, shares of dark, bright and blank, sharpness."""
    height, width = image.shape[:2]
    grey = np.empty((height, width), np.uint8)
    sums = np.empty(pixels.STATISTICS, np.int64)
    pixels.grey(image, grey)
    pixels.statistics(grey, DARK, BRIGHT, FLAT_SPAN, sums)
    return ratios(sums.tolist(), inner=max(height - 2, 0) * max(width - 2, 0))


def ratios(sums: list[int], inner: int) -> dict[str, float]:
    """Turn the kernel's sums into measures; ``inner`` pixels have all their neighbours."""
    size, total, squares, dark, bright, edges, edge_squares, flat = sums
    return {
        "mean": round(total / size, 3),
        "contrast": round(deviation(size, total, squares) ** 0.5, 3),
        "dark": round(dark / size, 6),
        "bright": round(bright / size, 6),
        "blank": round(flat * pixels.BLOCK * pixels.BLOCK / size, 6),
        "sharpness": round(deviation(inner, edges, edge_squares), 3),
    }


def deviation(count: int, total: int, squares: int) -> float:
    """Return the variance from integer sums, 0 for nothing."""
    return (count * squares - total * total) / (count * count) if count else 0.0


def refuse(measures: dict[str, float], fitted: Fitted, limits: Limits) -> str:
    """Return why a frame may not be judged by, as it was fitted and measured; empty when it may."""
    verdicts = (
        (min(fitted.width, fitted.height) < limits.side, TOO_SMALL),
        (1 / min(fitted.across, fitted.down) > limits.shrunk, SHRUNK),
        (measures["dark"] > limits.dark, TOO_DARK),
        (measures["bright"] > limits.bright, TOO_BRIGHT),
        (measures["contrast"] < limits.contrast, NO_CONTRAST),
        (measures["blank"] > limits.blank, BLANK_AREA),
        (measures["sharpness"] < limits.sharpness, BLURRED),
        (measures.get("covered", 0.0) > limits.covered, OCCLUDED),
    )
    return next((reason for refused, reason in verdicts if refused), "")


def describe(limits: Limits) -> dict[str, float]:
    """Return limits and levels as plain numbers for a recipe's hash; later ones only where they differ."""
    said = {key: item for key, item in asdict(limits).items() if LATER.get(key) != item}
    return {**said, "dark_level": DARK, "bright_level": BRIGHT, "flat_span": FLAT_SPAN}

"""Straighten boxes: corners in order, nothing beyond the picture, and every change told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision.datasets.abc import Corners, Note

SLACK = 1e-3
"""Share of the picture that a box may reach beyond it by rounding, without being told."""

SWAPPED = "boxes with swapped corners, put in order"
CLIPPED = "boxes that reached out of the picture, cut at its edge"
NO_NUMBER = "boxes that are no numbers, left out"
OUTSIDE = "boxes wholly outside the picture, left out"
FLAT = "boxes without an extent, left out"

Float64 = NDArray[np.float64]


def straighten(
    boxes: Sequence[Corners], size: tuple[float, float], pixel: tuple[float, float], note: Note, where: str
) -> tuple[Float64, NDArray[np.intp]]:
    """Return boxes as ordered corners in fractions of the picture, and which of those given they are.

    Parameters
    ----------
    size
        Width and height that the corners are told in.
    pixel
        Width and height of one pixel as fractions of the picture; a box has at least that.
    """
    with np.errstate(all="ignore"):  # what is no number is told as such
        given = np.array(boxes, np.float64).reshape(-1, 4) / (*size, *size)
    ordered = np.hstack([np.minimum(given[:, :2], given[:, 2:]), np.maximum(given[:, :2], given[:, 2:])])
    cut = np.clip(ordered, 0, 1)
    numbers = np.isfinite(given).all(axis=1)
    outside = numbers & ((ordered[:, :2] >= 1) | (ordered[:, 2:] <= 0)).any(axis=1)
    # Rounding to six digits may take a millionth of a pixel from a box that has just one.
    flat = numbers & ~outside & ((cut[:, 2:] - cut[:, :2]) < np.array(pixel) * 0.99).any(axis=1)
    kept = numbers & ~outside & ~flat
    for reason, which in (
        (NO_NUMBER, ~numbers),
        (OUTSIDE, outside),
        (FLAT, flat),
        (SWAPPED, kept & (ordered != given).any(axis=1)),
        (CLIPPED, kept & (np.abs(cut - ordered) > SLACK).any(axis=1)),
    ):
        for _ in range(int(which.sum())):
            note(reason, where)
    return cut[kept], np.flatnonzero(kept)


def yolo_line(label: int, x0: float, y0: float, x1: float, y1: float) -> str:
    """Return a box, corners in fractions of the picture, as a line of a YOLO label file."""
    return f"{label} {(x0 + x1) / 2:.6f} {(y0 + y1) / 2:.6f} {x1 - x0:.6f} {y1 - y0:.6f}\n"

"""From the output of a YOLO head to boxes of the picture: decode, and keep the best of those that overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import _select

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

SIDES = 4
MATRIX = 2

_kernel = _select.load("boxes")


def select(
    output: Float32, floor: float, overlap: float, boxes: Float32, labels: Int32, scores: Float32
) -> int:
    """Decode the columns of a head whose best class scores above ``floor``, and drop what others cover.

    Parameters
    ----------
    output
        (4 + classes, n) float32, contiguous: middle x, middle y, width, height, then a score a class.
    floor
        Scores must be above it.
    overlap
        Intersection over union, in single precision, up to which two boxes of one class are two things.
    boxes, labels, scores
        (n, 4) float32, (n,) int32 and (n,) float32. The first rows are filled with x0 y0 x1 y1, class
        and score, best first, those of one score in the order of the columns; what stands behind them
        means nothing.

    Returns
    -------
    int
        How many rows were filled.

    Raises
    ------
    ValueError
        A shape is wrong.
    """
    if output.ndim != MATRIX or output.shape[0] <= SIDES:
        raise ValueError(f"a head's output has the shape (4 + classes, n), not {output.shape}")
    size = output.shape[1]
    if (boxes.shape, labels.shape, scores.shape) != ((size, SIDES), (size,), (size,)):
        raise ValueError(f"boxes, labels and scores must have {size} rows")
    return int(_kernel.select(output, floor, overlap, boxes, labels, scores))


def restore(
    boxes: Float32, left: float, top: float, across: float, down: float, width: float, height: float
) -> None:
    """Turn boxes (n, 4) float32 of a letterbox, in place, into boxes of the picture that was fitted into it.

    Each coordinate becomes (x - left) / across or (y - top) / down, in single precision, and is clipped
    to the picture of ``width`` by ``height`` pixels.

    Raises
    ------
    ValueError
        A shape is wrong.
    """
    if boxes.ndim != MATRIX or boxes.shape[1] != SIDES:
        raise ValueError(f"boxes have the shape (n, 4), not {boxes.shape}")
    _kernel.restore(boxes, left, top, across, down, width, height)

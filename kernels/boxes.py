"""From the output of a YOLO head to boxes: choose, decode, and of overlapping boxes keep the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import _select

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

SIDES = 4
MATRIX = 2

_kernel = _select.load("boxes")


def candidates(output: Float32, floor: float, boxes: Float32, labels: Int32, scores: Float32) -> int:
    """Decode the columns of a head whose best class scores above ``floor``.

    Parameters
    ----------
    output
        (4 + classes, n) float32, contiguous: middle x, middle y, width, height, then a score a class.
    floor
        Scores must be above it.
    boxes, labels, scores
        (n, 4) float32, (n,) int32 and (n,) float32. The first rows are filled with x0 y0 x1 y1, class
        and score in the order of the columns; what stands behind them means nothing.

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
    return int(_kernel.candidates(output, floor, boxes, labels, scores))


def suppress(boxes: Float32, labels: Int32, overlap: float, keep: NDArray[np.uint8]) -> None:
    """Mark boxes to keep, going down from the best.

    Parameters
    ----------
    boxes, labels
        (n, 4) float32 and (n,) int32, best score first.
    overlap
        Intersection over union, in single precision, up to which two boxes of one class are two things.
    keep
        (n,) uint8, filled with 1 for boxes to keep and 0 for the others.

    Raises
    ------
    ValueError
        A shape is wrong.
    """
    if boxes.shape != (len(keep), SIDES) or labels.shape != keep.shape:
        raise ValueError(f"boxes {boxes.shape} and labels {labels.shape} do not go with keep {keep.shape}")
    _kernel.suppress(boxes, labels, overlap, keep)

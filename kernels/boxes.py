"""From the output of a YOLO head to boxes of the picture: decode, and keep the best of those that overlap.

`decode` reads the maps that a head computes its answer from, and only the cells that may come to something: a
picture has thousands of cells, and something to be seen in a few dozen of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import _select

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

SIDES = 4
BINS = 16
"""Distances, in strides, that a head weighs for each side of a box."""
MATRIX, MAP = 2, 3

_kernel = _select.load("boxes")


def decode(
    sides: Float32, logits: Float32, stride: float, least: float, rows: Float32, start: int = 0
) -> int:
    """Decode the cells of a map, row by row of it, in which a class has a logit above ``least``.

    Parameters
    ----------
    sides
        (h, w, 4 * 16) float32, contiguous, finite: for the left, upper, right and lower side, how likely it
        is 0 to 15 strides away from the cell's middle, as logits.
    logits
        (h, w, classes) float32, contiguous, finite.
    stride
        Pixels of the model's square that a cell is wide and high.
    least
        What the best logit must be above, in single precision.
    rows
        (n, 4 + classes) float32, contiguous. Rows from ``start`` on are filled with middle x, middle y, width
        and height in pixels of the square, and the score of each class.
    start
        Rows that are filled already.

    Returns
    -------
    int
        How many rows are filled now.

    Raises
    ------
    ValueError
        A shape is wrong, or the map has more cells than ``rows`` has room.
    """
    if logits.ndim != MAP or sides.shape != (*logits.shape[:2], SIDES * BINS):
        raise ValueError(f"sides {sides.shape} and logits {logits.shape} are no maps of the same cells")
    cells = logits.shape[0] * logits.shape[1]
    if rows.ndim != MATRIX or rows.shape[1] != SIDES + logits.shape[2] or not logits.size:
        raise ValueError(f"rows of the shape {rows.shape} hold no boxes with {logits.shape[2]} scores")
    if not 0 <= start <= rows.shape[0] - cells:
        raise ValueError(f"{cells} cells have no room in rows {start} to {rows.shape[0]}")
    return int(_kernel.decode(sides, logits, stride, least, rows, start))


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

"""NumPy twin of `kernels.boxes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


def candidates(output: Float32, floor: float, boxes: Float32, labels: Int32, scores: Float32) -> int:
    """Write boxes, classes and scores above the floor; return how many."""
    best = output[4:].max(axis=0)
    chosen = np.flatnonzero(best > np.float32(floor))
    count = len(chosen)
    middle, half = output[:2, chosen], output[2:4, chosen] / np.float32(2)
    boxes[:count, :2] = (middle - half).T
    boxes[:count, 2:] = (middle + half).T
    labels[:count] = output[4:, chosen].argmax(axis=0)
    scores[:count] = best[chosen]
    return count


def suppress(boxes: Float32, labels: Int32, overlap: float, keep: NDArray[np.uint8]) -> None:
    """Mark the boxes to keep, best first, of one class no two that overlap by more."""
    keep[:] = 1
    for row in range(len(keep)):
        if keep[row]:
            rivals = np.flatnonzero((labels == labels[row]) & (np.arange(len(keep)) > row) & (keep > 0))
            keep[rivals] = overlaps(boxes[row], boxes[rivals]) <= np.float32(overlap)


def overlaps(box: Float32, others: Float32) -> Float32:
    """Return the intersection over union of one box with others (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, np.float32(0))
    shared = sides[:, 0] * sides[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    together = area + areas - shared
    share: Float32 = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return share

"""NumPy twin of `kernels.boxes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


def select(
    output: Float32, floor: float, overlap: float, boxes: Float32, labels: Int32, scores: Float32
) -> int:
    """Write the boxes above the floor, best first, of overlapping ones the best; return how many."""
    best = output[4:].max(axis=0)
    chosen = np.flatnonzero(best > np.float32(floor))
    chosen = chosen[np.argsort(-best[chosen], kind="stable")]
    middle, half = output[:2, chosen], output[2:4, chosen] / np.float32(2)
    found = np.hstack([(middle - half).T, (middle + half).T])
    names = output[4:, chosen].argmax(axis=0)
    kept = np.flatnonzero(keep_best(found, names, np.float32(overlap)))
    count = len(kept)
    boxes[:count], labels[:count], scores[:count] = found[kept], names[kept], best[chosen][kept]
    return count


def keep_best(boxes: Float32, labels: NDArray[np.intp], overlap: np.float32) -> NDArray[np.bool_]:
    """Mark the boxes to keep, best first, of one class no two that overlap by more."""
    keep = np.ones(len(boxes), np.bool_)
    for row in range(len(keep)):
        if keep[row]:
            rivals = np.flatnonzero((labels == labels[row]) & (np.arange(len(keep)) > row) & keep)
            keep[rivals] = overlaps(boxes[row], boxes[rivals]) <= overlap
    return keep


def restore(
    boxes: Float32, left: float, top: float, across: float, down: float, width: float, height: float
) -> None:
    """Shift, scale and clip boxes in place."""
    shift, scale = np.array([left, top] * 2, np.float32), np.array([across, down] * 2, np.float32)
    limit = np.array([width, height] * 2, np.float32)
    moved = (boxes - shift) / scale
    boxes[:] = np.where(moved < 0, np.float32(0), np.where(moved > limit, limit, moved))


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

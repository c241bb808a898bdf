"""NumPy twin of `kernels.boxes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]

BINS = 16
ROUNDER = 6755399441055744.0
"""1.5 * 2^52: added and taken away it leaves a whole number."""
TERMS = [1.0 / factorial for factorial in (40320, 5040, 720, 120, 24, 6, 2, 1, 1)]


def decode(sides: Float32, logits: Float32, stride: float, least: float, rows: Float32, start: int) -> int:
    """Write a row for each cell that is likely enough, from row ``start`` on; return where they end."""
    y, x = np.nonzero((logits > np.float32(least)).any(axis=2))
    middle = np.stack([x, y], axis=1).astype(np.float32) + np.float32(0.5)
    away = expected(sides[y, x].reshape(-1, 4, BINS))
    low, high = middle - away[:, :2], middle + away[:, 2:]
    stop = start + len(y)
    rows[start:stop, :2] = (low + high) / np.float32(2) * np.float32(stride)
    rows[start:stop, 2:4] = (high - low) * np.float32(stride)
    rows[start:stop, 4:] = logistic(logits[y, x])
    return stop


def expected(bins: Float32) -> Float32:
    """Return the mean number of a bin (..., 16), each as likely as the softmax of its logits tells."""
    wide = bins.astype(np.float64)
    powers = power(wide - wide.max(axis=-1, keepdims=True))
    total, weighted = np.zeros((2, *bins.shape[:-1]))
    for number in range(BINS):  # one after the other, as the compiled twin adds
        total += powers[..., number]
        weighted += powers[..., number] * number
    mean: Float32 = (weighted / total).astype(np.float32)
    return mean


def logistic(logits: Float32) -> Float32:
    """Return the scores of logits."""
    small = power(-np.abs(logits.astype(np.float64)))
    score: Float32 = (np.where(logits < 0, small, 1.0) / (1.0 + small)).astype(np.float32)
    return score


def power(x: Float64) -> Float64:
    """Return e to the power of what is not above 0, to eleven digits, the same on every machine."""
    x = np.where(x > -700.0, x, -700.0)
    whole = (x * 1.4426950408889634 + ROUNDER) - ROUNDER
    rest = (x - whole * 6.93147180369123816490e-01) - whole * 1.90821492927058770002e-10
    total = np.full_like(rest, TERMS[0])
    for term in TERMS[1:]:
        total = total * rest + term
    scaled: Float64 = np.ldexp(total, whole.astype(np.int32))
    return scaled


@np.errstate(over="ignore", invalid="ignore")
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


@np.errstate(over="ignore")
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

"""Streaming deviation score in NumPy; checks and meaning stand in `kernels.detect`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.int32]


def score(
    first: NDArray[np.int64],
    group: Keys,
    slot: Keys,
    value: Floats,
    reference: Floats,
    smooth: Floats,
    limit: Floats,
    tuning: Floats,
    result: Floats,
    top: NDArray[np.int64],
    share: Floats,
) -> None:
    """Score each group against what its slots have shown before, then learn from it."""
    horizon, warm, smoothing, clip, hold = tuning.tolist()
    for number, owner in enumerate(group.tolist()):
        rows = np.arange(first[number], first[number + 1])
        known = reference[slot[rows]]
        ready = known[:, 2] >= warm
        result[number], top[number], share[number] = np.nan, -1, 0.0
        if ready.any():
            squares = _squares(known[ready], value[rows[ready]], clip)
            total = np.cumsum(squares)[-1]
            smooth[owner] += (total / len(squares) - smooth[owner]) / smoothing
            result[number] = np.sqrt(smooth[owner])
            top[number] = rows[ready][np.argmax(squares)]
            share[number] = squares.max() / total if total > 0 else 0.0
        damping = hold if result[number] > limit[owner] else 1.0
        reference[slot[rows]] = _learned(known, value[rows], horizon, damping)


def _squares(known: Floats, value: Floats, clip: float) -> Floats:
    z = (value - known[:, 0]) / (np.sqrt(known[:, 1]) + 1e-9 * (np.abs(known[:, 0]) + 1))
    z = np.minimum(np.maximum(z, -clip), clip)
    squares: Floats = z * z
    return squares


def _learned(known: Floats, value: Floats, horizon: float, damping: float) -> Floats:
    seen = known[:, 2] + 1
    rate = 1 / np.minimum(seen, horizon) * damping
    mean = np.where(seen == 1, value, known[:, 0])
    off = value - mean
    return np.stack([mean + rate * off, (1 - rate) * (known[:, 1] + rate * off * off), seen], axis=1)

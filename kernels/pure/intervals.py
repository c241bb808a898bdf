"""Algebra of half-open intervals in NumPy; checks and meaning stand in `kernels.intervals`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def totals(start: Ints, end: Ints, label: NDArray[np.int32], low: int, high: int, total: Ints) -> None:
    """Add to ``total`` how long each label lasts within [low, high)."""
    lasting = np.minimum(end, high) - np.maximum(start, low)
    np.add.at(total, label, np.maximum(lasting, 0))


def split(
    start: Ints, end: Ints, boundary: Ints, piece_start: Ints, piece_end: Ints, origin: NDArray[np.int32]
) -> int:
    """Cut intervals at boundaries; return how many pieces there are."""
    pieces = 0
    for number, (low, high) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        if low >= high:
            continue
        inner = boundary[
            np.searchsorted(boundary, low, side="right") : np.searchsorted(boundary, high, side="left")
        ]
        stop = pieces + len(inner) + 1
        piece_start[pieces], piece_start[pieces + 1 : stop] = low, inner
        piece_end[pieces : stop - 1], piece_end[stop - 1] = inner, high
        origin[pieces:stop] = number
        pieces = stop
    return pieces

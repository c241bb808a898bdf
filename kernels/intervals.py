"""Half-open intervals [start, end) in integer microseconds: how long, and cut where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("intervals")

Ints = NDArray[np.int64]


def totals(start: Ints, end: Ints, label: NDArray[np.int32], within: tuple[int, int], total: Ints) -> None:
    """Add to ``total`` (labels,) how long the intervals (n,) of each label last inside ``within``.

    An interval that ends before it starts lasts nothing.
    """
    if not len(start) == len(end) == len(label):
        raise ValueError("start, end and label differ in length")
    if len(label) and (int(label.min()) < 0 or int(label.max()) >= len(total)):
        raise ValueError(f"a label lies outside 0..{len(total) - 1}")
    _twin.totals(start, end, label, *within, total)


def split(start: Ints, end: Ints, boundary: Ints) -> tuple[Ints, Ints, NDArray[np.int32]]:
    """Cut intervals (n,) at every boundary inside them.

    Parameters
    ----------
    boundary : rising times.

    Returns
    -------
    start, end, origin
        The pieces in the order of their intervals, and the number of the interval each comes from.
    """
    if len(start) != len(end):
        raise ValueError("start and end differ in length")
    if np.any(boundary[1:] <= boundary[:-1]):
        raise ValueError("the boundaries must rise")
    inner = np.searchsorted(boundary, end, "left") - np.searchsorted(boundary, start, "right")
    most = len(start) + int(np.maximum(inner, 0).sum())
    begins, ends = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    origin = np.empty(most, dtype=np.int32)
    pieces = _twin.split(start, end, boundary, begins, ends, origin)
    return begins[:pieces], ends[:pieces], origin[:pieces]

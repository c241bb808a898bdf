"""How far a machine's readings lie from what they used to be, learnt while streaming.

Each slot (a tag) keeps an exponentially weighted mean and variance; a group (a machine at one time)
scores the smoothed root mean square of its slots' standardised, clipped deviations, so that 1 is
usual whatever the number of tags. While a group is above its limit its slots learn at a damped rate.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("detect")

Floats = NDArray[np.float64]
Keys = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How fast the reference follows and how much one slot may say."""

    horizon: float = 600.0
    """Panes over which the reference is averaged."""
    warm: float = 60.0
    """Panes that a slot must have seen before it counts."""
    smoothing: float = 3.0
    """Panes over which the mean square is averaged."""
    clip: float = 5.0
    """The most standard deviations one slot may contribute."""
    hold: float = 0.1
    """What is left of the learning rate while the group is above its limit."""


def score(
    first: NDArray[np.int64],
    group: Keys,
    slot: Keys,
    value: Floats,
    *,
    reference: Floats,
    smooth: Floats,
    limit: Floats,
    tuning: Tuning,
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Score groups in the order they stand and learn from each before the next.

    Parameters
    ----------
    first : (n + 1,) where each group's rows begin in slot and value; the last is their number.
    group : (n,) row of ``smooth`` and ``limit``.
    slot, value : (m,) row of ``reference`` and the number seen; a slot at most once in a group.
    reference : (slots, 3) mean, variance, times seen; changed in place.
    smooth : (groups,) smoothed mean square; changed in place.
    limit : (groups,) the score above which learning is damped.

    Returns
    -------
    score, top, share
        (n,) each: the score, NaN while nothing is warm; the row that deviates most, or -1; its share
        of the sum of squares.
    """
    if len(first) != len(group) + 1 or len(slot) != len(value) or len(smooth) != len(limit):
        raise ValueError("first must have one entry more than group; slot and value, smooth and limit match")
    if first[0] != 0 or first[-1] != len(slot) or np.any(first[1:] < first[:-1]):
        raise ValueError("first must rise from 0 to the number of rows")
    _check(slot, len(reference), "slot")
    _check(group, len(smooth), "group")
    result, share = np.empty(len(group)), np.empty(len(group))
    top = np.empty(len(group), dtype=np.int64)
    how = np.array(astuple(tuning), dtype=np.float64)
    _twin.score(first, group, slot, value, reference, smooth, limit, how, result, top, share)
    return result, top, share


def _check(codes: Keys, size: int, name: str) -> None:
    if len(codes) and (int(codes.min()) < 0 or int(codes.max()) >= size):
        raise ValueError(f"a {name} lies outside 0..{size - 1}")

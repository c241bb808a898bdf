"""Is a score what it says? How often what was said with a score is right, score by score."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

BINS = 10
"""Steps into which scores from 0 to 1 are put."""


@dataclass(frozen=True, slots=True)
class Bin:
    """What was said with a score between ``low`` and ``high``."""

    low: float
    high: float
    count: int
    score: float
    """Mean score: how often it should be right."""
    right: float
    """How often it was."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores beside how often they were right; steps in which nothing was said are left out."""

    bins: tuple[Bin, ...]

    @property
    def ece(self) -> float:
        """Return the expected calibration error: how far scores are off on average; NaN without any."""
        total = sum(item.count for item in self.bins)
        return sum(item.count * abs(item.score - item.right) for item in self.bins) / (total or np.nan)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, rounded."""
        rows = [{key: round(value, 4) for key, value in asdict(item).items()} for item in self.bins]
        return {"ece": round(self.ece, 4) if rows else None, "bins": rows}


def reliability(scores: ArrayLike, right: ArrayLike, bins: int = BINS) -> Reliability:
    """Return how right scores from 0 to 1 are, in steps of equal width.

    Examples
    --------
    >>> reliability([0.9, 0.9, 0.2], [True, False, False]).bins[-1].right
    0.5
    """
    said, true = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    step = np.minimum((said * bins).astype(int), bins - 1)
    found = np.unique(step).tolist()
    return Reliability(tuple(_bin(index, bins, said[step == index], true[step == index]) for index in found))


def _bin(index: int, bins: int, said: Float64, true: Float64) -> Bin:
    return Bin(index / bins, (index + 1) / bins, len(said), float(said.mean()), float(true.mean()))

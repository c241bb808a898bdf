"""Measure anomalies against truth: by picture (AUROC) and by region (AUPRO)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vision.records import Float32

FALSE_ALARMS = 0.3
"""Share of sound pixels up to which regions are integrated, as in MVTec AD."""
STEPS = 301


def auroc(good: ArrayLike, bad: ArrayLike) -> float:
    """Return how often a bad one scores higher than a good one, ties counting half.

    Examples
    --------
    >>> auroc([0.1, 0.2], [0.2, 0.9])
    0.875
    """
    left, right = np.asarray(good)[:, None], np.asarray(bad)[None]
    return float(((right > left) + 0.5 * (right == left)).mean())


def aupro(maps: Sequence[Float32], masks: Sequence[NDArray[np.bool_]]) -> float:
    """Return the area below the per-region overlap up to `FALSE_ALARMS`, as a share of the largest.

    Parameters
    ----------
    maps
        One anomaly for each pixel, pictures without defects included.
    masks
        True where the defects are; every connected region counts alike, whatever its size.
    """
    sound = np.sort(np.concatenate([shown[~mask] for shown, mask in zip(maps, masks, strict=True)]))
    rates = np.linspace(0, FALSE_ALARMS, STEPS)
    limits = sound[np.clip(np.ceil(len(sound) * (1 - rates)).astype(int) - 1, 0, None)]
    overlaps = [
        1 - np.searchsorted(region, limits, side="right") / len(region)
        for shown, mask in zip(maps, masks, strict=True)
        for region in _regions(shown, mask)
    ]
    return float(np.trapezoid(np.mean(overlaps, axis=0), rates) / FALSE_ALARMS)


def _regions(shown: Float32, mask: NDArray[np.bool_]) -> list[Float32]:
    """Return the sorted anomalies of each connected region."""
    count, marks = cv2.connectedComponents(mask.astype(np.uint8))
    return [np.sort(shown[marks == mark]) for mark in range(1, count)]

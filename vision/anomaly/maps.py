"""Maps of anomaly: one number a cell, for the cells that lie in the picture and not in its padding."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.anomaly.network import STRIDE
from vision.judge import ANOMALY
from vision.letterbox import Fitted
from vision.records import Finding, Float32

SPREAD = 1.0
"""Standard deviation, in cells, of the bell that a map is smoothed by."""
MOST = 10
"""Regions of one picture that are told at the most."""


def describe() -> dict[str, float]:
    """Return what stands between distances and findings, for the hash of the preprocessing."""
    return {"stride": STRIDE, "spread": SPREAD, "most": MOST}


@dataclass(frozen=True, slots=True)
class Window:
    """The cells of the network's grid, ``rows`` by ``rows``, whose middle lies in the picture."""

    rows: int
    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def of(cls, fitted: Fitted, side: int) -> Window:
        """Return the cells of a picture that was fitted into a square of ``side`` pixels."""
        height, width = fitted.resized.shape[:2]
        return cls(side // STRIDE, *_span(fitted.top, height), *_span(fitted.left, width))

    def cut(self, cells: Float32) -> Float32:
        """Return the picture's part of the whole grid's values, (cells,) or (cells, d)."""
        grid = cells.reshape(self.rows, self.rows, *cells.shape[1:])
        return grid[self.top : self.bottom, self.left : self.right]

    def box(self, left: int, top: int, width: int, height: int) -> Float32:
        """Return cells of the window as a box (1, 4) of the network's square, pixels."""
        corners = (left, top, left + width, top + height)
        shift = (self.left, self.top, self.left, self.top)
        return np.add(corners, shift).astype(np.float32)[None] * np.float32(STRIDE)


def _span(start: int, length: int) -> tuple[int, int]:
    """Return the cells whose middle lies in ``length`` pixels from ``start``; always one at least."""
    first, end = (-((STRIDE // 2 - edge) // STRIDE) for edge in (start, start + length))
    return first, max(end, first + 1)


def smooth(distances: Float32) -> Float32:
    """Return a map in which a single cell counts less than several together."""
    return np.asarray(cv2.GaussianBlur(distances, (0, 0), SPREAD), dtype=np.float32)


def rate(anomaly: float, limit: float) -> float:
    """Return an anomaly as a score of 0..1 that is 0.5 at the limit and 2/3 at twice the limit."""
    return anomaly / (anomaly + limit) if anomaly > 0 else 0.0


def findings(smoothed: Float32, limit: float, fitted: Fitted, window: Window) -> tuple[Finding, ...]:
    """Return the regions of a map above the limit, worst first, with boxes in pixels of the picture."""
    count, marks, stats, _ = cv2.connectedComponentsWithStats((smoothed > limit).astype(np.uint8))
    found = []
    for mark in range(1, count):
        worst = float(smoothed[marks == mark].max())
        x0, y0, x1, y1 = fitted.back(window.box(*stats[mark, :4].tolist()))[0].astype(float).round(2).tolist()
        found.append(Finding(ANOMALY, round(rate(worst, limit), 6), (x0, y0, x1, y1)))
    return tuple(sorted(found, key=lambda finding: -finding.score)[:MOST])


def pixels(smoothed: Float32, fitted: Fitted, window: Window) -> Float32:
    """Return a map as one value for each pixel of the picture as captured."""
    around = (window.top, window.rows - window.bottom, window.left, window.rows - window.right)
    whole = cv2.copyMakeBorder(smoothed, *around, cv2.BORDER_REPLICATE)
    side = window.rows * STRIDE
    square = cv2.resize(whole, (side, side))
    height, width = fitted.resized.shape[:2]
    seen = square[fitted.top : fitted.top + height, fitted.left : fitted.left + width]
    return np.asarray(cv2.resize(seen, (fitted.width, fitted.height)), dtype=np.float32)

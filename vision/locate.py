"""Where the seam is in a picture: what the detector calls one, or the band with the most structure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vision.measure import Box
from vision.records import Finding, Float32, Image

SIDE = 80
"""Pictures are looked at this small: the seam is large."""
SMOOTH = 7
"""Lines over which a profile is averaged."""
DISTINCT = 1.5
"""A seam's profile rises so far above its median, or it is none."""
EDGE = 0.3
"""The seam begins where its profile has this part of its highest rise."""


def by_findings(findings: Sequence[Finding], features: Sequence[str]) -> Box | None:
    """Return the box of the feature with the highest score: a detector tells the seam as one of them."""
    seams = [finding for finding in findings if finding.label in features]
    return max(seams, key=lambda finding: finding.score).box if seams else None


def by_picture(image: Image, size: tuple[int, int]) -> Box | None:
    """Return the band of a picture that has the most structure along it; None where none stands out.

    The seam is taken to run from edge to edge, down or across. The box is one of a picture of ``size``
    (width, height), of which ``image`` is a smaller one.
    """
    width, height = size
    small = cv2.cvtColor(cv2.resize(image, (SIDE, SIDE)), cv2.COLOR_BGR2GRAY)
    edges = cv2.convertScaleAbs(cv2.Laplacian(small, cv2.CV_16S))
    across, down = profile(edges, 0), profile(edges, 1)
    upright = rise(across) >= rise(down)
    found = band(across if upright else down)
    if found is None:
        return None
    first, last = (edge / SIDE for edge in found)
    if upright:
        return (round(first * width, 2), 0.0, round(last * width, 2), float(height))
    return (0.0, round(first * height, 2), float(width), round(last * height, 2))


def profile(edges: Image, axis: int) -> Float32:
    """Return the mean of each column (0) or row (1), smoothed over its neighbours."""
    means = cv2.reduce(edges, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).reshape(1, -1)
    smooth = cv2.blur(means, (SMOOTH, 1), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth[0], dtype=np.float32)


def rise(smooth: Float32) -> float:
    """Return how far a profile rises above its median."""
    return float(smooth.max()) / max(middle_of(smooth), 1e-9)


def band(smooth: Float32) -> tuple[float, float] | None:
    """Return from where to where a profile rises by a part of its highest rise; None where it hardly does."""
    if rise(smooth) < DISTINCT:
        return None
    middle = middle_of(smooth)
    above = np.flatnonzero(smooth >= middle + EDGE * (smooth.max() - middle))
    return float(above[0]), float(above[-1] + 1)


def middle_of(smooth: Float32) -> float:
    """Return a profile's upper median."""
    return float(np.partition(smooth, SIDE // 2)[SIDE // 2])

"""Where the cameras of a simulated station stand: a perspective of the part and a lamp for each view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.records import Float32


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera: where the part's corners are seen (fractions of the picture) and where its light is from.

    ``corners`` are the part's (0,0), (1,0), (1,1), (0,1); ``lamp`` points towards the light as x, y, z
    of the part, z being up; ``lean`` is how far along x a point is seen aside for each unit that it
    stands above the steel: away from a camera that looks from the side.
    """

    corners: tuple[tuple[float, float], ...]
    lamp: tuple[float, float, float]
    gain: float = 1.0
    lean: float = 0.0

    def homography(self, size: int) -> NDArray[np.float64]:
        """Return the matrix that takes part pixels to picture pixels, both ``size`` a side."""
        part = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * size
        seen = np.array(self.corners, np.float32) * size
        return np.asarray(cv2.getPerspectiveTransform(part, seen), dtype=np.float64)

    def rays(self, size: int) -> tuple[Float32, Float32]:
        """Return where the sight of each picture pixel meets the steel, x and y in part pixels."""
        grid = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2), axis=-1)
        met = cv2.perspectiveTransform(grid, np.linalg.inv(self.homography(size)))
        return np.ascontiguousarray(met[..., 0]), np.ascontiguousarray(met[..., 1])


VIEWS = {
    "top": Viewpoint(((-0.02, -0.02), (1.02, -0.02), (1.02, 1.02), (-0.02, 1.02)), (-0.45, -0.35, 0.82)),
    "front": Viewpoint(
        ((-0.10, 1.10), (0.06, -0.08), (0.94, -0.08), (1.10, 1.10)), (0.55, -0.25, 0.80), 0.95
    ),
    "left": Viewpoint(
        ((-0.30, -0.12), (1.02, 0.06), (1.02, 0.94), (-0.30, 1.12)), (-0.75, 0.20, 0.63), 1.05, lean=0.8
    ),
    "right": Viewpoint(
        ((-0.02, 0.06), (1.30, -0.12), (1.30, 1.12), (-0.02, 0.94)), (0.75, 0.25, 0.61), 0.9, lean=-0.8
    ),
}
"""The views there are, by name."""


def project(outline: Float32, homography: NDArray[np.float64], size: int) -> Float32:
    """Return the box (x0, y0, x1, y1) of an outline (n, 2) in the picture, cut at its edges."""
    seen = cv2.perspectiveTransform(outline[None].astype(np.float32), homography)[0]
    seen = np.clip(seen, 0, size)
    return np.concatenate([seen.min(axis=0), seen.max(axis=0)]).astype(np.float32)

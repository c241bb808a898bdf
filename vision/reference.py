"""How a view looked when the station was set up: what covers the part since, or moved, or changed its light.

A reference is one picture of a good part in its fixture, brought to the model's scale. Parts differ a
little, so each block of a picture is compared with what the reference shows around the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import letterbox, pictures, quality
from vision.canvas import Canvas
from vision.records import Float32, Image

SIDE, BLOCK = 80, 8
"""Pictures are compared this small, block by block."""
AROUND = np.ones((11, 11), np.uint8)
"""How far a good part's features may lie from the reference's, pixels of the small picture."""
TONE = 25.0
"""Levels by which a block may leave what the reference shows around it, light being evened out."""
LOST = 0.4
"""A block with less of the reference's structure than this is covered by something smooth."""
CENTRES = slice(BLOCK // 2, None, BLOCK)
STEPS = 160
"""Side of the pictures whose shift is measured."""


class ReferenceUnreadable(ValueError):
    """The bytes are no picture that could be a reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One view's reference: between which levels and structure each block lies, and what it measured."""

    measures: dict[str, float]
    dimmest: Float32
    brightest: Float32
    structure: Float32
    median: float
    steps: Float32
    """The picture whose shift is measured against."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A picture beside its reference."""

    light: float
    """Mean level, as a share of the reference's."""
    focus: float
    """Sharpness in the same light, as a share of the reference's."""
    shift: float
    """How far the picture moved, as a share of its longer side."""


def read(encoded: bytes, canvas: Canvas) -> Reference:
    """Return the reference that a picture is for a model that is shown pictures on a canvas.

    Raises
    ------
    ReferenceUnreadable
        The bytes are no picture.
    """
    image, defect = pictures.decode(encoded)
    if image is None:
        raise ReferenceUnreadable(defect)
    resized = letterbox.onto(image, canvas).resized
    small = shrink(resized, SIDE).astype(np.float32)
    mean, structure = cv2.blur(small, (BLOCK, BLOCK)), cv2.blur(edges(small), (BLOCK, BLOCK))
    return Reference(
        quality.measure(resized),
        cv2.erode(mean, AROUND)[CENTRES, CENTRES],
        cv2.dilate(mean, AROUND)[CENTRES, CENTRES],
        cv2.erode(structure, AROUND)[CENTRES, CENTRES],
        float(np.median(mean[CENTRES, CENTRES])),
        steps(image),
    )


def covered(resized: Image, reference: Reference) -> float:
    """Return the share of a picture's blocks that show something else than a part would.

    A block does that whose level lies outside of what the reference shows around it, after the light was
    evened out, or that lost its structure.
    """
    small = shrink(resized, SIDE).astype(np.float32)
    mean, structure = block_means(small), block_means(edges(small))
    mean *= reference.median / max(float(np.median(mean)), 1.0)
    odd = (mean < reference.dimmest - TONE) | (mean > reference.brightest + TONE)
    odd |= structure < LOST * reference.structure
    return round(float(odd.mean()), 4)


def compare(image: Image, measures: dict[str, float], reference: Reference) -> Comparison:
    """Return how a picture's light, focus and place are beside the reference's; for master parts."""
    window = cv2.createHanningWindow((STEPS, STEPS), cv2.CV_32F)
    (across, down), _ = cv2.phaseCorrelate(reference.steps, steps(image), window)
    light = measures["mean"] / max(reference.measures["mean"], 1e-9)
    sharpness = measures["sharpness"] / max(reference.measures["sharpness"], 1e-9)
    return Comparison(
        round(light, 4),
        round(sharpness / max(light * light, 1e-9), 4),
        round(float(np.hypot(across, down)) / STEPS, 4),
    )


def shrink(resized: Image, side: int) -> NDArray[np.uint8]:
    """Return a small grey picture."""
    small = cv2.resize(resized, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def steps(image: Image) -> Float32:
    """Return a picture of what stands out from its surroundings, whatever the light."""
    small = shrink(image, STEPS).astype(np.float32)
    return np.asarray(small - cv2.blur(small, (STEPS // 8, STEPS // 8)), dtype=np.float32)


def edges(small: Float32) -> Float32:
    """Return how much structure there is at each pixel."""
    return np.asarray(np.abs(cv2.Laplacian(small, cv2.CV_32F)), dtype=np.float32)


def block_means(small: Float32) -> Float32:
    """Return the mean of each block."""
    return np.asarray(cv2.resize(small, (SIDE // BLOCK, SIDE // BLOCK), interpolation=cv2.INTER_AREA))

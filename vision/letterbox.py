"""The letterbox a model looks through: fit a picture into a square, remember the way back.

The same arithmetic as the trainer's own (Ultralytics ``LetterBox``): sides rounded half to even,
bilinear, centred, padding of level 114.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from kernels import pixels
from kernels.boxes import restore
from vision.records import Float32, Image

PADDING = 114


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A picture resized to lie at ``top``, ``left`` of a square, and the factors it was scaled by."""

    resized: Image
    top: int
    left: int
    across: float
    down: float
    width: int
    height: int

    def back(self, boxes: Float32) -> Float32:
        """Return boxes (n, 4) of the square as boxes of the picture, clipped to it."""
        inside = boxes.copy()
        place = float(self.left), float(self.top), self.across, self.down
        restore(inside, *place, float(self.width), float(self.height))
        return inside


@dataclass(frozen=True, slots=True)
class Square:
    """What pictures are fitted into; a ``stretched`` one they fill, whatever becomes of their shape."""

    side: int
    stretched: bool = False

    def fit(self, image: Image) -> Fitted:
        """Resize a picture to lie in the square."""
        if not self.stretched:
            return fit(image, self.side)
        height, width = image.shape[:2]
        resized = cv2.resize(image, (self.side, self.side))
        return Fitted(resized, 0, 0, self.side / width, self.side / height, width, height)


def fit(image: Image, side: int) -> Fitted:
    """Resize a picture so that its longer side is ``side`` pixels."""
    height, width = image.shape[:2]
    ratio = min(side / height, side / width)
    across, down = max(round(width * ratio), 1), max(round(height * ratio), 1)
    resized = image if (across, down) == (width, height) else cv2.resize(image, (across, down))
    top, left = round((side - down) / 2 - 0.1), round((side - across) / 2 - 0.1)
    return Fitted(resized, top, left, across / width, down / height, width, height)


def fill(fitted: Fitted, blob: Float32) -> None:
    """Write a fitted picture into a model's input (3, side, side) float32."""
    pixels.blob(fitted.resized, fitted.top, fitted.left, PADDING, blob)


def lay(fitted: Fitted, square: Float32 | Image) -> None:
    """Write a fitted picture into a model's input (side, side, 3), float32 from 0 to 1 or bytes."""
    pixels.square(fitted.resized, fitted.top, fitted.left, PADDING, square)

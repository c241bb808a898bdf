"""The letterbox a model looks through: lay a picture on a canvas, remember the way back.

The same arithmetic as the trainer's own (Ultralytics ``LetterBox``): sides rounded half to even,
bilinear, centred, padding of level 114.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from kernels import pixels
from kernels.boxes import restore
from vision.canvas import Canvas
from vision.records import Float32, Image

PADDING = 114


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A picture resized to lie at ``top``, ``left`` of a canvas, and the factors it was scaled by."""

    resized: Image
    top: int
    left: int
    across: float
    down: float
    width: int
    height: int

    def back(self, boxes: Float32) -> Float32:
        """Return boxes (n, 4) of the canvas as boxes of the picture, clipped to it."""
        inside = boxes.copy()
        place = float(self.left), float(self.top), self.across, self.down
        restore(inside, *place, float(self.width), float(self.height))
        return inside


def onto(image: Image, canvas: Canvas) -> Fitted:
    """Resize a picture to lie on a canvas."""
    height, width = image.shape[:2]
    across, down = canvas.width, canvas.height
    if not canvas.stretched:
        ratio = min(canvas.height / height, canvas.width / width)
        across, down = max(round(width * ratio), 1), max(round(height * ratio), 1)
    resized = image if (across, down) == (width, height) else cv2.resize(image, (across, down))
    top, left = round((canvas.height - down) / 2 - 0.1), round((canvas.width - across) / 2 - 0.1)
    return Fitted(resized, top, left, across / width, down / height, width, height)


def fit(image: Image, side: int) -> Fitted:
    """Resize a picture to lie in a square."""
    return onto(image, Canvas.square(side))


def fill(fitted: Fitted, blob: Float32) -> None:
    """Write a fitted picture into a model's input (3, height, width) float32."""
    pixels.blob(fitted.resized, fitted.top, fitted.left, PADDING, blob)


def lay(fitted: Fitted, square: Float32 | Image) -> None:
    """Write a fitted picture into a model's input (height, width, 3), float32 from 0 to 1 or bytes."""
    pixels.square(fitted.resized, fitted.top, fitted.left, PADDING, square)

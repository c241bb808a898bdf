"""The lazy way to judge parts, beside which a detector has to show what it is worth: the mean picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from vision import pictures
from vision.assembly import Part
from vision.records import Float32, Frame, Outcome

SIDE = 48
"""Pictures are compared in grey, this small."""
OVERKILL = 0.05
"""Share of sound parts that it may reject where it was fitted."""


class MeanPicture:
    """Reject a part one of whose pictures is further from the mean than those of nearly all sound parts.

    Parameters
    ----------
    sound
        Parts without a flaw, each with all its views.
    """

    def __init__(self, sound: Iterable[Part]) -> None:
        seen = np.stack([shrink(part.frames) for part in sound])
        self._mean = seen.mean(axis=0)
        self._spread = seen.std(axis=0) + 1
        self._limit = float(np.quantile([self._far(one) for one in seen], 1 - OVERKILL))

    def judge(self, part: Part) -> Outcome:
        """Return OK or NG."""
        return Outcome.NG if self._far(shrink(part.frames)) > self._limit else Outcome.OK

    def _far(self, seen: Float32) -> float:
        """Return the mean squared deviation of the view that is furthest off."""
        return float((((seen - self._mean) / self._spread) ** 2).mean(axis=(1, 2)).max())


def shrink(frames: Sequence[Frame]) -> Float32:
    """Return small grey pictures, (views, side, side)."""
    return np.stack([shrink_one(frame.encoded) for frame in frames])


def shrink_one(encoded: bytes) -> Float32:
    """Return one small grey picture; black where there is none."""
    image, _ = pictures.decode(encoded)
    if image is None:
        return np.zeros((SIDE, SIDE), np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)

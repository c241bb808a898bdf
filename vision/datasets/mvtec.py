"""MVTec AD: good pictures to learn from, others to test on, and masks whose regions become boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vision.datasets.abc import TEST, TRAIN, Annotated, Box, Corners
from vision.datasets.picture import pictures_below, see
from vision.records import Image

GOOD = "good"
SMALLEST = 4
"""Pixels that a region must have; what is smaller is dust of the brush."""


class Mvtec:
    """``train/good``, ``test/KIND`` and ``ground_truth/KIND``."""

    name = "mvtec"

    def find(self, folder: Path) -> bool:
        """Return whether a folder has good pictures to learn from."""
        return (folder / "train" / GOOD).is_dir()

    def classes(self, folder: Path) -> tuple[str, ...]:
        """Return the kinds of defects, by their folders."""
        return tuple(sorted({place.name for place in (folder / "test").glob("*") if place.name != GOOD}))

    def read(self, folder: Path) -> Iterator[Annotated]:
        """Yield the pictures; one of a defect without its mask is no use."""
        for side in (TRAIN, TEST):
            for place in sorted((folder / side).glob("*")):
                for picture in pictures_below(place):
                    yield _annotated(folder, picture, place.name, side)


def _annotated(folder: Path, picture: Path, kind: str, side: str) -> Annotated:
    if kind == GOOD:
        return Annotated(picture, side=side)
    names = (f"{picture.stem}.png", f"{picture.stem}_mask.png")
    file = next(filter(Path.is_file, (folder / "ground_truth" / kind / name for name in names)), None)
    if file is None:
        return Annotated(picture, side=side, trouble="defective pictures without a mask")
    if see(file).defect:
        return Annotated(picture, side=side, trouble="masks that cannot be read")
    mask = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
    boxes = tuple(Box(kind, corners) for corners in _regions(mask))
    return Annotated(picture, boxes, (mask.shape[1], mask.shape[0]), side)


def _regions(mask: Image) -> Iterator[Corners]:
    _, _, found, _ = cv2.connectedComponentsWithStats(np.minimum(mask, 1))
    for x, y, width, height, area in found[1:].tolist():
        if area >= SMALLEST:
            yield x, y, x + width, y + height

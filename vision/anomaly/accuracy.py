"""How well a bank tells good parts from others, on pictures in the layout of MVTec AD.

``test/good`` and any other folder of ``test`` hold the pictures, ``ground_truth`` beside it masks of the
defects, a folder for each of ``test``: by the picture's name, with or without ``_mask``. Where a part has
several pictures, ``splits.csv`` names it in its column ``part``, the picture as ``test/KIND/NAME``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import letterbox
from vision.acceptance import Tally, counted, rate, tally, upper_bound
from vision.anomaly import fit, maps
from vision.anomaly.evaluation import aupro, auroc
from vision.anomaly.scorer import AnomalyDetector
from vision.dataset import PART, DatasetError, read_column
from vision.records import Float32

GOOD = "good"


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The pictures of one side of the test."""

    pictures: tuple[fit.Picture, ...]
    maps: list[Float32]
    """One anomaly for each pixel."""
    scores: list[float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; ``aupro`` is None where the set has no masks."""

    image_auroc: float
    aupro: float | None
    limit: float
    parts: Tally
    """An anomaly counts from above the limit."""
    counted: str
    """What these are: parts, or where none is named pictures."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, rounded, with rates and how high they may truly be (95 % sure)."""
        found = self.parts
        return {
            "image_auroc": round(self.image_auroc, 4),
            "aupro": None if self.aupro is None else round(self.aupro, 4),
            "limit": round(self.limit, 4),
            "counted": self.counted,
            "good": found.sound,
            "defective": found.defective,
            "overkill": found.overkill,
            "overkill_rate": rate(found.overkill, found.sound),
            "overkill_upper95": round(upper_bound(found.overkill, found.sound), 5),
            "escaped": found.escaped,
            "escape_rate": rate(found.escaped, found.defective),
            "escape_upper95": round(upper_bound(found.escaped, found.defective), 5),
        }


def measure(detector: AnomalyDetector, folder: Path, tell: Callable[[], object] = lambda: None) -> Figures:
    """Compare a set's test side with a bank; ``tell`` is called after each picture.

    Raises
    ------
    DatasetError
        There are no good or no defective pictures to test on, or a mask does not fit.
    ModelError
        A picture cannot be read.
    """
    places = sorted(path for path in (folder / "test").glob("*") if path.is_dir())
    flawed = [place for place in places if place.name != GOOD]
    if not flawed or folder / "test" / GOOD not in places:
        raise DatasetError(
            f"{folder} has nothing to test on; put good pictures into test/{GOOD}, defective ones beside it."
        )
    good = look(detector, folder / "test" / GOOD, tell)
    sides = [(place.name, look(detector, place, tell)) for place in flawed]
    bad = [score for _, side in sides for score in side.scores]
    known, limit = read_column(folder, PART), detector.bank.limit
    shown = [
        (f"test/{kind}/{picture.name}", kind != GOOD, score > limit)
        for kind, side in [(GOOD, good), *sides]
        for picture, score in zip(side.pictures, side.scores, strict=True)
    ]
    return Figures(
        auroc(good.scores, bad),
        regions_found(folder / "ground_truth", good, sides),
        limit,
        tally((known.get(name, name), flaw, alarm) for name, flaw, alarm in shown),
        counted(any(name in known for name, _, _ in shown)),
    )


def pictures_of(folder: Path) -> int:
    """Return how many pictures a set has to test on."""
    return sum(len(fit.picture_files(place)) for place in (folder / "test").glob("*") if place.is_dir())


def look(detector: AnomalyDetector, folder: Path, tell: Callable[[], object] = lambda: None) -> Side:
    """Return the maps and scores of the pictures of a folder."""
    pictures = tuple(fit.read_picture(file) for file in fit.picture_files(folder))
    shown, scores = [], []
    for picture in pictures:
        fitted = letterbox.fit(picture.image, detector.side)
        smoothed = detector.measure(fitted)
        shown.append(maps.pixels(smoothed, fitted, maps.Window.of(fitted, detector.side)))
        scores.append(float(smoothed.max()))
        tell()
    return Side(pictures, shown, scores)


def regions_found(truth: Path, good: Side, flawed: list[tuple[str, Side]]) -> float | None:
    """Return the area below the per-region overlap, None where no picture has a mask."""
    if not truth.is_dir():
        return None
    masks = [np.zeros(shown.shape, bool) for shown in good.maps]
    for kind, side in flawed:
        rows = zip(side.pictures, side.maps, strict=True)
        masks += [read_mask(truth / kind, picture.name, shown.shape) for picture, shown in rows]
    return aupro(good.maps + [shown for _, side in flawed for shown in side.maps], masks)


def read_mask(folder: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where a picture's defects are, by the name of the picture.

    Raises
    ------
    DatasetError
        There is no mask of it, or it has another size.
    """
    stem = Path(name).stem
    files = (folder / f"{stem}{ending}.png" for ending in ("", "_mask"))
    file = next((file for file in files if file.is_file()), None)
    mask = None if file is None else cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != shape:
        raise DatasetError(f"{folder} has no mask of the size of {name}; add {stem}.png or take {name} out.")
    return np.asarray(mask > 0)

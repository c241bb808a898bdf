"""How well anomalies of ``welds-battery`` are told after fitting on its good training pictures alone.

The bank is fitted anew each time: the pictures' licence is stated in two ways, so none ships.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vision import letterbox, registry
from vision.anomaly import AnomalyDetector, fit, maps
from vision.anomaly.evaluation import aupro, auroc
from vision.records import Float32, Image

TWIN = 0.9995
"""Correlation from which a picture is cut from the same recording as a picture of the training side."""
HOG_SIDE, CELLS, BINS = 128, 8, 9


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The pictures of one side of the test."""

    pictures: tuple[fit.Picture, ...]
    maps: list[Float32]
    """One anomaly for each pixel."""
    scores: list[float]


def measure(folder: Path) -> dict[str, Any]:
    """Fit on the training side, measure on the test side; lazy baselines beside it."""
    root = folder / "raw" / "welding"
    learnt = fit.read_pictures(root / "train" / "good")
    started = time.perf_counter()
    fitted = fit.fit(learnt, registry.find(fit.BACKBONE))
    seconds = time.perf_counter() - started
    detector = AnomalyDetector.of(fitted.bank)
    good, bad = (look(detector, root / "test" / name) for name in ("good", "defective"))
    masks = [np.zeros(shown.shape, bool) for shown in good.maps]
    masks += [read_mask(root / "ground_truth" / "defective" / item.name) for item in bad.pictures]
    fresh = [not has_twin(item.image, learnt) for item in good.pictures]
    limit = fitted.bank.limit
    return {
        "image_auroc": round(auroc(good.scores, bad.scores), 4),
        "image_auroc_without_twins": round(auroc(np.array(good.scores)[fresh], bad.scores), 4),
        "aupro": round(aupro(good.maps + bad.maps, masks), 4),
        "pictures_learnt": len(learnt),
        "good": len(good.scores),
        "good_without_twins": sum(fresh),
        "defective": len(bad.scores),
        "overkill": f"{sum(score > limit for score in good.scores)}/{len(good.scores)}",
        "escaped": f"{sum(score <= limit for score in bad.scores)}/{len(bad.scores)}",
        "auroc_hog_nearest": round(auroc(*hog_baseline(learnt, good, bad)), 4),
        "auroc_darkness_alone": round(auroc(*map(darkness, (good, bad))), 4),
        "fit_s": round(seconds, 1),
        "bank": fitted.bank.hash,
    }


def look(detector: AnomalyDetector, folder: Path) -> Side:
    """Return the maps and scores of the pictures of a folder."""
    pictures = tuple(fit.read_picture(file) for file in fit.picture_files(folder))
    shown, scores = [], []
    for picture in pictures:
        fitted = letterbox.fit(picture.image, detector.side)
        smoothed = detector.measure(fitted)
        shown.append(maps.pixels(smoothed, fitted, maps.Window.of(fitted, detector.side)))
        scores.append(float(smoothed.max()))
    return Side(pictures, shown, scores)


def read_mask(file: Path) -> Any:
    """Return where a picture's defects are."""
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)) > 0


def has_twin(image: Image, learnt: tuple[fit.Picture, ...]) -> bool:
    """Return whether a picture is a cut of one that was learnt, or the other way round."""
    return any(_same(image, other.image) for other in learnt)


def _same(left: Image, right: Image) -> bool:
    small, large = sorted((left, right), key=len)
    if small.shape[1] != large.shape[1]:
        return False
    return bool(cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED).max() >= TWIN)


def hog_baseline(learnt: tuple[fit.Picture, ...], *sides: Side) -> list[list[float]]:
    """Return distances to the nearest learnt picture by histograms of gradients."""
    known = np.stack([histograms(item.image) for item in learnt])
    return [
        [float(np.linalg.norm(known - histograms(item.image), axis=1).min()) for item in side.pictures]
        for side in sides
    ]


def histograms(image: Image) -> Float32:
    """Return how edges run in each of 8 by 8 cells: nine directions, weighted by strength, cells levelled."""
    grey = cv2.cvtColor(cv2.resize(image, (HOG_SIDE, HOG_SIDE)), cv2.COLOR_BGR2GRAY).astype(np.float32)
    down, across = np.gradient(grey)
    direction = ((np.arctan2(down, across) % np.pi) * (BINS / np.pi)).astype(int) % BINS
    places = np.arange(HOG_SIDE) // (HOG_SIDE // CELLS)
    bins = (places[:, None] * CELLS + places) * BINS + direction
    counted = np.bincount(bins.ravel(), np.hypot(down, across).ravel(), CELLS * CELLS * BINS)
    cells = counted.reshape(-1, BINS)
    levelled = cells / (np.linalg.norm(cells, axis=1, keepdims=True) + 1)
    return np.asarray(levelled.ravel(), dtype=np.float32)


def darkness(side: Side) -> list[float]:
    """Return how dark pictures are: what a detector may have learnt instead of defects."""
    return [-float(item.image.mean()) for item in side.pictures]

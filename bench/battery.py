"""How well anomalies of ``welds-battery`` are told after fitting on its good training pictures alone.

The bank is fitted anew each time: the pictures' licence is stated in two ways, so none ships.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vision import registry
from vision.acceptance import rate, upper_bound
from vision.anomaly import AnomalyDetector, fit
from vision.anomaly.accuracy import Side, look, regions_found
from vision.anomaly.evaluation import auroc
from vision.records import Float32, Image

TWIN = 0.9995
"""Correlation from which a picture is cut from the same recording as a picture of the training side."""
HOG_SIDE, CELLS, BINS = 128, 8, 9


def measure(folder: Path) -> dict[str, Any]:
    """Fit on the training side, measure on the test side; lazy baselines beside it."""
    root = folder / "raw" / "welding"
    learnt = fit.read_pictures(root / "train" / "good")
    started = time.perf_counter()
    fitted = fit.fit(learnt, registry.find(fit.BACKBONE))
    seconds = time.perf_counter() - started
    detector = AnomalyDetector.of(fitted.bank)
    good, bad = (look(detector, root / "test" / name) for name in ("good", "defective"))
    regions = regions_found(root / "ground_truth", good, [("defective", bad)])
    fresh = [not has_twin(item.image, learnt) for item in good.pictures]
    limit = fitted.bank.limit
    above, below = sum(score > limit for score in good.scores), sum(score <= limit for score in bad.scores)
    return {
        "image_auroc": round(auroc(good.scores, bad.scores), 4),
        "image_auroc_without_twins": round(auroc(np.array(good.scores)[fresh], bad.scores), 4),
        "aupro": None if regions is None else round(regions, 4),
        "pictures_learnt": len(learnt),
        "good": len(good.scores),
        "good_without_twins": sum(fresh),
        "defective": len(bad.scores),
        "overkill": f"{above}/{len(good.scores)}",
        "overkill_rate": rate(above, len(good.scores)),
        "escaped": f"{below}/{len(bad.scores)}",
        "escape_rate": rate(below, len(bad.scores)),
        "escape_upper95": round(upper_bound(below, len(bad.scores)), 5),
        "auroc_hog_nearest": round(auroc(*hog_baseline(learnt, good, bad)), 4),
        "auroc_darkness_alone": round(auroc(*map(darkness, (good, bad))), 4),
        "fit_s": round(seconds, 1),
        "bank": fitted.bank.hash,
    }


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

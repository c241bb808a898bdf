"""Good against not good on welds that nobody has learnt: ``split_unseen_weld`` of ``welds-pipe``.

The held-out weld B is all good and the held-out weld D all not, so the figure compares two tubes: what
tells the tubes apart counts as if it told the welds apart. One linear discriminant is fitted on the
photographs of A, C and E, once on what the shipped ImageNet network sees and once on histograms of
gradients, which is the floor. Its shrinkage follows from those photographs (Ledoit and Wolf, 2004), so
nothing is chosen on the held-out side. The third figure is the product's own: a bank of A's good pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.battery import histograms
from vision import letterbox, registry
from vision.anomaly import AnomalyDetector, fit
from vision.anomaly.evaluation import auroc
from vision.dataset import label_file, read_classes, read_split, read_truth
from vision.evaluation import FEATURES

SPLIT = "split_unseen_weld"

Matrix = NDArray[np.float64]
Bool = NDArray[np.bool_]


def measure(data: Path) -> dict[str, Any]:
    """Return how well good and not good are told apart on the held-out welds."""
    split = read_split(data, SPLIT)
    names = split.train + split.test
    shown = [fit.read_picture(data / "images" / name) for name in names]
    flawed = np.array([has_defect(data, name) for name in names])
    learnt = np.arange(len(names)) < len(split.train)
    backbone = registry.find(fit.BACKBONE)
    pooled = np.stack([moments(item.vectors) for item in fit.embed(shown, backbone)])
    edges = np.stack([histograms(item.image) for item in shown]).astype(np.float64)
    good = [item for item, kept in zip(shown, learnt & ~flawed, strict=True) if kept]
    unusual = anomalies(good, backbone, shown[len(split.train) :])
    return {
        "auc_unseen_weld": round(told_apart(pooled, flawed, learnt), 4),
        "hog_floor": round(told_apart(edges, flawed, learnt), 4),
        "auc_unseen_weld_bank": round(apart(unusual, flawed[~learnt]), 4),
        "unseen_weld_good": int((~flawed & ~learnt).sum()),
        "unseen_weld_not_good": int((flawed & ~learnt).sum()),
        "unseen_weld_compares": "two tubes: B is all good, D is all not",
    }


def anomalies(good: list[fit.Picture], backbone: registry.Model, shown: list[fit.Picture]) -> Matrix:
    """Return how unusual pictures look to a bank of good ones."""
    bank = AnomalyDetector.of(fit.fit(good, backbone).bank)
    return np.array([bank.measure(letterbox.fit(item.image, bank.side)).max() for item in shown], np.float64)


def has_defect(data: Path, name: str) -> bool:
    """Return whether a photograph's truth names a defect."""
    features = [index for index, label in enumerate(read_classes(data)) if label in FEATURES]
    return not np.isin(read_truth(label_file(data, name), 1, 1).labels, features).all()


def moments(vectors: NDArray[np.float32]) -> Matrix:
    """Return mean and deviation of a picture's vectors over its cells."""
    return np.concatenate([vectors.mean(axis=0), vectors.std(axis=0)]).astype(np.float64)


def told_apart(seen: Matrix, flawed: Bool, learnt: Bool) -> float:
    """Return the AUROC on the held-out side of a discriminant that was fitted on the other."""
    middle, spread = seen[learnt].mean(axis=0), seen[learnt].std(axis=0) + 1e-9
    scaled = (seen - middle) / spread
    scores = scaled @ discriminant(scaled[learnt], flawed[learnt])
    return apart(scores[~learnt], flawed[~learnt])


def apart(scores: Matrix, flawed: Bool) -> float:
    """Return the AUROC of scores."""
    return auroc(scores[~flawed], scores[flawed])


def discriminant(seen: Matrix, flawed: Bool) -> Matrix:
    """Return the direction of Fisher's linear discriminant with a shrunk covariance.

    Solved in the space of the pictures, which are fewer than the numbers of each.
    """
    means = [seen[side].mean(axis=0) for side in (~flawed, flawed)]
    within = np.where(flawed[:, None], seen - means[1], seen - means[0])
    share, mean_variance = shrinkage(within)
    ridge, weight = share * mean_variance, (1 - share) / len(within)
    across = means[1] - means[0]
    products = within @ within.T + ridge / weight * np.eye(len(within))
    return np.asarray((across - within.T @ np.linalg.solve(products, within @ across)) / ridge)


def shrinkage(within: Matrix) -> tuple[float, float]:
    """Return how much of the covariance is to be replaced by its mean variance, and that variance."""
    number, width = within.shape
    lengths, products = (within**2).sum(axis=1), within @ within.T
    mean_variance = lengths.sum() / number / width
    size = (products**2).sum() / number**2
    noise = ((lengths**2).sum() / number - size) / number
    return float(min(1, noise / (size - width * mean_variance**2))), float(mean_variance)

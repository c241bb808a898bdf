"""Measure a detector against truth: average precision by class, and what it means for whole parts.

Detections are matched as in COCO: in the order of their scores, each to the best box of its class
that is still free. Average precision is the area below the precision envelope at 101 recalls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.acceptance import tally
from vision.dataset import Truth
from vision.records import Findings, Float32

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

THRESHOLDS: Float64 = np.linspace(0.5, 0.95, 10)
"""Overlaps from which a detection counts as found."""
RECALLS: Float64 = np.linspace(0, 1, 101)
FEATURES = ("good", "Weld")
"""Classes that are no defects."""

Pair = tuple[Findings, Truth]
"""What was found in one picture, and what is there."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Average precision: ``ap`` (classes, thresholds), NaN where the truth has none of a class."""

    classes: tuple[str, ...]
    ap: Float64
    instances: NDArray[np.int64]
    """Boxes of the truth, by class."""
    pictures: int

    def map50(self, classes: Sequence[str] = ()) -> float:
        """Return mean average precision at an overlap of 0.5, of some classes or of all."""
        return _mean(self._rows(classes)[:, 0])

    def map50_95(self, classes: Sequence[str] = ()) -> float:
        """Return mean average precision over all overlaps, of some classes or of all."""
        return _mean(self._rows(classes).ravel())

    def ap50(self) -> dict[str, float]:
        """Return average precision at an overlap of 0.5 of every class that the truth has."""
        return {name: float(row[0]) for name, row in zip(self.classes, self.ap, strict=True) if row[0] >= 0}

    def defects(self) -> tuple[str, ...]:
        """Return the classes that are defects."""
        return tuple(name for name in self.classes if name not in FEATURES)

    def _rows(self, classes: Sequence[str]) -> Float64:
        return self.ap[[self.classes.index(name) for name in classes or self.classes]]


def _mean(values: Float64) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")


def evaluate(pairs: Iterable[Pair], classes: tuple[str, ...]) -> Report:
    """Return the average precision of detections; give all of them, however low their score.

    Parameters
    ----------
    pairs
        Findings and truth of each picture. Labels are indices into ``classes``.
    """
    held = list(pairs)
    hits = [match(findings, truth) for findings, truth in held]
    hit = np.vstack([np.zeros((0, len(THRESHOLDS)), dtype=bool), *hits])
    score = np.concatenate([np.zeros(0), *(findings.scores for findings, _ in held)])
    label = np.concatenate([np.zeros(0, np.int32), *(findings.labels for findings, _ in held)])
    wanted = np.concatenate([np.zeros(0, np.int32), *(truth.labels for _, truth in held)])
    instances = np.bincount(wanted, minlength=len(classes)).astype(np.int64)
    order = np.argsort(-score, kind="stable")
    hit, label = hit[order], label[order]
    rows = [average_precision(hit[label == index], int(total)) for index, total in enumerate(instances)]
    return Report(classes, np.array(rows), instances, len(held))


def match(findings: Findings, truth: Truth) -> Bool:
    """Return which findings are right, (findings, thresholds)."""
    hit = np.zeros((len(findings), len(THRESHOLDS)), dtype=bool)
    if not len(findings) or not len(truth):
        return hit
    overlap = iou(truth.boxes, findings.boxes) * (truth.labels[:, None] == findings.labels[None, :])
    taken = np.zeros((len(truth), len(THRESHOLDS)), dtype=bool)
    columns = np.arange(len(THRESHOLDS))
    for index in np.argsort(-findings.scores, kind="stable"):
        free = np.where(taken, 0.0, overlap[:, index, None])
        best = free.argmax(axis=0)
        hit[index] = free[best, columns] >= THRESHOLDS
        taken[best, columns] |= hit[index]
    return hit


def iou(left: Float32, right: Float32) -> Float64:
    """Return the overlap of every box of one set with every box of the other, (left, right)."""
    a, b = left.astype(np.float64)[:, None], right.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), dtype=np.float64)


def average_precision(hit: Bool, instances: int) -> Float64:
    """Return the average precision of one class at every threshold.

    Parameters
    ----------
    hit
        Which detections are right, (detections, thresholds), best score first.
    instances
        How many there are to find; none makes the result NaN.
    """
    if not instances:
        return np.full(len(THRESHOLDS), np.nan)
    if not len(hit):
        return np.zeros(len(THRESHOLDS))
    found = hit.cumsum(axis=0)
    precision = found / np.arange(1, len(hit) + 1)[:, None]
    curves = zip((found / instances).T, precision.T, strict=True)
    return np.array([_area(recall, exact) for recall, exact in curves])


def _area(recall: Float64, precision: Float64) -> float:
    """Return the area below the precision envelope; no precision is granted beyond the last recall."""
    steps = np.concatenate([[0.0], recall, [recall[-1], 1.0]])
    heights = np.concatenate([[1.0], precision, [0.0, 0.0]])
    envelope = np.maximum.accumulate(heights[::-1])[::-1]
    return float(np.trapezoid(np.interp(RECALLS, steps, envelope), RECALLS))


@dataclass(frozen=True, slots=True)
class PartFigures:
    """How whole parts would be judged at one score: one that shows a defect in a picture is defective."""

    score: float
    defective: int
    sound: int
    escaped: int
    """Defective parts in none of whose pictures a defect was found."""
    overkill: int
    """Sound parts in one of whose pictures a defect was found."""


def judge_parts(
    pairs: Iterable[Pair], classes: tuple[str, ...], score: float, parts: Sequence[str] = ()
) -> PartFigures:
    """Count parts that escape and parts that are rejected without cause, defects counting from a score.

    Parameters
    ----------
    parts
        The part that each picture shows; none: each shows another.
    """
    features = [index for index, name in enumerate(classes) if name in FEATURES]
    held = list(pairs)
    shown = (
        (
            part,
            not np.isin(truth.labels, features).all(),
            not np.isin(findings.labels[findings.scores >= score], features).all(),
        )
        for part, (findings, truth) in zip(parts or range(len(held)), held, strict=True)
    )
    return PartFigures(score, *tally(shown))

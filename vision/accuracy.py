"""How right a model is, as the runtime runs it, on the photographs of a data set's held-out side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vision import pictures
from vision.acceptance import counted, rate, upper_bound
from vision.anomaly.evaluation import auroc
from vision.calibration import Reliability, reliability
from vision.dataset import (
    PART,
    DatasetError,
    check_folder,
    label_file,
    read_classes,
    read_column,
    read_split,
    read_truth,
)
from vision.detect import Detector
from vision.evaluation import FEATURES, Pair, PartFigures, Report, evaluate, judge_parts, match
from vision.judge import SENTENCES
from vision.records import Findings
from vision.registry import Model

FLOOR = 0.001
"""Scores from which findings are collected: the curve needs them all."""
BANDS = (0.25, 0.5)
"""Scores at which whole parts are judged: where a recipe that says nothing else reviews, and rejects."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was measured: precision by class, and what it means for whole parts."""

    report: Report
    parts: tuple[PartFigures, ...]
    """At each of `BANDS`."""
    image_auroc: float
    """How often a picture with a defect has the higher score of one without; NaN without both."""
    findings_right: Reliability
    """Scores of findings from the review band on, beside how often they are there."""
    defects_right: Reliability
    """Scores of each picture's worst defect, beside how often it has one."""
    counted: str = "pictures"
    """What the rates are rates of: parts, or where none is named pictures."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, rounded as the cards are."""
        return {
            "pictures": self.report.pictures,
            "map50": round(self.report.map50(), 4),
            "map50_95": round(self.report.map50_95(), 4),
            "map50_defects": round(self.report.map50(self.report.defects()), 4),
            "ap50": {name: round(value, 4) for name, value in self.report.ap50().items()},
            "counted": self.counted,
            "parts": [asdict(part) for part in self.parts],
            **self.rates(),
            "image_auroc": None if np.isnan(self.image_auroc) else round(self.image_auroc, 4),
            "calibration": {
                "findings": self.findings_right.as_dict(),
                "parts": self.defects_right.as_dict(),
            },
        }

    def rates(self) -> dict[str, float]:
        """Return escapes below the lower band and overkill above the upper, as a station would have them.

        What lies between the bands goes to a person and is neither.
        """
        low, high = self.parts
        return {
            "escape_rate": rate(low.escaped, low.defective),
            "escape_upper95": round(upper_bound(low.escaped, low.defective), 5),
            "overkill_rate": rate(high.overkill, high.sound),
            "overkill_upper95": round(upper_bound(high.overkill, high.sound), 5),
        }


Tell = Callable[[int, int], object]
"""Called with the pictures looked at and those that there are."""


def measure(model: Model, data: Path, split: str, tell: Tell = lambda done, total: None) -> Accuracy:
    """Measure a model on the test side of one of a data set's splits.

    Raises
    ------
    DatasetError
        The data set is not whole, or its classes are not those of the model.
    """
    return summarise(pairs_of(model, data, split, tell), model.classes, parts_of(data, split))


def parts_of(data: Path, split: str) -> tuple[str, ...]:
    """Return the part that each picture of a test side shows; nothing where none of them has a named one."""
    names, known = read_split(data, split).test, read_column(data, PART)
    return tuple(known.get(name, name) for name in names) if not known.keys().isdisjoint(names) else ()


def pairs_of(model: Model, data: Path, split: str, tell: Tell = lambda done, total: None) -> list[Pair]:
    """Return what a model finds in the pictures of a test side, and what is there.

    Raises
    ------
    DatasetError
        The data set is not whole, or its classes are not those of the model.
    """
    check_folder(data)
    if (classes := read_classes(data)) != model.classes:
        raise DatasetError(
            f"{data / 'classes.txt'} names {', '.join(classes)}; the model {model.name} knows"
            f" {', '.join(model.classes)}: give data of the same classes in the same order."
        )
    names = read_split(data, split).test
    if not names:
        raise DatasetError(f"The split {split} of {data} holds nothing out; name another with --split.")
    pairs = []
    for pair in look(Detector(model), data, names):
        pairs.append(pair)
        tell(len(pairs), len(names))
    return pairs


def summarise(pairs: Sequence[Pair], classes: tuple[str, ...], parts: Sequence[str] = ()) -> Accuracy:
    """Return what findings are worth beside the truth, over all pictures and the ``parts`` that they show."""
    features = [index for index, name in enumerate(classes) if name in FEATURES]
    worst = np.array([worst_score(found, features) for found, _ in pairs])
    flawed = np.array([not np.isin(truth.labels, features).all() for _, truth in pairs])
    hits = [(found.scores, match(found, truth)[:, 0]) for found, truth in pairs]
    scores, right = (np.concatenate(column) for column in zip(*hits, strict=True))
    counts = scores >= BANDS[0]
    return Accuracy(
        evaluate(pairs, classes),
        tuple(judge_parts(pairs, classes, score, parts) for score in BANDS),
        auroc(worst[~flawed], worst[flawed]) if 0 < flawed.sum() < len(flawed) else float("nan"),
        reliability(scores[counts], right[counts]),
        reliability(worst, flawed),
        counted(bool(parts)),
    )


def worst_score(found: Findings, features: Sequence[int]) -> float:
    """Return the score of a picture's worst defect, 0 where none was found."""
    return float(found.scores[~np.isin(found.labels, features)].max(initial=0.0))


def look(detector: Detector, data: Path, names: tuple[str, ...]) -> Iterator[Pair]:
    """Yield what the detector finds in each photograph, and what is there.

    Raises
    ------
    DatasetError
        One of them is missing, or is no picture.
    """
    for name in names:
        file = data / "images" / name
        image, defect = pictures.decode(file.read_bytes()) if file.is_file() else (None, "")
        if image is None:
            why = SENTENCES.get(defect, "it is not there")
            raise DatasetError(f"{file} cannot be read as a picture: {why}; remove it from the split.")
        truth = read_truth(label_file(data, name), image.shape[1], image.shape[0])
        yield detector.detect(image, FLOOR), truth

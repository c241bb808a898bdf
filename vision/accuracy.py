"""How right a model is, as the runtime runs it, on the photographs of a data set's held-out side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vision.dataset import DatasetError, check_folder, label_file, read_classes, read_split, read_truth
from vision.detect import Detector
from vision.evaluation import Pair, PartFigures, Report, evaluate, judge_parts
from vision.registry import Model

FLOOR = 0.001
"""Scores from which findings are collected: the curve needs them all."""
BANDS = (0.25, 0.5)
"""Scores at which whole parts are judged."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was measured: precision by class, and what it means for whole parts."""

    report: Report
    parts: tuple[PartFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, rounded as the cards are."""
        return {
            "pictures": self.report.pictures,
            "map50": round(self.report.map50(), 4),
            "map50_95": round(self.report.map50_95(), 4),
            "map50_defects": round(self.report.map50(self.report.defects()), 4),
            "ap50": {name: round(value, 4) for name, value in self.report.ap50().items()},
            "parts": [asdict(part) for part in self.parts],
        }


def measure(
    model: Model, data: Path, split: str, tell: Callable[[int, int], None] = lambda done, total: None
) -> Accuracy:
    """Measure a model on the test side of one of a data set's splits.

    Parameters
    ----------
    tell
        Called with the pictures looked at and those that there are.

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
    parts = tuple(judge_parts(pairs, model.classes, score) for score in BANDS)
    return Accuracy(evaluate(pairs, model.classes), parts)


def look(detector: Detector, data: Path, names: tuple[str, ...]) -> Iterator[Pair]:
    """Yield what the detector finds in each photograph, and what is there.

    Raises
    ------
    DatasetError
        One of them is missing, or is no picture.
    """
    for name in names:
        read = cv2.imread(str(data / "images" / name))
        if read is None:
            raise DatasetError(
                f"{data / 'images' / name} cannot be read as a picture; remove it from the split."
            )
        image = np.asarray(read, dtype=np.uint8)
        truth = read_truth(label_file(data, name), image.shape[1], image.shape[0])
        yield detector.detect(image, FLOOR), truth

"""The lazy detector: in every picture the middle box of each class, as sure as the class is frequent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vision.dataset import Truth, label_file, read_classes, read_split, read_truth
from vision.evaluation import Report, evaluate
from vision.records import Findings


def measure(data: Path, split: str) -> Report:
    """Learn the boxes of a split's training side; return what they are worth on its test side."""
    classes, sides = read_classes(data), read_split(data, split)
    always = middle_boxes([truth_of(data, name) for name in sides.train], classes)
    return evaluate([(always, truth_of(data, name)) for name in sides.test], classes)


def truth_of(data: Path, name: str) -> Truth:
    """Return the boxes of a picture as fractions of its sides."""
    return read_truth(label_file(data, name), 1, 1)


def middle_boxes(learnt: list[Truth], classes: tuple[str, ...]) -> Findings:
    """Return a finding for each class that occurs: its median box, the share of pictures that have it."""
    labels = np.concatenate([truth.labels for truth in learnt])
    boxes = np.concatenate([truth.boxes for truth in learnt])
    known = np.unique(labels).astype(np.int32)
    middles = np.stack([np.median(boxes[labels == label], axis=0) for label in known])
    shares = [np.mean([label in truth.labels for truth in learnt]) for label in known]
    return Findings(classes, middles.astype(np.float32), known, np.array(shares, np.float32))

"""Photographs with boxes: ``images/``, ``labels/``, ``classes.txt``, ``splits.csv``."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from engine.survey.abc import DataSet
from vision.dataset import DatasetError, Truth, label_file, read_classes, read_truth

UNIT = 1
"""Width and height with which a label file's fractions stay fractions."""
SLACK = 1e-3
"""How far a box may reach beyond the picture by rounding."""


class Boxes:
    """YOLO label files beside their pictures."""

    def find(self, folder: Path) -> bool:
        """Return whether a folder has pictures and labels side by side."""
        return all((folder / name).is_dir() for name in ("images", "labels"))

    def look(self, folder: Path) -> DataSet:
        """Count pictures and boxes by class; see that labels, classes and splits fit them."""
        found = DataSet("photographs with boxes", folder)
        pictures = sorted(path for path in (folder / "images").iterdir() if path.is_file())
        classes = read_classes(folder) if (folder / "classes.txt").is_file() else ()
        found.counts["pictures"] = len(pictures)
        if not classes:
            found.trap("classes.txt is missing", str(folder))
        for picture in pictures:
            _labels(found, folder, picture, classes)
        stems = {picture.stem for picture in pictures}
        for file in sorted((folder / "labels").glob("*.txt")):
            if file.stem not in stems:
                found.trap("labels without a picture", file.name)
        _splits(found, folder, _contents(found, pictures))
        return found


def _labels(found: DataSet, folder: Path, picture: Path, classes: tuple[str, ...]) -> None:
    try:
        truth = read_truth(label_file(folder, picture.name), UNIT, UNIT)
    except DatasetError:
        found.trap("pictures without readable labels", picture.name)
        return
    for label in truth.labels.tolist():
        known = 0 <= label < len(classes)
        found.counts[f"boxes of {classes[label]}" if known else "boxes of no class"] += 1
    if len(classes) and not np.isin(truth.labels, range(len(classes))).all():
        found.trap("labels of a class that classes.txt lacks", picture.name)
    if _outside(truth):
        found.trap("boxes that reach out of the picture", picture.name)


def _outside(truth: Truth) -> bool:
    return bool(len(truth)) and bool((truth.boxes < -SLACK).any() or (truth.boxes > UNIT + SLACK).any())


def _contents(found: DataSet, pictures: list[Path]) -> dict[str, str]:
    """Return each picture's SHA-256; note what cannot be read."""
    hashes = {}
    for picture in pictures:
        content = picture.read_bytes()
        if cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
            found.trap("files that are no picture", picture.name)
        hashes[picture.name] = hashlib.sha256(content).hexdigest()
    return hashes


def _splits(found: DataSet, folder: Path, hashes: dict[str, str]) -> None:
    """Count the sides of every split; the same bytes on both sides make its figures worthless."""
    file = folder / "splits.csv"
    if not file.is_file():
        found.trap("splits.csv is missing: nothing is held out", str(folder))
        return
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for column in [name for name in (rows[0] if rows else {}) if name.startswith("split")]:
        sides: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            found.counts[f"{column}: {row[column]}"] += 1
            if (content := hashes.get(row["image"])) is None:
                found.trap("rows of splits.csv without a picture", row["image"])
            else:
                sides[row[column]].add(content)
        if sides["train"] & sides["test"]:
            found.trap("the same picture to train on and to test on", column)

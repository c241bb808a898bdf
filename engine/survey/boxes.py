"""Photographs with boxes: ``images/``, ``labels/``, ``classes.txt``, ``splits.csv``."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from engine.survey.abc import DataSet
from engine.survey.shown import look_at
from vision.dataset import DatasetError, Truth, label_file, read_classes, read_truth
from vision.datasets import duplicates, welds
from vision.datasets.abc import TEST, TRAIN
from vision.datasets.picture import Seen

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
        _splits(found, folder, look_at(found, {picture.name: picture for picture in pictures}))
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


def _splits(found: DataSet, folder: Path, seen: dict[str, Seen]) -> None:
    """Count the sides of every split; what is the same on both sides makes its figures worthless."""
    file = folder / "splits.csv"
    if not file.is_file():
        found.trap("splits.csv is missing: nothing is held out", str(folder))
        return
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    alike = list(duplicates.near({name: picture.mark for name, picture in seen.items()}))
    found.counts["pairs that look alike"] = len(alike)
    equal = duplicates.equal({name: picture.sha256 for name, picture in seen.items()})
    welds_of = {row["image"]: row[welds.COLUMN] for row in rows if row.get(welds.COLUMN)}
    columns = [name for name in (rows[0] if rows else {}) if name.startswith("split")]
    for row in rows:
        if row["image"] not in welds_of and {TRAIN, TEST} & {row[column] for column in columns}:
            found.trap(welds.UNNAMED, row["image"])
    for column in columns:
        sides = {row["image"]: row[column] for row in rows}
        found.counts.update(f"{column}: {side}" for side in sides.values())
        for left, right in duplicates.across(equal, sides):
            found.trap("the same picture to train on and to test on", f"{column}: {left} = {right}")
        for left, right in duplicates.across(alike, sides):
            found.trap("pictures that look alike to train on and to test on", f"{column}: {left} ~ {right}")
        for weld in welds.shared(sides, welds_of):
            found.trap("a weld to train on and to test on", f"{column}: {weld}")
    for name in sorted(
        {row["image"] for row in rows} - {path.name for path in (folder / "images").iterdir()}
    ):
        found.trap("rows of splits.csv without a picture", name)

"""Read photographs' truth: YOLO label files, class names, and splits that part train from test."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vision.records import Float32, Int32


class DatasetError(ValueError):
    """A data set cannot be used as it is; the message says what to mend."""


PARTS = ("images", "labels", "classes.txt", "splits.csv")
"""What a data set of photographs with boxes is."""
PART = "part"
"""Column of ``splits.csv`` that names the part that a picture shows; without it each shows another."""
SHOWN = 3
"""Pictures that a sentence names."""
WHOLE = 1 << 31
"""A class is below it: it is kept in 32 bits."""


@dataclass(frozen=True, slots=True)
class Split:
    """Names of the pictures of one split; ``gap`` pictures between the two belong to neither."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is to be found in one picture: ``boxes`` (n, 4) x0 y0 x1 y1 in pixels, ``labels`` (n,)."""

    boxes: Float32
    labels: Int32

    def __len__(self) -> int:
        return len(self.labels)


def check_folder(data: Path) -> None:
    """See that a data set is whole.

    Raises
    ------
    DatasetError
        A part of it is missing.
    """
    for name in PARTS:
        if not (data / name).exists():
            raise DatasetError(f"{data} lacks {name}; a data set holds {', '.join(PARTS)}.")


def read_classes(data: Path) -> tuple[str, ...]:
    """Read the class names, one a line of ``classes.txt``; a label is an index into them."""
    return class_lines(data / "classes.txt")


def class_lines(file: Path) -> tuple[str, ...]:
    """Read the class names of a file, one a line; a name may have several words."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def read_split(data: Path, column: str) -> Split:
    """Read one split column of ``splits.csv``.

    Raises
    ------
    DatasetError
        There is no such column, or a picture stands there twice.
    """
    with (data / "splits.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or column not in rows[0]:
        columns = ", ".join(rows[0]) if rows else "none"
        raise DatasetError(f"{data / 'splits.csv'} has no column {column!r}; its columns are: {columns}.")
    names = Counter(row["image"] for row in rows)
    if twice := [name for name, count in names.items() if count > 1]:
        told = ", ".join(twice[:SHOWN])
        raise DatasetError(
            f"{data / 'splits.csv'} names {len(twice)} of its pictures twice: {told}; leave one row of each."
        )
    return Split(
        train=tuple(row["image"] for row in rows if row[column] == "train"),
        test=tuple(row["image"] for row in rows if row[column] == "test"),
    )


def read_column(data: Path, column: str) -> dict[str, str]:
    """Return what a column of ``splits.csv`` says of each picture that it says anything of.

    Raises
    ------
    DatasetError
        Nobody can know of which pictures it says that.
    """
    file = data / "splits.csv"
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get(column)]
    if rows and "image" not in rows[0]:
        raise DatasetError(f"{file} has a column {column}, but no column image; add the pictures' names.")
    return {row["image"]: row[column] for row in rows}


def read_truth(file: Path, width: int, height: int) -> Truth:
    """Read a YOLO label file: a line ``class x y w h`` for each box, in fractions of the picture.

    Raises
    ------
    DatasetError
        It is missing, a line does not hold five numbers, or a class is no whole number.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise DatasetError(f"{file} is missing; write an empty one where nothing is to be found.") from exc
    lines = [line.split() for line in text.splitlines() if line.strip()]
    try:
        table = np.array(lines, dtype=np.float64).reshape(len(lines), 5)
    except ValueError as exc:
        raise DatasetError(f"{file} is not a YOLO label file: every line must hold five numbers.") from exc
    classes = table[:, 0]
    if not ((np.abs(classes) < WHOLE) & (np.trunc(classes) == classes)).all():
        raise DatasetError(f"{file} has a class that is no whole number; write its place in classes.txt.")
    centre, half = table[:, 1:3], table[:, 3:5] / 2
    boxes = np.hstack([centre - half, centre + half]) * (width, height, width, height)
    return Truth(boxes.astype(np.float32), classes.astype(np.int32))


def label_file(data: Path, image: str) -> Path:
    """Return where the boxes of a picture stand."""
    return data / "labels" / f"{Path(image).stem}.txt"

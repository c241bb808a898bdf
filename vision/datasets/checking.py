"""Look over a data set before it is trained on: what is left out, what is mended, what must not be."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vision.dataset import DatasetError, Split, label_file, read_column, read_split, read_truth
from vision.datasets import duplicates, welds
from vision.datasets.abc import FRACTIONS, TEST, TRAIN, Note
from vision.datasets.corners import straighten, yolo_line
from vision.datasets.importing import count_of, note_alike
from vision.datasets.picture import SENTENCES, Seen, see

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """The pictures of a split that can be used, and what was odd."""

    split: Split
    labels: dict[str, str]
    """By picture: the text of its label file where it had to be mended."""
    notes: dict[str, list[str]] = field(default_factory=dict)


def choose_split(data: Path) -> str:
    """Return the first split column of a data set that has no weld on both sides.

    Raises
    ------
    DatasetError
        There is none.
    """
    with (data / "splits.csv").open(newline="", encoding="utf-8") as lines:
        columns = [name for name in csv.DictReader(lines).fieldnames or () if name.startswith("split")]
    groups = groups_of(data)
    for column in columns:
        split = read_split(data, column)
        if split.train and split.test and not welds.shared(sides_of(split), groups):
            return column
    raise DatasetError(
        f"No split of {data / 'splits.csv'} keeps each weld on one side; add one: a column split."
    )


def sides_of(split: Split) -> dict[str, str]:
    """Return the side of each picture of a split."""
    return dict.fromkeys(split.train, TRAIN) | dict.fromkeys(split.test, TEST)


def refuse_leaks(data: Path, column: str, same_welds: bool = False) -> None:
    """Refuse a split whose two sides share what makes a test worthless.

    Parameters
    ----------
    same_welds
        Somebody knows that the sides share welds, and wants to train all the same.

    Raises
    ------
    DatasetError
        A weld is on both sides, or a picture is, byte by byte.
    """
    split = read_split(data, column)
    sides = sides_of(split)
    both = welds.shared(sides, groups_of(data))
    if both and not same_welds:
        raise DatasetError(
            f"{column} has {count_of(both)} on both sides: {', '.join(both[:SHOWN])};"
            " name a split that parts them by weld, or say --same-welds and what it means on the card."
        )
    files = {name: data / "images" / name for name in sides}
    hashes = {name: digest(file) for name, file in files.items() if file.is_file()}
    if twice := duplicates.across(duplicates.equal(hashes), sides):
        left, right = twice[0]
        raise DatasetError(
            f"{column} has the same picture to train on and to test on, {len(twice)} times:"
            f" {left} is {right}; take it from one side."
        )


def groups_of(data: Path) -> dict[str, str]:
    """Return the weld of each picture that ``splits.csv`` names one for."""
    return read_column(data, welds.COLUMN)


def of_no_weld(data: Path, split: Split) -> tuple[str, ...]:
    """Return the pictures of a split whose weld nobody named: its sides may share it."""
    known = groups_of(data)
    return tuple(name for name in (*split.train, *split.test) if name not in known)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()


def look_over(data: Path, split: Split) -> Checked:
    """Look at every picture of a split and at its boxes.

    Raises
    ------
    DatasetError
        No picture is left to train on.
    """
    notes: dict[str, list[str]] = defaultdict(list)

    def note(what: str, where: str) -> None:
        notes[what].append(where)

    seen = {name: see(data / "images" / name) for name in (*split.train, *split.test)}
    for name, found in seen.items():
        if found.defect:
            note(SENTENCES.get(found.defect, found.defect), name)
    whole = {name: found for name, found in seen.items() if not found.defect}
    for name in of_no_weld(data, split):
        note(welds.UNNAMED, name)
    labels = dict(mended(data, whole, note))
    note_alike({name: found.mark for name, found in whole.items()}, sides_of(split), note)
    train, test = (tuple(name for name in side if name in whole) for side in (split.train, split.test))
    if not train:
        raise DatasetError(f"{data} holds no picture that can be trained on: {'; '.join(notes)}.")
    return Checked(Split(train, test), labels, dict(notes))


def _append(told: list[str], what: str, where: str) -> None:
    told.append(what)


def mended(data: Path, seen: dict[str, Seen], note: Note) -> Iterable[tuple[str, str]]:
    """Yield pictures whose labels a trainer would refuse as they are, with labels that it takes."""
    for name, found in seen.items():
        if not (file := label_file(data, name)).is_file():
            continue
        told: list[str] = []
        truth = read_truth(file, 1, 1)
        pixel = 1 / found.width, 1 / found.height
        given = [(x0, y0, x1, y1) for x0, y0, x1, y1 in truth.boxes.tolist()]
        boxes, which = straighten(given, FRACTIONS, pixel, partial(_append, told), name)
        for what in told:
            note(what, name)
        if told:
            rows = zip(truth.labels[which].tolist(), boxes.tolist(), strict=True)
            yield name, "".join(yolo_line(label, *corners) for label, corners in rows)

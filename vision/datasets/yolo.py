"""YOLO: a text file of fractions beside each picture; ``data.yaml`` or ``classes.txt`` names the classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from vision.dataset import DatasetError, read_classes
from vision.datasets.abc import FRACTIONS, TEST, TRAIN, Annotated, Box, class_name
from vision.datasets.picture import pictures_below

FIELDS = 5
"""Class, middle and sides; more numbers are the corners of an outline."""


class Yolo:
    """``images/`` and ``labels/`` side by side, or the folders that a ``data.yaml`` names."""

    name = "yolo"

    def find(self, folder: Path) -> bool:
        """Return whether there is a data file, or pictures and labels side by side."""
        return _named(folder) is not None or all((folder / name).is_dir() for name in ("images", "labels"))

    def classes(self, folder: Path) -> tuple[str, ...]:
        """Return the names of ``data.yaml``, else of ``classes.txt``."""
        return _classes(folder, _named(folder))

    def read(self, folder: Path) -> Iterator[Annotated]:
        """Yield the pictures of each side, or all of them where nothing parts them."""
        named = _named(folder)
        classes = _classes(folder, named)
        for side, place in _sides(folder, named[1] if named else {}):
            for picture in pictures_below(place):
                yield _annotated(picture, side, classes)


def _named(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the first data file that names classes, and what it says."""
    held = ((file, _load(file)) for file in sorted(folder.glob("*.yaml")))
    return next((found for found in held if found[1].get("names")), None)


def _load(file: Path) -> dict[str, Any]:
    try:
        held = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as exc:
        raise DatasetError(f"{file} is no YAML that can be read; mend it or take it out.") from exc
    return held if isinstance(held, dict) else {}


def _classes(folder: Path, named: tuple[Path, dict[str, Any]] | None) -> tuple[str, ...]:
    """Return the classes that a data file lists, or has under their numbers; without one, those of a text."""
    if named is None:
        return read_classes(folder) if (folder / "classes.txt").is_file() else ()
    file, names = named[0], named[1]["names"]
    try:
        ordered = [names[key] for key in sorted(names)] if isinstance(names, dict) else list(names)
        return tuple(map(class_name, ordered))
    except (TypeError, ValueError) as exc:
        raise DatasetError(f"{file} names its classes in no order; write them as names: [a, b].") from exc


def _sides(folder: Path, held: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield folders of pictures with the side they are of; all that is not to train on is held out."""
    for key, side in (("train", TRAIN), ("val", TEST), ("test", TEST)):
        for name in _listed(held.get(key)):
            yield side, _folder(folder, str(held.get("path") or "."), name)
    if not any(held.get(key) for key in ("train", "val", "test")):
        yield "", folder / "images"


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def _folder(folder: Path, root: str, name: str) -> Path:
    """Return a folder that a data file names: below its own folder, wherever it was written."""
    with suppress(OSError):  # a name that is too long for any folder
        for place in (folder / root / name, folder / name, folder / name.removeprefix("../")):
            if place.is_dir() and place.resolve().is_relative_to(folder.resolve()):
                return place
    raise DatasetError(f"{folder} has no folder {name} of pictures below it; mend its data file.")


def _annotated(picture: Path, side: str, classes: tuple[str, ...]) -> Annotated:
    parts = ["labels" if part == "images" else part for part in picture.parent.parts]
    file = Path(*parts) / f"{picture.stem}.txt"
    if not file.is_file():
        return Annotated(picture, side=side, trouble="pictures without a label file")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        boxes = tuple(_box(list(map(float, line.split())), classes) for line in lines if line.strip())
    except (ValueError, OverflowError):
        return Annotated(picture, side=side, trouble="label files that cannot be read")
    return Annotated(picture, boxes, FRACTIONS, side)


def _box(numbers: list[float], classes: tuple[str, ...]) -> Box:
    index, rest = int(numbers[0]), numbers[1:]
    label = classes[index] if 0 <= index < len(classes) else f"class {index}"
    if len(numbers) == FIELDS:
        x, y, width, height = rest
        return Box(label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(numbers) < FIELDS or len(rest) % 2:
        raise ValueError(f"{len(numbers)} numbers are no box")
    return Box(label, (min(rest[::2]), min(rest[1::2]), max(rest[::2]), max(rest[1::2])))

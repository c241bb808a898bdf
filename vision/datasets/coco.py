"""COCO: one JSON file for many pictures, boxes as corner, width and height."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vision.dataset import DatasetError
from vision.datasets.abc import TEST, TRAIN, Annotated, Box, class_name, within

MAX_BYTES = 512 << 20
KEYS = ("images", "annotations", "categories")


class Coco:
    """JSON files in the folder, in ``annotations/`` or one beside the pictures of each side."""

    name = "coco"

    def find(self, folder: Path) -> bool:
        """Return whether the first JSON file begins as an object with pictures and categories."""
        return any(begins_right(file) for file in _files(folder))

    def classes(self, folder: Path) -> tuple[str, ...]:
        """Return the categories in the order of their numbers, of all files together."""
        known: dict[int, str] = {}
        for file, held in _held(folder):
            for number, name in _categories(file, held).items():
                if known.setdefault(number, name) != name:
                    raise DatasetError(f"{folder} calls category {number} by two names; give it one.")
        return tuple(known[number] for number in sorted(known))

    def read(self, folder: Path) -> Iterator[Annotated]:
        """Yield the pictures of every file."""
        for file, held in _held(folder):
            names = _categories(file, held)
            boxes: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for item in held["annotations"]:
                boxes[str(item.get("image_id"))].append(item)
            ids = Counter(str(image.get("id")) for image in held["images"])
            if twice := [number for number, count in ids.items() if count > 1]:
                raise DatasetError(f"{file} calls several pictures {twice[0][:99]}; number each on its own.")
            for image in held["images"]:
                yield _annotated(folder, file, image, boxes[str(image.get("id"))], names)


def _files(folder: Path) -> list[Path]:
    return [file for pattern in ("*.json", "*/*.json") for file in sorted(folder.glob(pattern))]


def begins_right(file: Path) -> bool:
    """Return whether a file begins as an object of pictures, boxes and categories does."""
    with file.open("rb") as held:
        head = held.read(1 << 16)
    return head.lstrip().startswith(b"{") and any(f'"{key}"'.encode() in head for key in KEYS)


def _held(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every file that has pictures, boxes and categories.

    Raises
    ------
    DatasetError
        One is too large, or is no JSON.
    """
    for file in filter(begins_right, _files(folder)):
        if file.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{file} has more than {MAX_BYTES >> 20} MB; part it.")
        try:
            held = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as exc:
            raise DatasetError(f"{file} is no JSON that can be read; export it anew.") from exc
        if isinstance(held, dict) and all(_objects(held.get(key)) for key in KEYS):
            yield file, held


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _categories(file: Path, held: dict[str, Any]) -> dict[int, str]:
    try:
        return {int(item["id"]): class_name(item["name"]) for item in held["categories"]}
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise DatasetError(f"{file} has a category without a number or a name; mend it.") from exc


def _annotated(
    folder: Path, file: Path, image: dict[str, Any], boxes: list[dict[str, Any]], names: dict[int, str]
) -> Annotated:
    named, side = str(image.get("file_name", "")), _side(file)
    places = (file.parent, folder / "images", folder / file.stem.rpartition("_")[2], folder)
    picture = next(filter(None, (within(place, named) for place in places)), None)
    if picture is None:
        return Annotated(Path(named), side=side, trouble="annotations without a picture")
    if any(item.get("iscrowd") for item in boxes):
        return Annotated(picture, side=side, trouble="pictures with crowds, which no box can mark")
    try:
        found = tuple(_box(item, names) for item in boxes)
        size = float(image.get("width") or 0), float(image.get("height") or 0)
    except (KeyError, TypeError, ValueError, OverflowError):
        return Annotated(picture, side=side, trouble="annotations that cannot be read")
    return Annotated(picture, found, size if all(size) else None, side)


def _side(file: Path) -> str:
    """Return the side that a file's or its folder's name tells."""
    for word in (file.stem.lower(), file.parent.name.lower()):
        if "train" in word:
            return TRAIN
        if "val" in word or "test" in word:
            return TEST
    return ""


def _box(item: dict[str, Any], names: dict[int, str]) -> Box:
    x, y, width, height = map(float, item["bbox"])
    number = int(item["category_id"])
    return Box(names.get(number, f"category {number}"), (x, y, x + width, y + height))

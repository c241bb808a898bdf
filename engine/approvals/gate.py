"""The gate measures: what a model, judging as a station would, says of a frozen set of labelled pictures.

A set is ``images/``, ``labels/`` and ``classes.txt`` as detectors learn from, or two folders ``good/`` and
``bad/``. Where a part has several pictures, ``splits.csv`` names it in its column ``part``. Its hash stands
in the record and in every signature that rests on it: another label, another picture, and it is another set.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.approvals.errors import ApprovalError
from engine.paths import Home
from vision import acceptance, anomaly
from vision.acceptance import Judgement, counted
from vision.anomaly import AnomalyDetector
from vision.card import sha256
from vision.dataset import PART, label_file, read_classes, read_column, read_truth
from vision.detect import Detector
from vision.inspector import Inspector
from vision.judge import FEATURES, Recipe
from vision.records import Frame
from vision.registry import Model

PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}
CLASSES = "classes.txt"
FRONT = "front"
KEPT = ("parts", "defective", "sound", "escaped", "escape_upper95", "overkill", "overkill_upper95")
"""Figures that a record holds."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture and what it shows to be wrong with its part."""

    file: Path
    kinds: tuple[str, ...]
    part: str


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """Labelled pictures that models are measured on and never learn from."""

    name: str
    hash: str
    pictures: tuple[Labelled, ...]
    counted: str
    """What is judged: parts, or where none is named pictures."""

    def parts(self) -> list[tuple[Labelled, ...]]:
        """Return the pictures of each part."""
        found = defaultdict[str, list[Labelled]](list)
        for picture in self.pictures:
            found[picture.part].append(picture)
        return [tuple(pictures) for pictures in found.values()]


def read_set(folder: Path) -> FrozenSet:
    """Read a set, in the order of its names.

    Raises
    ------
    ApprovalError
        The folder holds none, nothing but sound or nothing but defective parts, a picture twice, or a box
        of no class.
    DatasetError
        A file of labels cannot be read.
    """
    named = read_column(folder, PART)
    found = tuple((_labelled if (folder / CLASSES).is_file() else _sorted)(folder, named))
    if not found:
        raise ApprovalError(
            f"{folder} holds no set: put images/, labels/ and classes.txt there, or folders good/ and bad/."
        )
    _refuse_doubles(folder, found)
    told = counted(not {picture.part for picture in found}.isdisjoint(named.values()))
    frozen = FrozenSet(folder.resolve().name, _hash(folder, named), found, told)
    flawed = {any(picture.kinds for picture in part) for part in frozen.parts()}
    if len(flawed) == 1:
        lacks = "sound" if flawed.pop() else "defective"
        raise ApprovalError(f"{folder} holds no {lacks} part, so no model could fail on any; add some.")
    return frozen


def _refuse_doubles(folder: Path, pictures: Iterable[Labelled]) -> None:
    """Refuse a set in which a picture is there twice: it shows no more than once, and would count as more."""
    known: dict[str, Path] = {}
    for picture in pictures:
        first = known.setdefault(sha256(picture.file), picture.file)
        if first is not picture.file:
            one, other = first.relative_to(folder), picture.file.relative_to(folder)
            raise ApprovalError(f"{folder} holds one picture twice, {one} and {other}; take one of them out.")


def _labelled(folder: Path, parts: Mapping[str, str]) -> Iterator[Labelled]:
    classes = read_classes(folder)
    for file in _pictures(folder / "images"):
        named = {classes[label] for label in _labels(label_file(folder, file.name), len(classes))}
        yield Labelled(file, tuple(sorted(named - set(FEATURES))), parts.get(file.name, file.name))


def _labels(file: Path, classes: int) -> list[int]:
    """Return the classes of a picture's boxes; one that nobody can count would make its part sound."""
    truth = read_truth(file, 1, 1)
    if not np.isin(truth.labels, range(classes)).all():
        raise ApprovalError(
            f"{file} has a box of a class that {CLASSES} lacks; mend the label or add the class."
        )
    if not np.isfinite(truth.boxes).all():
        raise ApprovalError(f"{file} has a box that is no numbers; mend the label.")
    return list(truth.labels.tolist())


def _sorted(folder: Path, parts: Mapping[str, str]) -> Iterator[Labelled]:
    for kind, kinds in (("bad", ("bad",)), ("good", ())):
        for file in _pictures(folder / kind):
            name = f"{kind}/{file.name}"
            yield Labelled(file, kinds, parts.get(name, name))


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix.lower() in PICTURES)


def _hash(folder: Path, parts: Mapping[str, str]) -> str:
    """Return the SHA-256 over names and contents of everything that the set consists of, and parts named."""
    whole = hashlib.sha256()
    files = [folder / CLASSES, *(file for part in PARTS for file in sorted((folder / part).glob("*")))]
    for file in (file for file in files if file.is_file()):
        whole.update(f"{file.relative_to(folder)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    for picture, part in sorted(parts.items()):
        whole.update(f"{picture} {part}\n".encode())
    return whole.hexdigest()


PARTS = ("images", "labels", "good", "bad")


def measure(model: Model, home: Home, frozen: FrozenSet, recipe: Recipe, tell: Tell) -> dict[str, Any]:
    """Return what became of a set's parts as a station would judge them by one model.

    Raises
    ------
    ModelError
        The model does not run here.
    """
    inspector = open_inspector(model, home, as_measured(recipe))
    judged, seen = [], 0
    for part in frozen.parts():
        frames = [_frame(picture.file, seen + number, FRONT) for number, picture in enumerate(part, 1)]
        kinds = {kind for picture in part for kind in picture.kinds}
        judged.append(Judgement(inspector.inspect(frames).outcome, tuple(sorted(kinds))))
        seen += len(part)
        tell(seen, len(frozen.pictures))
    told = acceptance.figures(judged)
    return {name: told[name] for name in (*KEPT, "review_rate")}


def as_measured(recipe: Recipe) -> Recipe:
    """Return what a set is judged by, its pictures taken as of the usual view: equal ones judge it alike."""
    scale = recipe.calibration.get(view_of(recipe)) if recipe.rule_set else None
    used = () if scale is None else ((FRONT, scale),)
    return replace(recipe, views=(), mm_per_pixel=used, name="", version="", references=(), conditions="")


def view_of(recipe: Recipe) -> str:
    """Return which view the pictures show: the only one that a recipe names, else a camera's usual one."""
    named = {*recipe.views, *recipe.calibration}
    return named.pop() if len(named) == 1 else FRONT


def outcomes(inspector: Inspector, folder: Path, tell: Tell) -> list[str]:
    """Return what an inspector says of every picture of a folder, in the order of their names.

    Raises
    ------
    ApprovalError
        There is none.
    """
    files = _pictures(folder)
    if not files:
        raise ApprovalError(f"{folder} holds no pictures; name a folder of JPEG, PNG or BMP.")
    said, view = [], view_of(inspector.recipe)
    for number, file in enumerate(files, 1):
        said.append(inspector.inspect((_frame(file, number, view),)).outcome.value)
        tell(number, len(files))
    return said


def _frame(file: Path, number: int, view: str) -> Frame:
    return Frame("gate", view, "1", number, number, file.read_bytes(), None, file.stem)


def open_inspector(model: Model, home: Home, recipe: Recipe) -> Inspector:
    """Return an inspector that judges by one model alone."""
    if model.task != "anomaly":
        return Inspector("gate", Detector(model), recipe)
    places = (home.models,)
    return Inspector("gate", None, recipe, AnomalyDetector.of(anomaly.load(model.folder), places))

"""The gate: a model measured on a frozen set of labelled pictures, beside the model in use.

A set is ``images/``, ``labels/`` and ``classes.txt`` as detectors learn from, or two folders ``good/`` and
``bad/``. Its hash stands in the record and in every signature that rests on it: another label, another
picture, and it is another set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import time_ns
from typing import Any

import orjson

from engine.approvals.errors import ApprovalError
from engine.paths import Home
from vision import acceptance, anomaly, registry
from vision.acceptance import Judgement
from vision.anomaly import AnomalyDetector
from vision.dataset import label_file, read_classes, read_truth
from vision.detect import Detector
from vision.evidence import sync_folders
from vision.inspector import Inspector
from vision.judge import FEATURES, Recipe
from vision.records import Frame
from vision.registry import Model

PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}
OVERKILL_MORE = 0.01
"""Share of sound parts that a model may reject beyond those that the one in use rejects."""
CLASSES = "classes.txt"
KEPT = ("parts", "defective", "sound", "escaped", "escape_upper95", "overkill", "overkill_upper95")
"""Figures that a record holds."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture and what is truly wrong with its part."""

    file: Path
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """Labelled pictures that models are measured on and never learn from."""

    name: str
    hash: str
    pictures: tuple[Labelled, ...]


def read_set(folder: Path) -> FrozenSet:
    """Read a set, in the order of its names.

    Raises
    ------
    ApprovalError
        The folder holds none.
    DatasetError
        A file of labels cannot be read.
    """
    found = tuple(_labelled(folder) if (folder / CLASSES).is_file() else _sorted(folder))
    if not found:
        raise ApprovalError(
            f"{folder} holds no set: put images/, labels/ and classes.txt there, or folders good/ and bad/."
        )
    return FrozenSet(folder.resolve().name, _hash(folder), found)


def _labelled(folder: Path) -> Iterator[Labelled]:
    classes = read_classes(folder)
    for file in _pictures(folder / "images"):
        labels = read_truth(label_file(folder, file.name), 1, 1).labels.tolist()
        named = {classes[label] for label in labels if 0 <= label < len(classes)}
        yield Labelled(file, tuple(sorted(named - set(FEATURES))))


def _sorted(folder: Path) -> Iterator[Labelled]:
    for kind, kinds in (("bad", ("bad",)), ("good", ())):
        yield from (Labelled(file, kinds) for file in _pictures(folder / kind))


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix.lower() in PICTURES)


def _hash(folder: Path) -> str:
    """Return the SHA-256 over names and contents of everything that the set consists of."""
    whole = hashlib.sha256()
    files = [folder / CLASSES, *(file for part in PARTS for file in sorted((folder / part).glob("*")))]
    for file in (file for file in files if file.is_file()):
        whole.update(f"{file.relative_to(folder)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


PARTS = ("images", "labels", "good", "bad")


def measure(model: Model, home: Home, frozen: FrozenSet, recipe: Recipe, tell: Tell) -> dict[str, Any]:
    """Return what became of a set's parts as a station would judge them by one model.

    Raises
    ------
    ModelError
        The model does not run here.
    """
    inspector = open_inspector(model, home, replace(recipe, views=()))
    judged = []
    for number, picture in enumerate(frozen.pictures, 1):
        frame = _frame(picture.file, number)
        judged.append(Judgement(inspector.inspect((frame,)).outcome, picture.kinds))
        tell(number, len(frozen.pictures))
    told = acceptance.figures(judged)
    return {name: told[name] for name in (*KEPT, "review_rate")}


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
    said = []
    for number, file in enumerate(files, 1):
        said.append(inspector.inspect((_frame(file, number),)).outcome.value)
        tell(number, len(files))
    return said


def _frame(file: Path, number: int) -> Frame:
    return Frame("gate", "front", "1", number, number, file.read_bytes(), None, file.stem)


def open_inspector(model: Model, home: Home, recipe: Recipe) -> Inspector:
    """Return an inspector that judges by one model alone."""
    if model.task != "anomaly":
        return Inspector("gate", Detector(model), recipe)
    places = (home.models,)
    return Inspector("gate", None, recipe, AnomalyDetector.of(anomaly.load(model.folder), places))


def record(
    home: Home, model: Model, frozen: FrozenSet, recipe: Recipe, against: Model | None, tell: Tell
) -> dict[str, Any]:
    """Measure a model, and the one in use beside it; keep the record and return it."""
    figures = measure(model, home, frozen, recipe, tell)
    used = None if against is None else measure(against, home, frozen, recipe, tell)
    told = {
        "model": model.hash,
        "at": time_ns() // 1000,
        "set": frozen.hash,
        "set_name": frozen.name,
        "bands": [recipe.review_above, recipe.reject_above],
        "figures": figures,
        "against": None if against is None else {"model": against.hash, "figures": used},
        "failed": "" if used is None else worse(figures, used),
    }
    _keep(home, model, frozen, told)
    return told


def worse(figures: dict[str, Any], used: dict[str, Any]) -> str:
    """Return in what a model is worse than the one in use; empty: in nothing that counts."""
    if figures["escaped"] > used["escaped"]:
        return (
            f"it passes {figures['escaped']} of {figures['defective']} defective parts, the one in use"
            f" {used['escaped']}"
        )
    if figures["overkill"] > used["overkill"] + OVERKILL_MORE * figures["sound"]:
        return (
            f"it rejects {figures['overkill']} of {figures['sound']} sound parts, the one in use"
            f" {used['overkill']}"
        )
    return ""


def _keep(home: Home, model: Model, frozen: FrozenSet, told: dict[str, Any]) -> None:
    home.gates.mkdir(parents=True, exist_ok=True)
    file = home.gates / f"{model.hash}-{frozen.hash[: registry.SHOWN]}.json"
    draft = file.with_suffix(".draft")
    draft.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    draft.rename(file)
    sync_folders((home.gates,))


def newest(home: Home, model: Model) -> dict[str, Any]:
    """Return the newest record of a model; of a bank that was never measured, what its card says.

    Raises
    ------
    ApprovalError
        The model failed.
    """
    held = [orjson.loads(file.read_bytes()) for file in home.gates.glob(f"{model.hash}-*.json")]
    if not held:
        return {"card": _card(model)} if model.task == "anomaly" else {}
    told: dict[str, Any] = max(held, key=lambda item: int(item["at"]))
    if told["failed"]:
        raise ApprovalError(
            f"{registry.title(model)} failed on the set {told['set_name']}: {told['failed']}; train it on."
        )
    return told


def _card(bank: Model) -> dict[str, Any]:
    """Return what the card of a bank says of the good pictures that were held out."""
    card = registry.read_card(bank.folder)
    return {name: card[name] for name in ("data", "pictures", "limit", "limit_is") if name in card}

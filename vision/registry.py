"""Models as folders: ``model.xml`` with ``model.bin``, or ``model.onnx``, and a ``card.json`` to vouch."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vision.canvas import Canvas
from vision.heads import YOLO, Head

SHIPPED = Path(__file__).parent / "models"
"""Where the models lie that come with the product."""
DEFAULT = "weld-pipe-int8"
"""The detector of a plant that names none: of those that ship as good as any, and the quickest."""
FILES = ("model.xml", "model.bin")
ONNX = "model.onnx"
BANK = "bank.npz"
PAPERS = ("card.json", "README.md", "LICENSE")
"""What lies beside the files; the first must."""
SHOWN = 12
"""Digits of a hash that people are shown."""
SHORTEST = 8
"""Digits of a hash that name a model at the least."""


class ModelError(Exception):
    """A model cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose files are those that its card names."""

    name: str
    folder: Path
    classes: tuple[str, ...]
    canvas: Canvas
    """What it is shown pictures on."""
    hash: str
    """What a verdict calls the model: SHA-256 over its files' and, of a detector, what `deciding` tells."""
    iso6520: dict[str, str] = field(default_factory=dict)
    precision: str = "f32"
    """What its card declares that it computes in: ``f32`` or ``INT8``."""
    task: str = "detect"
    """``detect``, ``anomaly`` (a bank of good parts) or ``embed`` (what banks rest on)."""
    network: str = FILES[0]
    """Name of the file that the network is read from: in OpenVINO's own form, or `ONNX`."""
    grey: bool = False
    """Whether it is shown pictures without colours."""
    head: Head = YOLO
    """How a detector answers."""

    @property
    def input_size(self) -> int:
        """The longer side of what it is shown."""
        return max(self.canvas.height, self.canvas.width)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A folder with a card: the model, or why it is none."""

    folder: Path
    model: Model | None
    trouble: str = ""


def shelf(places: Sequence[Path] = ()) -> list[Shelved]:
    """Return what lies in ``places`` and what ships, in the order in which `find` looks."""
    cards = [card for place in (*places, SHIPPED) for card in sorted(place.glob("*/card.json"))]
    return [_shelved(card.parent) for card in cards]


def _shelved(folder: Path) -> Shelved:
    try:
        return Shelved(folder, load(folder))
    except ModelError as exc:
        return Shelved(folder, None, str(exc))


def register(folder: Path, place: Path) -> Model:
    """Copy a model to ``place``, whole or not at all; the same one again is none.

    It lies under its card's name, or under ``name@hash`` where another model has that name already: so
    what a name stood for before it stands for afterwards.

    Raises
    ------
    ModelError
        Its card does not vouch for it, or its name is none for a folder.
    """
    model = load(folder)
    check_name(model.name, f"The card of {folder}")
    for held in place.glob(f"{model.name}*/card.json"):
        if (there := load(held.parent)).hash == model.hash and there.name == model.name:
            return _renew(there, model)
    taken = any((shop / model.name).exists() for shop in (place, SHIPPED))
    return _copy(model, place, title(model) if taken else model.name)


def check_name(name: str, who: str) -> None:
    """See that a name is one for a folder.

    Raises
    ------
    ModelError
        It is none; ``who`` calls the model so.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ModelError(f"{who} calls it {name!r}; use letters, digits, dots, dashes.")


def set_aside(folder: Path, successor: str) -> None:
    """Give the model of a folder a name that is its alone, where one of another hash comes in its place."""
    if not (folder / "card.json").is_file():
        return
    try:
        former = load(folder)
    except ModelError:
        return  # nobody can use it: it is overwritten
    target = folder.with_name(title(former))
    if former.hash != successor and not target.exists():
        folder.rename(target)


def _renew(there: Model, model: Model) -> Model:
    """Take over the papers of a model that is there already, unless they tell less: nobody measured it."""
    measured, was = ("metrics" in read_card(item.folder) for item in (model, there))
    if model.folder == there.folder or (was and not measured):
        return there
    for file in (model.folder / part for part in PAPERS):
        if file.is_file():
            draft = Path(shutil.copyfile(file, there.folder / f".{file.name}"))
            draft.replace(there.folder / file.name)
    return there


def _copy(model: Model, place: Path, name: str) -> Model:
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".") as aside:
        draft = Path(aside) / name
        draft.mkdir()
        for file in (model.folder / part for part in (*files_of(read_card(model.folder)), *PAPERS)):
            if file.is_file():
                shutil.copyfile(file, draft / file.name)
        load(draft)
        draft.rename(place / name)
    return load(place / name)


def title(model: Model) -> str:
    """Return what names a model and no other: ``name@`` and the beginning of its hash."""
    return f"{model.name}@{model.hash[:SHOWN]}"


def full_title(model: Model) -> str:
    """Return the same with the whole hash."""
    return f"{model.name}@{model.hash}"


def find(name: str, places: Sequence[Path] = ()) -> Model:
    """Load a model from the first of ``places`` that has it, then from those that ship.

    Parameters
    ----------
    name
        Of its folder; or ``name@`` and the beginning of its hash; or the hash, at least `SHORTEST` digits.

    Raises
    ------
    ModelError
        No place has it, what is there is not a whole model, or several begin with the hash.
    """
    for place in (*places, SHIPPED):
        if (place / name / "card.json").is_file():
            return load(place / name)
    if found := _by_hash(name, places):
        return found
    looked = ", ".join(str(place) for place in (*places, SHIPPED))
    raise ModelError(f"There is no model {name!r} in {looked}; put its folder there or name another.")


def _by_hash(name: str, places: Sequence[Path]) -> Model | None:
    """Return the model whose hash begins as said, None where there is none; one that was spoilt says so."""
    called, _, digits = name.rpartition("@")
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", digits):
        return None
    held = shelf(places)
    models = [item.model for item in held if item.model and called in ("", item.model.name)]
    found = {model.hash: model for model in models if model.hash.startswith(digits)}
    if len(found) > 1:
        raise ModelError(f"Several models begin with {name}: {', '.join(found)}; write more of the hash.")
    spoilt = {item.folder.name: item.trouble for item in held if not item.model}
    for folder in (f"{called}@{digits[:SHOWN]}", called):
        if not found and folder in spoilt:
            raise ModelError(spoilt[folder])
    return next(iter(found.values()), None)


def files_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files that a card has to vouch for: a bank is one, a network two, or one in ONNX."""
    if card.get("task") == "anomaly":
        return (BANK,)
    return (ONNX,) if ONNX in card["files"] else FILES


def load(folder: Path) -> Model:
    """Read a model's card and check its files against it.

    Raises
    ------
    ModelError
        A file is missing, is not the one that the card vouches for, or the card cannot be read.
    """
    try:
        card = read_card(folder)
        digests = [_check(folder / name, card["files"][name]) for name in files_of(card)]
        head, task = Head(**card.get("head", {})), str(card.get("task", "detect"))
        told = "".join(digests) + (deciding(card) if task == "detect" else "")
        return Model(
            name=str(card["name"]),
            folder=folder,
            classes=tuple(card["classes"]),
            canvas=canvas_of(card["input_size"], head),
            hash=hashlib.sha256(told.encode()).hexdigest(),
            iso6520={label: str(code) for label, code in card.get("iso6520", {}).items() if code},
            precision=str(card.get("precision", "f32")),
            task=task,
            network=files_of(card)[0],
            grey=card.get("grey") is True,
            head=head,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ModelError(
            f"The card of the model in {folder} cannot be read: {exc!r}; export it anew."
        ) from exc
    except OSError as exc:
        raise ModelError(f"The model in {folder} lacks {exc.filename}; export it anew.") from exc


DECIDING = ("classes", "iso6520", "input_size", "precision", "grey", "head")
"""What a detector's card says that a verdict depends on."""


def deciding(card: Mapping[str, Any]) -> str:
    """Return what a detector's card says that a verdict depends on, as it enters the model's hash."""
    told = {name: card[name] for name in DECIDING if card.get(name)}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def canvas_of(sides: int | list[int], head: Head) -> Canvas:
    """Return what a network of a head is shown pictures on: a square, or one of height and width."""
    height, width = (int(side) for side in (sides if isinstance(sides, list) else [sides, sides]))
    return Canvas(height, width, head.stretched)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a model's folder, as it is."""
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def _check(file: Path, expected: str) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise ModelError(f"{file} is not the file that its card vouches for; export the model anew.")
    return digest

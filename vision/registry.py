"""Models as folders: ``model.xml``, ``model.bin`` and the ``card.json`` that vouches for both."""

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

SHIPPED = Path(__file__).parent / "models"
"""Where the models lie that come with the product."""
FILES = ("model.xml", "model.bin")
BANK = "bank.npz"
PAPERS = ("card.json", "README.md", "LICENSE")
"""What lies beside the files; the first must."""


class ModelError(Exception):
    """A model cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose files are those that its card names."""

    name: str
    folder: Path
    classes: tuple[str, ...]
    input_size: int
    hash: str
    """SHA-256 over the files' SHA-256: what a verdict calls the model."""
    iso6520: dict[str, str] = field(default_factory=dict)
    precision: str = "f32"
    """What its card declares that it computes in: ``f32`` or ``INT8``."""


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
    """Copy a model to ``place`` under its card's name, whole or not at all; the same one again is none.

    Raises
    ------
    ModelError
        Its card does not vouch for it, or another model has the name there.
    """
    model = load(folder)
    target = place / model.name
    if not re.fullmatch(r"\w[\w.-]*", model.name):
        raise ModelError(f"The card of {folder} calls it {model.name!r}; use letters, digits, dots, dashes.")
    if target.exists():
        if (there := load(target)).hash == model.hash:
            return there
        raise ModelError(f"{target} holds another model; export this one under another name.")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".") as aside:
        draft = Path(aside) / model.name
        draft.mkdir()
        for file in (folder / name for name in (*FILES, BANK, *PAPERS) if (folder / name).is_file()):
            shutil.copyfile(file, draft / file.name)
        load(draft)
        draft.rename(target)
    return load(target)


def find(name: str, places: Sequence[Path] = ()) -> Model:
    """Load a model by name from the first of ``places`` that has it, then from those that ship.

    Raises
    ------
    ModelError
        No place has it, or what is there is not a whole model.
    """
    for place in (*places, SHIPPED):
        if (place / name / "card.json").is_file():
            return load(place / name)
    looked = ", ".join(str(place) for place in (*places, SHIPPED))
    raise ModelError(f"There is no model {name!r} in {looked}; put its folder there or name another.")


def files_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files that a card has to vouch for: a bank of good parts is one, a network two."""
    return (BANK,) if card.get("task") == "anomaly" else FILES


def load(folder: Path) -> Model:
    """Read a model's card and check its files against it.

    Raises
    ------
    ModelError
        A file is missing, is not the one that the card vouches for, or the card cannot be read.
    """
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        digests = [_check(folder / name, card["files"][name]) for name in files_of(card)]
        return Model(
            name=str(card["name"]),
            folder=folder,
            classes=tuple(card["classes"]),
            input_size=int(card["input_size"]),
            hash=hashlib.sha256("".join(digests).encode()).hexdigest(),
            iso6520={label: str(code) for label, code in card.get("iso6520", {}).items() if code},
            precision=str(card.get("precision", "f32")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ModelError(
            f"The card of the model in {folder} cannot be read: {exc!r}; export it anew."
        ) from exc
    except OSError as exc:
        raise ModelError(f"The model in {folder} lacks {exc.filename}; export it anew.") from exc


def _check(file: Path, expected: str) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise ModelError(f"{file} is not the file that its card vouches for; export the model anew.")
    return digest

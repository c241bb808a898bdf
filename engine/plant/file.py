"""The plant file on disk: read and checked, or written."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from engine.plant.document import Document, NotYaml
from engine.plant.errors import Fault, PlantError
from engine.plant.explain import explain
from engine.plant.plant import Plant


def load(path: Path) -> Plant:
    """Read and check a plant file.

    Raises
    ------
    PlantError
        A sentence for everything that is wrong: where it stands and what to do.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as exc:
        raise PlantError(f"The plant file {path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PlantError(
            f"The plant file {path} is not UTF-8 (byte {exc.start} is the first); save it as UTF-8."
        ) from exc


def parse(text: str, name: str) -> Plant:
    """Read and check the text of a plant file; errors call it ``name``.

    Raises
    ------
    PlantError
        A sentence for everything that is wrong.
    """
    try:
        document = Document(text)
    except NotYaml as exc:
        raise refusal(name, [exc.fault]) from exc
    faults = document.doubled
    try:
        plant = Plant.model_validate(document.value, context={"folder": Path(name).parent})
    except ValidationError as exc:
        raise refusal(name, faults + explain(exc, document)) from exc
    if faults:
        raise refusal(name, faults)
    return plant


def refusal(name: str, faults: list[Fault]) -> PlantError:
    """Return the error that tells all faults, in the order in which they stand in the file."""
    ordered = sorted(faults)
    return PlantError("\n".join(f"{name}:{at.line}:{at.column}: {at.says}" for at in ordered), ordered)


def save(plant: Plant, path: Path) -> None:
    """Write a plant file that `load` reads back equal, for its owner alone: it may hold passwords."""
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json"), sort_keys=False), encoding="utf-8")

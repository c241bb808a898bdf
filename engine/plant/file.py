"""The plant file on disk: read and checked, or written."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from engine.plant.plant import Plant


class PlantError(Exception):
    """The plant file cannot be used; the message names the place and the mend."""


def load(path: Path) -> Plant:
    """Read and check a plant file.

    Raises
    ------
    PlantError
        In one sentence: what is wrong, where, and what to do.
    """
    try:
        return Plant.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PlantError(f"The plant file {path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PlantError(
            f"The plant file {path} is not UTF-8 (byte {exc.start} is the first); save it as UTF-8."
        ) from exc
    except yaml.YAMLError as exc:
        raise PlantError(f"The plant file {path} is not valid YAML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise PlantError(f"{path}: at {place}: {first['msg']}.") from exc


def save(plant: Plant, path: Path) -> None:
    """Write a plant file that `load` reads back equal."""
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json"), sort_keys=False), encoding="utf-8")

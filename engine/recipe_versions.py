"""What each version of a recipe said when a station first judged by it: from then on it says nothing else."""

from __future__ import annotations

from pathlib import Path

import orjson

from engine.paths import Home
from engine.plant import Plant
from engine.recipe import recipe_of
from vision.evidence import write_file
from vision.judge import Recipe, digest


class VersionError(Exception):
    """What a version says cannot be noted; the message names the mend."""


def altered(home: Home, recipe: Recipe) -> str:
    """Return why a recipe may not be judged by: its version said something else; empty: it may.

    A station that is its own recipe has no version, and may say anything.
    """
    said = _said(home, recipe)
    if said in ("", recipe.hash):
        return ""
    return (
        f"Recipe {recipe.title} is not what parts were judged by under this version, or its rule set or a"
        " reference is not: raise the version, or put back what was there."
    )


def altered_in(plant: Plant, home: Home) -> list[str]:
    """Return why recipes of a plant may not be judged by, a sentence each.

    Raises
    ------
    PlantError
        A rule set or a reference cannot be read, or is none.
    """
    return [why for section in plant.recipes if (why := altered(home, recipe_of(section)))]


def note(home: Home, recipe: Recipe) -> None:
    """Note what a version says, where nothing is known of it yet.

    Raises
    ------
    VersionError
        The disk does not take it.
    """
    if not recipe.version or _said(home, recipe):
        return
    told = {"name": recipe.name, "version": recipe.version, "hash": recipe.hash}
    try:
        write_file(_file(home, recipe), orjson.dumps(told))
    except OSError as exc:
        raise VersionError(
            f"Recipe {recipe.title} cannot be noted: {exc.strerror}; make room on the disk."
        ) from exc


def _said(home: Home, recipe: Recipe) -> str:
    """Return the hash that a version had; empty where nothing is known of it."""
    if not recipe.version:
        return ""
    try:
        return str(orjson.loads(_file(home, recipe).read_bytes())["hash"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, TypeError, KeyError):
        return "unreadable"


def _file(home: Home, recipe: Recipe) -> Path:
    return home.stations / f"{digest({'name': recipe.name, 'version': recipe.version})}.recipe"

"""``seamline models promote`` and ``rollback``: which model a station has in use."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands.models import models
from cluster.commands.models_people import By, Key, Reason, person, told
from cluster.commands.models_sign import Name, OfRecipe, PlantFile, find, recipe_at
from cluster.terminal import Json

if TYPE_CHECKING:
    from engine.approvals.entry import Entry
    from engine.paths import Home
    from engine.plant import Judging

Station = Annotated[str, typer.Option("--station", help="The station.")]


class Task(StrEnum):
    """What a model does."""

    DETECT = "detect"
    ANOMALY = "anomaly"


@models.command()
def promote(
    name: Name,
    station: Station,
    by: By,
    reason: Reason = "",
    part_number: OfRecipe = "",
    plant: PlantFile = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Put a signed model into use; a running station takes it between two parts and loses no frame."""
    from engine.approvals.deeds import promote as write
    from engine.paths import Home

    home, recipe = Home.default(), recipe_at(station, plant, part_number)
    entry = write(home, person(by, key), find(name), station, recipe, reason)
    loaded = f"{station} judges by {entry.name} ({entry.hash[:12]}) as soon as it is loaded."
    told(entry, as_json, f"{loaded}{other_bands(home, entry, recipe)}")


def other_bands(home: Home, promoted: Entry, recipe: Judging) -> str:
    """Return on a line of its own that a model was measured with other bands; empty: it was not."""
    from engine.approvals.ledger import Approvals

    signed = Approvals.read(home).signature(promoted.hash, promoted.part_number, promoted.station)
    measured = signed.gate.get("bands") if signed else None
    bands = [recipe.review_above, recipe.reject_above]
    if measured in (None, bands):
        return ""
    told = "\nIt was measured with review_above {:g} and reject_above {:g}, the station has {:g} and {:g}"
    return (
        f"{told.format(*measured, *bands)}: measure it again with --station {promoted.station}, and sign it."
    )


@models.command()
def rollback(
    station: Station,
    by: By,
    reason: Reason,
    task: Annotated[Task, typer.Option("--task", help="Of the detector, or of the bank.")] = Task.DETECT,
    part_number: OfRecipe = "",
    plant: PlantFile = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Put the last signed model that was in use before the present one into use again."""
    from engine.approvals.deeds import rollback as write
    from engine.paths import Home

    recipe = recipe_at(station, plant, part_number)
    entry = write(Home.default(), person(by, key), station, recipe, task.value, reason)
    told(entry, as_json, f"{station} goes back to {entry.name} ({entry.hash[:12]}).")

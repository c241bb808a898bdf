"""``seamline models shadow``, ``compare``, ``drift``: what a model would say, and what has moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands.models import card, models, names
from cluster.commands.models_sign import PlantFile, find, section_of
from cluster.commands.models_use import Station
from cluster.terminal import Json, progress, screen

if TYPE_CHECKING:
    from vision.registry import Model

Optional = Annotated[str, typer.Argument(help="A model.", autocompletion=names)]
FIGURES = ("map50_unseen_shot", "map50_95_unseen_shot", "map50_defects", "pictures")


@models.command()
def shadow(
    station: Station,
    name: Optional = "",
    off: Annotated[bool, typer.Option("--off", help="Let no model look on.")] = False,
    plant: PlantFile = None,
    as_json: Json = False,
) -> None:
    """Let a model look on at a station: it sees the same frames, and nobody acts on what it says."""
    from engine.paths import Home
    from engine.station_shadow import set_shadow

    if bool(name) == off:
        raise typer.BadParameter("name a model, or --off.")
    section_of(station, plant)
    model = find(name) if name else None
    set_shadow(Home.default().create(), station, model)
    if as_json:
        print(json.dumps({"station": station, "shadow": model and model.hash}))
    else:
        screen.print(f"{model.name} looks on at {station}." if model else f"Nobody looks on at {station}.")


@models.command()
def compare(
    first: Optional = "",
    second: Optional = "",
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="A folder of pictures that both shall judge.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare the model that looks on with the one in use.")
    ] = False,
    station: Annotated[str, typer.Option("--station", help="With --live: of one station alone.")] = "",
    as_json: Json = False,
) -> None:
    """Lay two models beside each other: their cards, their verdicts on a folder, or on live parts."""
    if live:
        facts: dict[str, Any] = {"live": agreement(station)}
    elif first and second:
        facts = on_paper(find(first), find(second))
        if pictures is not None:
            facts["agreement"] = on_pictures(find(first), find(second), pictures)
    else:
        raise typer.BadParameter("name two models, or --live.")
    print(json.dumps(facts)) if as_json else show(facts)


def on_paper(first: Model, second: Model) -> dict[str, Any]:
    """Return what the cards of two models say."""
    told = []
    for model in (first, second):
        said = card(model).get("metrics", {})
        told.append(
            {"name": model.name, "hash": model.hash, "classes": model.classes}
            | {figure: said.get(figure) for figure in FIGURES}
        )
    return {"models": told}


def on_pictures(first: Model, second: Model, folder: Path) -> dict[str, int]:
    """Return how often two models said the same of a folder's pictures: pairs of outcomes, counted."""
    from collections import Counter

    from engine.approvals.gate import open_inspector, outcomes
    from engine.paths import Home
    from vision.judge import Recipe

    home, recipe = Home.default(), Recipe("compare")
    both = [open_inspector(model, home, recipe) for model in (first, second)]
    with progress("Looking with both") as tell:
        pairs = zip(*(outcomes(inspector, folder, tell) for inspector in both), strict=True)
        return dict(Counter(f"{left} {right}" for left, right in pairs))


def agreement(station: str) -> list[dict[str, Any]]:
    """Return what the database knows of models that look on."""
    from cluster.commands.review import database
    from engine.review import shadow_agreement

    with database() as (dsn, tenant):
        return shadow_agreement(dsn, tenant, station)


def show(facts: dict[str, Any]) -> None:
    """Print a comparison."""
    from rich.table import Table

    for rows in (facts.get("models"), facts.get("live")):
        if rows:
            table = Table(*rows[0], box=None, header_style="dim")
            for row in rows:
                table.add_row(*(str(value) for value in row.values()))
            screen.print(table)
    for pair, count in facts.get("agreement", {}).items():
        screen.print(f"{pair}: {count}")
    if facts.get("live") == []:
        screen.print("No model has looked on yet.")


@models.command()
def drift(
    station: Annotated[str, typer.Argument(help="The station.")],
    reset: Annotated[bool, typer.Option("--reset", help="Begin a new reference.")] = False,
    as_json: Json = False,
) -> None:
    """Say how far what a station sees is from what it saw at first, and how far the next look at it is."""
    from engine import health
    from engine.paths import Home
    from engine.station_drift import WINDOW

    home = Home.default()
    if reset:
        home.drift(station).unlink(missing_ok=True)
    record = health.read(health.path_of(home.health, "station", station))
    names = {"index": "drift", "reference": "drift_reference", "window": "drift_window"}
    parts = {name: record.part(kind, kind) if record and not reset else None for name, kind in names.items()}
    told = {name: dict(part.counters) if part else {} for name, part in parts.items()}
    if as_json:
        print(json.dumps({"station": station, "reset": reset, "frames": WINDOW, **told}))
    elif reset:
        screen.print(f"{station} begins a new reference.")
    else:
        index, window = told["index"], told["window"]
        lines = [f"{name}: {index[name]:.3f}" for name in sorted(index)]
        lines += [
            f"{name}: {n:.0f} of {WINDOW} frames of its reference"
            for name, n in sorted(told["reference"].items())
        ]
        lines += [
            f"{name}: {n:.0f} of {WINDOW} frames of its next window" for name, n in sorted(window.items())
        ]
        screen.print("\n".join(lines) or "Nothing yet.")

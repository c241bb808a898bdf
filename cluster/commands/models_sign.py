"""``seamline models gate``, ``sign``, ``withdraw``, ``approvals``: what lets a model decide."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands.models import models, names
from cluster.commands.models_people import By, Key, Reason, person, told
from cluster.terminal import Json, alone, progress, screen

if TYPE_CHECKING:
    from engine.approvals.entry import Entry
    from engine.plant import Judging, Plant, StationSection
    from vision.registry import Model

Name = Annotated[
    str, typer.Argument(help="The model: its name, name@hash, or its hash.", autocompletion=names)
]
PartNumber = Annotated[str, typer.Option("--part-number", help="The part number that it may judge.")]
OfRecipe = Annotated[
    str, typer.Option("--part-number", help="Of which recipe; left out: the station's own part number.")
]
AtStation = Annotated[str, typer.Option("--station", help="The station; left out: every station.")]
PlantFile = Annotated[
    Path | None, typer.Option("--plant", help="The plant file; left out: the one that this home ran last.")
]


def find(name: str) -> Model:
    """Return a model that is registered here or ships."""
    from engine.paths import Home
    from vision import registry

    return registry.find(name, [Home.default().models])


def plant_of(file: Path | None) -> Plant:
    """Return a plant as its file describes it, or the one in use; an empty one where there is none."""
    from engine.paths import Home
    from engine.plant import Plant, load

    known = file or Home.default().plant_file
    return load(known) if file or known.is_file() else Plant(name="none")


def section_of(station: str, plant: Path | None) -> StationSection:
    """Return one station of a plant file."""
    found = {section.name: section for section in plant_of(plant).stations}
    if station not in found:
        known = ", ".join(found) or "none: name its plant file with --plant"
        raise typer.BadParameter(f"there is no station {station}; the plant file names {known}.")
    return found[station]


def recipe_at(station: str, plant: Path | None, part_number: str = "") -> Judging:
    """Return the recipe of a part number at a station; without a number that of the station's own."""
    from engine.recipe import sections_of

    section = section_of(station, plant)
    found = {recipe.part_number: recipe for recipe in sections_of(section, plant_of(plant))}
    wanted = part_number or section.part_number
    if wanted not in found:
        there = ", ".join(found)
        raise typer.BadParameter(f"{station} has no recipe for part number {wanted}; it has {there}.")
    return found[wanted]


@models.command()
def gate(
    name: Name,
    frozen: Annotated[Path, typer.Option("--set", help="The frozen set: labelled, and never learned from.")],
    station: Annotated[
        str, typer.Option("--station", help="Whose bands and model in use count; left out: of no station.")
    ] = "",
    part_number: OfRecipe = "",
    most_escapes: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the defective parts that it may pass at the most."),
    ] = None,
    most_overkill: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the sound parts that it may reject at the most."),
    ] = None,
    most_review: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of all parts that it may leave to review at the most."),
    ] = None,
    plant: PlantFile = None,
    as_json: Json = False,
) -> None:
    """Measure a model on a frozen set, beside the model in use; what it failed on is never signed.

    The set's hash stands in the record. A set is images/, labels/ and classes.txt, or good/ and bad/.
    Where no other model is in use, the limits of escapes and overkill say what it may do at the most.
    """
    from engine.approvals import export
    from engine.approvals.gate import read_set
    from engine.approvals.gate_record import Bar, record
    from engine.paths import Home
    from engine.recipe import recipe_of
    from vision.judge import Recipe

    home, model = Home.default().create(), find(name)
    export.check(model)
    section = recipe_for(station, plant, part_number)
    recipe = recipe_of(section) if section else Recipe(part_number)
    bar = Bar(station, in_use(station, section, model), most_escapes, most_overkill, most_review)
    with progress("Looking at the set") as tell:
        facts = record(home, model, read_set(frozen), recipe, bar, tell)
    print(json.dumps(facts)) if as_json else show(facts)
    if facts["failed"]:
        raise typer.Exit(1)


def recipe_for(station: str, plant: Path | None, part_number: str) -> Judging | None:
    """Return the recipe of a station; without one that of a part number, None where the plant has none.

    Where stations of the plant judge the part number each in its own way, one of them must be named. A recipe
    that no station runs counts only where none judges the part number.
    """
    from engine.approvals.gate import as_measured
    from engine.recipe import recipe_of, sections_of

    if station:
        return recipe_at(station, plant, part_number)
    if not part_number:
        raise typer.BadParameter("say what the model is measured for: --station, --part-number, or both.")
    whole = plant_of(plant)
    run = [item for station in whole.stations for item in sections_of(station, whole)]
    known = [item for item in run if item.part_number == part_number]
    known = known or [item for item in whole.recipes if item.part_number == part_number]
    if len({as_measured(recipe_of(item)).hash for item in known}) > 1:
        there = dict.fromkeys(f"{item.kind_of} {item.name}" for item in known)
        raise typer.BadParameter(
            f"{' and '.join(there)} judge part number {part_number} differently;"
            " name with --station for which it is measured."
        )
    return next(iter(known), None)


def in_use(station: str, recipe: Judging | None, model: Model) -> Model | None:
    """Return the model of the same kind that a station has in use; None where it is the same one."""
    from engine.approvals.ledger import Approvals
    from engine.paths import Home
    from engine.station_models import choose

    if not station or recipe is None:
        return None
    home = Home.default()
    used = choose(station, recipe, home, Approvals.read(home))
    found = used.bank if model.task == "anomaly" else used.detector
    return None if found is None or found.hash == model.hash else found


def show(facts: dict[str, Any]) -> None:
    """Print a record of the gate."""
    from rich.table import Table

    what = facts["counted"]
    table = Table("", f"defective {what} passed", f"sound {what} rejected", "to review", box=None)
    rows = {"this model": facts["figures"]}
    if facts["against"]:
        rows["in use"] = facts["against"]["figures"]
    for name, found in rows.items():
        counts = ("{escaped} of {defective}", "{overkill} of {sound}", "{review_rate:.1%}")
        table.add_row(name, *(count.format_map(found) for count in counts))
    screen.print(f"Set {facts['set_name']}, {facts['set'][:12]}: {facts['figures']['parts']} {what}", table)
    screen.print(f"{facts['learned_from'].capitalize()}.{alone(what)}", soft_wrap=True)
    screen.print(
        f"Failed: {facts['failed']}."
        if facts["failed"]
        else "Passed; a person may sign it if it failed at nothing else."
    )


@models.command()
def sign(
    name: Name,
    part_number: PartNumber,
    by: By,
    station: AtStation = "*",
    reason: Reason = "",
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Let a model decide for a part number; it must have passed the gate, unless it is a bank."""
    from engine.approvals.deeds import sign as write
    from engine.paths import Home

    entry = write(Home.default().create(), person(by, key), find(name), part_number, station, reason)
    told(entry, as_json, f"{by} signed {entry.name} ({entry.hash[:12]}) for part number {part_number}.")
    if not entry.measured and not as_json:
        which = f"{entry.name}@{entry.hash[:12]}"
        screen.print(
            "Nobody measured it, so it adds to a detector's findings and judges nothing alone. Measure it:"
            f" seamline models gate {which} --set FOLDER --part-number {part_number}; then sign it again.",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


@models.command()
def withdraw(
    name: Name,
    part_number: PartNumber,
    by: By,
    reason: Reason,
    station: AtStation = "*",
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Take a signature back; a station that judges by it sends its parts to review at once."""
    from engine.approvals.deeds import withdraw as write
    from engine.paths import Home

    entry = write(Home.default(), person(by, key), name, part_number, station, reason)
    told(entry, as_json, f"{entry.name} ({entry.hash[:12]}) decides no more for part number {part_number}.")


@models.command()
def approvals(as_json: Json = False) -> None:
    """List who signed and did what, from the first on; says so if the file was tampered with."""
    from rich.table import Table

    from engine.approvals.ledger import Approvals
    from engine.paths import Home

    entries = Approvals.read(Home.default()).entries
    if as_json:
        print(json.dumps([entry.plain() for entry in entries]))
        return
    table = Table("", "when", "who", "what", "model", "for", "why", box=None, header_style="dim")
    for entry in entries:
        table.add_row(*row(entry))
    screen.print(table)


def row(entry: Entry) -> tuple[str, ...]:
    """Return an entry as people read it."""
    when = datetime.fromtimestamp(entry.at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
    model = f"{entry.name} {entry.hash[:12]}"
    scope = " at ".join(part for part in (entry.part_number, entry.station) if part not in ("", "*"))
    return str(entry.number), when, entry.person, entry.deed.value, model, scope, entry.reason

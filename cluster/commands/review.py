"""``seamline review``: the parts that a person should look at, and what the person says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.commands import app
from cluster.commands.models import names
from cluster.terminal import Json, screen
from vision.registry import DEFAULT

review = typer.Typer(no_args_is_help=True, help="Parts that a person decides, and labels from that.")
app.add_typer(review, name="review")

Of = Annotated[str, typer.Option("--station", help="Of one station alone.")]
NUMBERS = 4


class Decided(StrEnum):
    """What a person says."""

    OK = "OK"
    NG = "NG"


@contextmanager
def database() -> Iterator[tuple[str, int]]:
    """Give the DSN and the tenant of the plant that this home ran last."""
    from psycopg.errors import UndefinedTable

    from engine.paths import Home
    from engine.plant import load
    from engine.review import ReviewError
    from engine.store.database import open_database

    home = Home.default().create()
    tenant = load(home.plant_file).tenant if home.plant_file.is_file() else 1
    with open_database(home) as dsn:
        try:
            yield dsn, tenant
        except UndefinedTable as exc:
            raise ReviewError("The database has no tables yet; run a plant, or seamline migrate.") from exc


@review.command("list")
def waiting(
    station: Of = "",
    most: Annotated[int, typer.Option("--most", min=1, help="So many at the most.")] = 20,
    days: Annotated[int, typer.Option("--days", min=1, help="Days of plant time to look back.")] = 7,
    as_json: Json = False,
) -> None:
    """List the parts that nobody decided, the most instructive first."""
    from engine.review import queue

    with database() as (dsn, tenant):
        found = queue(dsn, tenant, station, most, days)
    if as_json:
        print(json.dumps(found, default=str))
    else:
        show(found)


def show(found: list[dict[str, Any]]) -> None:
    """Print the queue."""
    from rich.table import Table

    table = Table("serial", "station", "said", "uncertain", "novel", "why", box=None, header_style="dim")
    for part in found:
        shares = (f"{part[name]:.2f}" for name in ("uncertainty", "novelty"))
        table.add_row(part["serial"], part["station"], part["outcome"], *shares, part["reason"])
    screen.print(table if found else "Nothing waits for a decision.")


@review.command()
def decide(
    serial: Annotated[str, typer.Argument(help="The part's serial.")],
    said: Annotated[Decided, typer.Option("--as", help="What it is.")],
    by: Annotated[str, typer.Option("--by", help="Your name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever reads it later was not there.")],
    label: Annotated[str, typer.Option("--label", help="The class of the defect.")] = "",
    box: Annotated[
        list[str] | None, typer.Option("--box", help="FRAME_HASH:X0,Y0,X1,Y1 in pixels; again for more.")
    ] = None,
    station: Of = "",
    as_json: Json = False,
) -> None:
    """Take down what a person says of a part; nothing said before is changed, the last counts."""
    from engine.review import Decision
    from engine.review import decide as write

    boxes = tuple(read_box(item, label) for item in box or [])
    with database() as (dsn, tenant):
        told = write(dsn, tenant, Decision(serial, said.value, by, reason, label, boxes, station))
    if as_json:
        print(json.dumps(told))
    else:
        screen.print(f"{serial} is {said.value}, says {by}.", highlight=False)


def read_box(text: str, label: str) -> dict[str, Any]:
    """Return a box as it is kept."""
    frame, _, sides = text.partition(":")
    try:
        numbers = [float(side) for side in sides.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != NUMBERS or not frame or not label:
        raise typer.BadParameter(f"{text} is no box; write FRAME_HASH:X0,Y0,X1,Y1, and its class as --label.")
    return {"frame_hash": frame, "label": label, "box": numbers}


@review.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the data set is written.")],
    model: Annotated[
        str, typer.Option("--model", help="Whose classes the labels number.", autocompletion=names)
    ] = DEFAULT,
    as_json: Json = False,
) -> None:
    """Write every decided part as a data set: pictures as inspected, YOLO labels, a split by serial."""
    from engine.paths import Home
    from engine.review_export import export as write
    from vision import registry

    home = Home.default()
    classes = registry.find(model, [home.models]).classes
    with database() as (dsn, tenant):
        told = write(dsn, tenant, home.evidence, folder, classes)
    if as_json:
        print(json.dumps(asdict(told)))
        return
    screen.print(f"{told.pictures} pictures of {told.parts} parts, {told.boxes} boxes, in {folder}.")
    if told.unlabelled or told.gone:
        screen.print(f"Left out: {told.unlabelled} rejects without a box; {told.gone} pictures are gone.")

"""``seamline outbox``: what others have not been told yet, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.outbox.ledger import Counts, Told

SHOWN = 100


@app.command()
def outbox(
    plant_file: Annotated[
        Path | None, typer.Option("--plant", help="The plant file; left out: of the plant that ran last.")
    ] = None,
    again: Annotated[bool, typer.Option(help="Have dead events tried again.")] = False,
    as_json: Json = False,
) -> None:
    """List the events that wait to be told, and those that are dead; --again has the dead tried once more."""
    from engine.outbox.ledger import Ledger
    from engine.paths import Home
    from engine.plant import load
    from engine.store.database import connect, open_database

    home = Home.default().create()
    plant = load(plant_file or home.plant_file)
    with open_database(home) as dsn, connect(dsn) as connection:
        ledger = Ledger(connection, plant.shard)
        revived = ledger.again() if again else 0
        counts, events = ledger.counts(), ledger.open(SHOWN)
    if as_json:
        told = [event.as_dict() for event in events]
        print(json.dumps({"waiting": counts.waiting, "dead": counts.dead, "again": revived, "events": told}))
    else:
        show(counts, events)


def show(counts: Counts, events: list[Told]) -> None:
    """Print what is not delivered."""
    from rich.table import Table

    table = Table("event", "machine", "at", "is", "attempts", "why", box=None, header_style="dim")
    for event in events:
        at = f"{event.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(event.kind, event.machine, at, event.outcome, str(event.attempts), event.error)
    if events:
        screen.print(table)
    screen.print(f"{counts.waiting} events wait, {counts.dead} are dead.")

"""``seamline retention``: what leaves by the plant file's policy, now or as a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, screen


@app.command()
def retention(
    plant_file: Annotated[
        Path | None, typer.Option("--plant", help="The plant file; left out: of the plant that ran last.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what would leave.")] = False,
    as_json: Json = False,
) -> None:
    """Remove, or archive, what the plant file's retention lets go; a running plant does so by itself."""
    from engine.paths import Home
    from engine.plant import load
    from engine.retention import sweep
    from engine.store.database import open_database

    home = Home.default().create()
    plant = load(plant_file or home.plant_file)
    with screen.status("Looking for what is due"), open_database(home) as dsn:
        found = sweep(dsn, plant, home.evidence, dry=dry_run)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "removed": [item.as_dict() for item in found]}))
        return
    for item in found:
        place = f" -> {item.place}" if item.place else ""
        screen.print(
            f"{item.what} until {item.until:%Y-%m-%d}: {item.rows:,} ({item.bytes / 1e6:,.1f} MB){place}"
        )
    screen.print(
        "Nothing is due." if not found else "Would leave." if dry_run else "Left, and in retention_log."
    )

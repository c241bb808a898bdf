"""``seamline cameras``: how the cameras of a running plant are, and other cameras while it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.camera_change import Change
    from engine.paths import Home


@app.command()
def cameras(
    apply: Annotated[
        Path | None, typer.Option("--apply", help="Take up the cameras of this plant file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how each camera of the running plant is; --apply: make its cameras those of a plant file.

    Other cameras lose no frame by it. Nothing else of the plant file may differ.
    """
    from engine.camera_change import change_cameras
    from engine.paths import Home

    home = Home.default()
    changes = change_cameras(home, apply) if apply else []
    found = rows(home)
    if as_json:
        print(json.dumps({"changes": [asdict(change) for change in changes], "cameras": found}))
    else:
        show(changes, found)


def rows(home: Home) -> list[dict[str, Any]]:
    """Return a row for each camera: its station, what it says, its frames and its clock."""
    from engine.camera_change import station_records

    return [
        {"station": record.name, "camera": part.name, "trouble": part.trouble, **part.counters}
        for record in station_records(home)
        for part in record.parts
        if part.kind == "camera"
    ]


def show(changes: list[Change], found: list[dict[str, Any]]) -> None:
    """Print what was changed and how the cameras are."""
    from rich.markup import escape
    from rich.table import Table

    for change in changes:
        screen.print(f"{change.station}: {change.camera} {change.what}.", markup=False, highlight=False)
    counted = ("captured", "inspected", "dropped", "late", "unmatched", "open")
    table = Table("station", "camera", "says", *counted, "clock behind, s", box=None, header_style="dim")
    for row in found:
        says = f"[red]{escape(row['trouble'])}[/red]" if row["trouble"] else "well"
        offset = row.get("clock_offset_s")
        clock = "" if offset is None else f"{offset:.3f}"
        numbers = [f"{row.get(name, 0):,.0f}" for name in counted]
        table.add_row(escape(row["station"]), escape(row["camera"]), says, *numbers, clock)
    if found:
        screen.print(table)
    else:
        screen.print("No station runs here.")

"""``seamline data``: what lies in a data folder, and what must not be taken at its face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, progress, screen

if TYPE_CHECKING:
    from engine.survey import DataSet

data = typer.Typer(no_args_is_help=True, help="Look into data before they are trained on or replayed.")
app.add_typer(data, name="data")


@data.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder of pictures, logs or tables, or of such folders.")],
    as_json: Json = False,
) -> None:
    """Say which sets a folder holds, count what is in them and name the traps."""
    from engine.survey import survey

    with progress(f"Looking into {folder}") as tell:
        found = survey(folder, tell)
    if as_json:
        print(json.dumps([item.as_dict() for item in found]))
    else:
        for item in found:
            show(item, folder)


def show(item: DataSet, folder: Path) -> None:
    """Print one set."""
    from rich.markup import escape

    place = item.folder.relative_to(folder)
    screen.print(f"[bold]{escape(str(folder / place))}[/bold]: {item.kind}", highlight=False)
    counted = ", ".join(f"{number:,} {what}" for what, number in item.counts.items())
    screen.print(f"  {escape(counted)}", highlight=False)
    for what, trap in item.as_dict()["traps"].items():
        more = ", ..." if trap["count"] > len(trap["first"]) else ""
        where = f"{', '.join(trap['first'])}{more}"
        screen.print(f"  [yellow]{what}[/yellow] ({trap['count']}): {escape(where)}", highlight=False)

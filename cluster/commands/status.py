"""``seamline status``: whether a plant runs here, what it has done, how far behind it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.overview import Overview


@app.command()
def status(as_json: Json = False) -> None:
    """Say whether a plant runs in SEAMLINE_HOME, what it has done and how far behind it is.

    Only looks: nothing is started for it. Ends with 0 when the plant runs and nobody complains, else 1.
    """
    from engine.overview import look
    from engine.paths import Home

    found = look(Home.default())
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        show(found)
    raise typer.Exit(0 if found.well else 1)


def show(found: Overview) -> None:
    """Print how the plant is."""
    from rich.markup import escape
    from rich.table import Table

    state = "is running" if found.running else "is not running"
    screen.print(f"{found.plant or 'A plant'} {state} in {found.home}.", highlight=False, soft_wrap=True)
    if found.database:
        screen.print(found.database, style="red", markup=False, highlight=False)
    numbers = Table(box=None, show_header=False)
    counts = found.counts.as_dict() if found.counts else {}
    for name, value in {**counts, "backlog": found.backlog, "log_age_s": found.log_age_s}.items():
        if value is not None:
            numbers.add_row(name.replace("_", " "), f"{value:,.1f}".removesuffix(".0"))
    processes = Table("process", "part", "says", "s ago", "restarts", box=None, header_style="dim")
    for word in found.words:
        says = f"[red]{escape(word.trouble)}[/red]" if word.trouble else "well"
        age = "" if word.age_s is None else f"{word.age_s:.1f}"
        processes.add_row(word.process, word.part, says, age, str(word.restarts))
    screen.print(numbers, *([processes] if found.words else []))

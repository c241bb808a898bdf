"""``seamline run``: the plant of a plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import ForSeconds, Json


@app.command()
def run(
    plant_file: Annotated[Path, typer.Argument(help="The plant file (YAML).")],
    browser: Annotated[bool, typer.Option(help="Open the console in the browser.")] = False,
    for_seconds: ForSeconds = None,
    as_json: Json = False,
) -> None:
    """Run the plant that a plant file describes."""
    from cluster.foreground import run_plant
    from engine.paths import Home
    from engine.plant import load
    from engine.recipe import check

    plant = load(plant_file)
    check(plant)
    run_plant(plant, Home.default(), [], browser, for_seconds, as_json)

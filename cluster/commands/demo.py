"""``seamline demo``: a whole plant on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import ForSeconds, Json


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Replay real logs and photographs of this folder.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, help="How many times faster a replay runs.")] = 60.0,
    port: Annotated[int, typer.Option(help="Port of the console on 127.0.0.1.")] = 8080,
    browser: Annotated[bool, typer.Option(help="Open the console in the browser.")] = True,
    for_seconds: ForSeconds = None,
    as_json: Json = False,
) -> None:
    """Run a whole plant on this machine: simulated, or replayed from real data."""
    from cluster.demo import build
    from cluster.foreground import run_plant
    from engine.paths import Home

    home = Home.default()
    demo_plant = build(home, data, speed, port)
    run_plant(demo_plant.plant, home, demo_plant.field, browser, for_seconds, as_json)

"""``seamline replay``: recorded data once more through a live plant, or a log once more through the chain."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import app
from cluster.terminal import ForSeconds, Json, progress, screen

if TYPE_CHECKING:
    from engine.store.digest import Digest


@app.command()
def replay(
    log: Annotated[
        Path | None, typer.Argument(help="A shard's log, like SEAMLINE_HOME/log/line-1: read it again.")
    ] = None,
    plant_file: Annotated[
        Path | None, typer.Option("--plant", help="Its plant file; left out: the one its home ran last.")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="DSN of an empty database that keeps the rows.", metavar="DSN")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Compare with the plant's own rows.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Run a plant on the recorded logs and photographs of this folder.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, help="With --data: how many times faster.")] = 60.0,
    port: Annotated[int, typer.Option(help="With --data: port of the console.")] = 8080,
    browser: Annotated[bool, typer.Option(help="With --data: open the console in the browser.")] = False,
    for_seconds: ForSeconds = None,
    as_json: Json = False,
) -> None:
    """Replay recorded data through a live plant, or a log through the chain to prove its rows.

    A replayed log lands in a database of its own; what every table then holds is told as a digest.
    Two replays of one log by one version give the same digests, and so does the plant that wrote it.
    """
    if (log is None) == (data is None):
        raise typer.BadParameter("give either the folder of a log or --data DIR.")
    if data is not None:
        from cluster.demo import build
        from cluster.foreground import run_plant
        from engine.paths import Home

        home = Home.default()
        recorded = build(home, data, speed, port)
        run_plant(recorded.plant, home, recorded.field, browser, for_seconds, as_json)
    elif log is not None:
        replay_log(log, plant_file, into, compare, as_json)


def replay_log(log: Path, plant_file: Path | None, into: str | None, compare: bool, as_json: bool) -> None:
    """Read a log again and tell what came of it; rows that differ from the plant's are exit code 1."""
    from engine.plant import load
    from engine.replay import digests_of, digests_of_home, extent, home_of, plant_of, scratch
    from engine.replay import replay_log as run

    held = extent(log)
    plant = load(plant_file) if plant_file else plant_of(log)
    with scratch() if into is None else nullcontext(into) as dsn:
        with progress(f"Replaying {log.name}") as tell:
            run(plant, log, dsn, tell)
        ours = digests_of(dsn)
    theirs = digests_of_home(home_of(log), plant.shard, held) if compare else {}
    differ = sorted(name for name, digest in theirs.items() if digest != ours[name])
    if as_json:
        tables = {name: digest._asdict() for name, digest in ours.items()}
        found = {**held._asdict(), "tables": tables}
        print(json.dumps({**found, "differ": differ} if compare else found))
    else:
        show(ours, theirs)
    raise typer.Exit(1 if differ else 0)


def show(ours: dict[str, Digest], theirs: dict[str, Digest]) -> None:
    """Print every table's digest, and whether the plant has the same."""
    from rich.table import Table

    table = Table("table", "rows", "digest", box=None, header_style="dim")
    if theirs:
        table.add_column("the plant's")
    for name, digest in ours.items():
        other = theirs.get(name, digest)
        same = "the same" if other == digest else f"[red]{other.hash}[/red]"
        table.add_row(name, f"{digest.rows:,}", digest.hash, *([same] if theirs else []))
    screen.print(table)

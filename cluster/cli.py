"""The command line: ``seamline demo | run | migrate | doctor``."""

from __future__ import annotations

import json
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from engine.paths import Home, HomeError
from engine.plant import Plant, PlantError, load
from engine.signals import stop_on_signals
from engine.store.errors import StoreError
from streams.log.errors import LogError

if TYPE_CHECKING:
    from cluster.supervise import Supervisor

app = typer.Typer(
    add_completion=True, no_args_is_help=True, help="Seamline: every weld, every machine, one truth."
)
screen = Console(stderr=True)

SHOWN = ("verdicts", "frames_unaccounted", "windows", "states", "oee", "anomalies", "quarantined", "behind_s")

SHOW_SECONDS = 2.0

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Replay real logs and photographs of this folder.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, help="How many times faster a replay runs.")] = 60.0,
    port: Annotated[int, typer.Option(help="Port of the console on 127.0.0.1.")] = 8080,
    browser: Annotated[bool, typer.Option(help="Open the console in the browser.")] = True,
    for_seconds: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")] = None,
    as_json: Json = False,
) -> None:
    """Run a whole plant on this machine: simulated, or replayed from real data."""
    from cluster.demo import build

    home = Home.default()
    demo_plant = build(home, data, speed, port)
    run_plant(demo_plant.plant, home, demo_plant.field, browser, for_seconds, as_json)


@app.command()
def run(
    plant_file: Annotated[Path, typer.Argument(help="The plant file (YAML).")],
    browser: Annotated[bool, typer.Option(help="Open the console in the browser.")] = False,
    for_seconds: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")] = None,
    as_json: Json = False,
) -> None:
    """Run the plant that a plant file describes."""
    run_plant(load(plant_file), Home.default(), [], browser, for_seconds, as_json)


def run_plant(
    plant: Plant, home: Home, field: list[list[str]], browser: bool, seconds: float | None, as_json: bool
) -> None:
    """Bring a plant up, show how it does, take it down on Ctrl-C or when the time is over."""
    from cluster.supervise import Supervisor

    stop = stop_on_signals()
    supervisor = Supervisor(plant, home, field)
    started = time.monotonic()
    try:
        with screen.status("Starting the database, the log and the stations"):
            supervisor.start()
        announce(plant, browser)
        deadline = None if seconds is None else time.monotonic() + seconds
        follow(supervisor, plant, stop, deadline)
    finally:
        with screen.status("Stopping: committing what is in the log"):
            last = supervisor.stop()
    if as_json and last is not None:
        print(json.dumps({**last.as_dict(), "ran_s": round(time.monotonic() - started, 1)}))


def announce(plant: Plant, browser: bool) -> None:
    """Say where the console is, and open it."""
    address = f"http://{plant.console.host}:{plant.console.port}/station"
    screen.print(
        f"[bold]{plant.name}[/bold] is running. Console: [link={address}]{address}[/link]  (Ctrl-C ends it)"
    )
    if browser:
        webbrowser.open(address)


def follow(supervisor: Supervisor, plant: Plant, stop: threading.Event, deadline: float | None) -> None:
    """Watch the processes and show the counts until it is time to stop."""
    from cluster.supervise import WATCH_SECONDS

    shown = 0.0
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while not stop.wait(WATCH_SECONDS) and (deadline is None or time.monotonic() < deadline):
            supervisor.check()
            began = time.monotonic()
            if began >= shown:
                live.update(counts(supervisor.reader_dsn, plant.shard), refresh=True)
                # Counting takes longer as rows grow: it may take a twentieth of the time, no more.
                shown = began + max(SHOW_SECONDS, 20 * (time.monotonic() - began))


def counts(dsn: str, shard: str) -> Table:
    """Return the counts as a table of one row."""
    import psycopg

    from engine.status import status

    table = Table(box=None, header_style="dim")
    try:
        now = status(dsn, shard)
    except psycopg.Error as exc:
        table.add_column(f"The database does not answer: {str(exc).splitlines()[0]}")
        return table
    if now is None:
        table.add_column("The flow is starting")
        return table
    values = now.as_dict()
    for name in SHOWN:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(f"{values[name]:,.1f}".removesuffix(".0") for name in SHOWN))
    return table


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database's tables to this version."""
    from engine.store.database import open_database
    from engine.store.migrations import migrate as apply

    with open_database(Home.default().create()) as dsn:
        level = apply(dsn)
    if as_json:
        print(json.dumps({"level": level}))
    else:
        screen.print(f"The database ({level}) is up to date.")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check that this machine can run Seamline, and say what to mend."""
    from cluster.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps({finding.name: {"ok": finding.ok, "says": finding.says} for finding in findings}))
    else:
        for finding in findings:
            screen.print(
                f"{'[green]ok  [/green]' if finding.ok else '[red]bad [/red]'} {finding.name}: {finding.says}"
            )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def main() -> None:
    """Run the command line; errors that a person can mend are one sentence."""
    try:
        app()
    except (PlantError, HomeError, StoreError, LogError) as exc:
        screen.print(f"[red]{exc}[/red]")
        raise SystemExit(2) from exc


if __name__ == "__main__":
    main()

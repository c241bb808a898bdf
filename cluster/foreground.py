"""Run a plant in the foreground: bring it up, show how it does, take it down."""

from __future__ import annotations

import json
import threading
import time
import webbrowser

import psycopg
from rich.live import Live
from rich.table import Table

from cluster.supervise import WATCH_SECONDS, Supervisor
from cluster.terminal import refuse, screen
from engine.paths import Home
from engine.plant import Plant
from engine.recipe_versions import altered_in
from engine.signals import stop_on_signals
from engine.station_models import refusals
from engine.status import status
from engine.vocabulary import faults

SHOWN = ("verdicts", "frames_unaccounted", "windows", "states", "oee", "anomalies", "quarantined", "behind_s")

SHOW_SECONDS = 2.0


def run_plant(
    plant: Plant, home: Home, field: list[list[str]], browser: bool, seconds: float | None, as_json: bool
) -> None:
    """Bring a plant up, show how it does, take it down on Ctrl-C or when the time is over."""
    stop = stop_on_signals()
    supervisor = Supervisor(plant, home, field)
    started = time.monotonic()
    try:
        with screen.status("Starting the database, the log and the stations"):
            supervisor.start()
        announce(plant, browser)
        for reason in (*refusals(plant, home), *altered_in(plant, home), *faults(plant, home)):
            refuse(reason)
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
    shown = 0.0
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while not stop.wait(WATCH_SECONDS) and (deadline is None or time.monotonic() < deadline):
            supervisor.check()
            began = time.monotonic()
            if screen.is_terminal and began >= shown:
                live.update(counts(supervisor.reader_dsn, plant.shard), refresh=True)
                # Counting takes longer as rows grow: it may take a twentieth of the time, no more.
                shown = began + max(SHOW_SECONDS, 20 * (time.monotonic() - began))


def counts(dsn: str, shard: str) -> Table:
    """Return the counts as a table of one row."""
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

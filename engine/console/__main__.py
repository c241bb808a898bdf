"""Run the console: ``python -m engine.console PLANT.yaml [--port PORT]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

from engine import logs
from engine.console.app import build
from engine.paths import Home
from engine.plant import PlantError, load
from engine.signals import stop_on_signals
from engine.store.database import resolve_dsn
from engine.store.errors import StoreError


def main(arguments: list[str] | None = None) -> int:
    """Serve the console until the process is asked to end; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.console", description="Serve the pages of a plant."
    )
    parser.add_argument("plant", type=Path, help="the plant file")
    parser.add_argument("--port", type=int, help="instead of the plant file's port")
    asked = parser.parse_args(arguments)
    logs.begin("console")
    home = Home.default()
    try:
        plant = load(asked.plant)
        app = build(plant, home, resolve_dsn(home))
    except (PlantError, StoreError) as exc:
        print(exc, file=sys.stderr)
        return 2
    stop_on_signals()  # uvicorn repeats the signal it stopped for: this makes that a clean end
    port = plant.console.port if asked.port is None else asked.port
    uvicorn.run(
        app,
        host=plant.console.host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

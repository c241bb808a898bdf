"""The relay: tells others what the outbox holds, in a process of its own, so that nobody waits for them.

Run it as ``python -m engine.relay PLANT.yaml``.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import structlog

from engine import health, logs
from engine.outbox.relay import Relay
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.signals import stop_on_signals
from engine.store.database import resolve_dsn
from engine.store.errors import StoreError

log = structlog.get_logger("relay")


def run_relay(plant: Plant, home: Home, dsn: str, stop: threading.Event) -> None:
    """Tell the plant's events until told to stop.

    Raises
    ------
    PlantError
        The plant file names nobody to tell.
    """
    if plant.outbox is None:
        raise PlantError("The plant file names nobody to tell; add a section outbox: with its url.")
    relay = Relay(plant.outbox, plant.shard, dsn)
    with health.Publisher(home.create().health, "relay", plant.shard, relay.report):
        log.info("relay.ready", shard=plant.shard)
        relay.run(stop)
    log.info("relay.stopped")


def main() -> int:
    """Run the relay of a plant file."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        print("Usage: python -m engine.relay PLANT.yaml", file=sys.stderr)
        return 2
    logs.begin("relay")
    try:
        plant, home, stop = load(Path(sys.argv[1])), Home.default().create(), stop_on_signals()
        run_relay(plant, home, resolve_dsn(home), stop)
    except (PlantError, StoreError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Retention beside a running shard: one pass a day of plant time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from engine.plant import Plant, RetentionSection
from engine.retention.sweeping import plant_time, sweep
from engine.store.database import open_session

LOOK_SECONDS = 30.0
"""How often, in real time, the plant's time is looked at."""

log = structlog.get_logger(__name__)


@contextmanager
def steward(plant: Plant, evidence: Path, dsn: str, every: float = LOOK_SECONDS) -> Iterator[None]:
    """Remove what is due, in a thread, while the shard runs; a plant that keeps everything has none."""
    if plant.retention == RetentionSection():
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(
        target=_run, args=(plant, evidence, dsn, stop, every), name=f"retention-{plant.shard}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(plant: Plant, evidence: Path, dsn: str, stop: threading.Event, every: float) -> None:
    done = None
    while not stop.wait(every):
        try:
            with open_session(dsn) as connection:
                clock = plant_time(connection, plant.shard)
            if clock is None or clock.date() == done:
                continue
            for item in sweep(dsn, plant, evidence, stop):
                log.info("removed_by_policy", shard=plant.shard, **item.as_dict())
            done = clock.date()
        except Exception as exc:  # the next look tries again: a disk that fills must not be the first to tell
            log.warning("retention_put_off", shard=plant.shard, error=str(exc), kind=type(exc).__name__)

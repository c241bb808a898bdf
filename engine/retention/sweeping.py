"""One pass of retention: pictures first, then the rows that no picture needs any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from engine.plant import Plant
from engine.retention.audit import Audit, Removal
from engine.retention.pictures import PictureSweep
from engine.retention.rows import RowSweep
from engine.retention.rules import EPOCH, rules
from engine.store.database import open_session
from engine.store.errors import StoreError
from engine.store.hold import hold
from engine.store.landing import last_committed
from engine.store.levels import Connection, partitions


def sweep(
    dsn: str, plant: Plant, evidence: Path, stop: threading.Event | None = None, dry: bool = False
) -> list[Removal]:
    """Remove what the plant file's retention lets go by the plant's time, and return it.

    ``dry`` only tells what would go. A piece of a table that is in use is left for the next pass.

    Raises
    ------
    StoreBusy
        A backup is being taken, or another pass is under way.
    StoreError
        The archive or the evidence cannot be written; what was not archived is still there.
    """
    try:
        return _sweep(dsn, plant, evidence, stop or threading.Event(), dry)
    except OSError as exc:
        where = f" ({exc.filename})" if exc.filename else ""
        raise StoreError(
            f"Retention stopped: {exc.strerror}{where}; mend retention.archive or the disk."
        ) from exc


def _sweep(dsn: str, plant: Plant, evidence: Path, stop: threading.Event, dry: bool) -> list[Removal]:
    with open_session(dsn) as connection:
        connection.autocommit = True
        hold(connection)
        clock = plant_time(connection, plant.shard)
        if clock is None:
            return []
        audit = Audit(connection, plant.tenant, plant.shard, clock)
        found = _planned if dry else _removed
        return [item for item in found(connection, plant, evidence, audit, stop) if item.rows]


def plant_time(connection: Connection, shard: str) -> datetime | None:
    """Return the stamp of the last committed log entry."""
    received = last_committed(connection, shard).received
    return None if received is None else EPOCH + timedelta(microseconds=received)


def _planned(
    connection: Connection, plant: Plant, evidence: Path, audit: Audit, _: threading.Event
) -> Iterator[Removal]:
    yield PictureSweep(connection, audit, evidence, plant.retention.evidence).due()
    sweeper = RowSweep(connection, partitions(connection), audit)
    for rule in rules(plant.retention):
        yield from (due.removal() for due in sweeper.due(rule, audit.clock))


def _removed(
    connection: Connection, plant: Plant, evidence: Path, audit: Audit, stop: threading.Event
) -> Iterator[Removal]:
    archive = plant.retention.archive
    pictures = PictureSweep(connection, audit, evidence, plant.retention.evidence).remove(archive, stop)
    if pictures is not None:
        yield pictures
    sweeper = RowSweep(connection, partitions(connection), audit)
    for due in (due for rule in rules(plant.retention) for due in sweeper.due(rule, audit.clock)):
        if stop.is_set():
            return
        removal = sweeper.remove(due, archive)
        if removal is not None:
            yield removal

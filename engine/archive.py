"""The archive: keeps what the log lets go as Parquet, in a process of its own: no reading waits for it.

Run it as ``python -m engine.archive PLANT.yaml``, beside the appender whose log it reads.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog

from engine import health, logs
from engine.line_log import limit_bytes, segment_bytes
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.signals import stop_on_signals
from streams.log.archive import Archive, Interrupted, Kept
from streams.log.errors import LogError

LOOK_SECONDS = 1.0
"""How often it is looked whether something is due."""
PAUSE_SECONDS = 10.0
"""How long after it could not be written."""
NICENESS = 19
"""Nothing on the node waits for the archive."""

log = structlog.get_logger("archive")


@dataclass
class Account:
    """What the archive says of itself."""

    place: Path
    archive: Archive | None = None
    trouble: str = ""
    files: int = 0
    readings: int = 0
    missing: int = 0
    waiting: int = 0

    def keep(self, kept: Kept) -> None:
        """Count what was kept."""
        self.readings += kept.rows
        if kept.missing is not None:
            first, last = kept.missing
            self.missing += last - first + 1
            log.error("archive.missing", reason="the full log dropped them", first=first, last=last)
        if kept.place is not None:
            self.files += 1
            log.info("archive.kept", file=str(kept.place), readings=kept.rows)

    def tell(self, trouble: str) -> None:
        """Hear why nothing can be kept; nothing: all is well."""
        if trouble and not self.trouble:
            log.error("archive.waits", reason=trouble)
        self.trouble = trouble

    def report(self) -> health.Report:
        """Return how the archive is."""
        counters = {
            "position": 0 if self.archive is None else self.archive.position,
            "waiting_bytes": self.waiting,
            "files": self.files,
            "readings": self.readings,
            "missing_entries": self.missing,
        }
        return health.Report(counters, (health.Part("archive", str(self.place), self.trouble),))


def run_archive(plant: Plant, home: Home, stop: threading.Event, look: float = LOOK_SECONDS) -> None:
    """Keep the log of the plant's shard until told to stop.

    Raises
    ------
    PlantError
        The plant file names no archive, or a log whose files are not here.
    LogBusy
        Another process archives this log.
    """
    if plant.log.archive is None:
        raise PlantError("The plant file names no archive; add archive: with a folder to its section log.")
    if plant.log.jetstream or plant.log.remote:
        raise PlantError("An archive is written where the log's files are; leave log.archive out here.")
    account = Account(plant.log.archive / plant.shard)
    with health.Publisher(home.create().health, "archive", plant.shard, account.report):
        while not stop.is_set():
            try:
                _serve(plant, home, account, stop, look)
            except OSError as exc:
                account.tell(f"The archive {account.place} cannot be written: {exc.strerror or exc}.")
                stop.wait(min(PAUSE_SECONDS, 10 * look))
    log.info("archive.stopped")


def _serve(plant: Plant, home: Home, account: Account, stop: threading.Event, look: float) -> None:
    """Open the archive and keep what is due, until it cannot be written or is told to stop."""
    sizes = limit_bytes(plant), segment_bytes(plant)
    with closing(Archive(home.log / plant.shard, account.place, plant.clock(), *sizes)) as archive:
        account.archive = archive
        log.info("archive.ready", partition=plant.shard, position=archive.position)
        while not stop.is_set():
            account.waiting = archive.waiting
            if not _step(archive, account, stop):
                stop.wait(look)


def _step(archive: Archive, account: Account, stop: threading.Event) -> bool:
    try:
        kept = archive.step(stop)
    except Interrupted:
        return False
    except LogError as exc:
        account.tell(str(exc))
        return False
    if kept is not None:
        account.keep(kept)
    account.tell("")
    return kept is not None


def main() -> int:
    """Run the archive of a plant file."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        print("Usage: python -m engine.archive PLANT.yaml", file=sys.stderr)
        return 2
    logs.begin("archive")
    os.nice(NICENESS)
    try:
        run_archive(load(Path(sys.argv[1])), Home.default(), stop_on_signals())
    except (PlantError, LogError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How the plant of a home is: what its processes say, what is committed, how far behind it is.

Only looks: nothing is started for it, and what does not answer is said to be away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from engine import health
from engine.health import Health
from engine.line_log import newest
from engine.paths import Home
from engine.plant import Plant, load
from engine.status import Status, backlog, status
from engine.store.database import VARIABLE, reader_dsn
from engine.store.embedded import READER, Embedded
from engine.store.errors import StoreError
from streams.clock import SECOND


@dataclass(frozen=True, slots=True)
class Word:
    """What a process, or something that it needs, said last."""

    process: str
    part: str
    """Empty for the process itself."""
    trouble: str
    """What is wrong, in a few words; empty when all is well."""
    age_s: float | None
    """Seconds since it was said; None where nothing was."""
    restarts: int


@dataclass(frozen=True, slots=True)
class Overview:
    """How a plant is at one moment."""

    home: str
    plant: str
    """Its name; empty where none ever ran here."""
    shard: str
    running: bool
    words: tuple[Word, ...]
    database: str
    """Why the database does not answer; empty when it does."""
    counts: Status | None
    """None while nothing is committed, or the database is away."""
    backlog: int | None
    """Log entries that are not committed yet."""
    log_age_s: float | None
    """Seconds of plant time since the newest log entry; None while the plant does not run."""

    @property
    def well(self) -> bool:
        """Whether it runs and nobody complains."""
        return self.running and not self.database and not any(word.trouble for word in self.words)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "well": self.well}


def look(home: Home) -> Overview:
    """Look at the plant that a home ran last.

    Raises
    ------
    PlantError
        Its plant file cannot be read any more.
    """
    plant = load(home.plant_file) if home.plant_file.is_file() else None
    now = time.time_ns() // 1000
    records = health.read_all(home.health)
    running = any(not record.ended and not record.silent(now) for record in records)
    said = [word for record in records for word in words(record, now)]
    why, counts, waiting = committed(home, plant) if plant else ("", None, None)
    return Overview(
        home=str(home.root),
        plant=plant.name if plant else "",
        shard=plant.shard if plant else "",
        running=running,
        words=tuple(said + unheard(plant, said)) if plant and running else (),
        database=why,
        counts=counts,
        backlog=waiting,
        log_age_s=log_age(home, plant) if plant and running else None,
    )


def words(record: Health, now: int) -> Iterator[Word]:
    """Yield what a process says of itself and of what it needs."""
    process, age = f"{record.kind} {record.name}", round((now - record.updated) / SECOND, 1)
    silent = "silent" if record.silent(now) else ""
    yield Word(process, "", "ended" if record.ended else silent, age, record.restarts)
    if not silent and not record.ended:
        for part in record.parts:
            yield Word(process, f"{part.kind} {part.name}", part.trouble, age, record.restarts)


def unheard(plant: Plant, said: list[Word]) -> list[Word]:
    """Return a word for each process of the plant that has said nothing yet: it may never have begun."""
    kinds = ["appender", "gateway", "shard", "console"]
    kinds += [kind for kind, asked in (("relay", plant.outbox), ("archive", plant.log.archive)) if asked]
    expected = [f"{kind} {plant.shard}" for kind in kinds]
    expected += [f"station {station.name}" for station in plant.stations]
    heard = {word.process for word in said}
    return [Word(name, "", "has said nothing yet", None, 0) for name in expected if name not in heard]


def committed(home: Home, plant: Plant) -> tuple[str, Status | None, int | None]:
    """Return why the database is away, what is committed, and how many log entries are not."""
    try:
        dsn = database(home)
        return "", status(dsn, plant.shard), backlog(dsn, home, plant)
    except (StoreError, psycopg.Error) as exc:
        return str(exc).strip().splitlines()[0], None, None


def database(home: Home) -> str:
    """Return how to read the database, without starting it.

    Raises
    ------
    StoreError
        It does not run.
    """
    named, embedded = os.environ.get(VARIABLE), Embedded(home.database)
    if named:
        return reader_dsn(named)
    if embedded.pid() is None:
        raise StoreError("The embedded database does not run.")
    return embedded.dsn(READER)


def log_age(home: Home, plant: Plant) -> float | None:
    """Return the seconds of plant time since the newest log entry."""
    last = newest(plant, home)
    return None if last is None else round((plant.clock().now() - last.received) / SECOND, 1)

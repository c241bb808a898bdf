"""How every process of the plant is, from the records they publish: alive, silent since, rates."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engine import health
from engine.health import Health, Kind, Part
from engine.plant import Plant
from streams.clock import SECOND

SPAN = 10 * SECOND
"""Microseconds that a rate is taken over."""
FRESH = 0.5
"""Seconds for which what was read is good enough for every browser."""

LAG = 5.0
"""Real seconds behind from which a shard needs attention."""

Name = tuple[Kind, str]


def wall() -> int:
    """Return the wall time, microseconds UTC."""
    return time.time_ns() // 1000


def moment(us: int) -> datetime:
    """Return a time of a record."""
    return datetime.fromtimestamp(us / SECOND, UTC)


@dataclass(frozen=True, slots=True)
class Vital:
    """One process at a wall time: its newest record, and one of a moment ago to take rates from."""

    kind: Kind
    name: str
    now: int
    record: Health | None = None
    before: Health | None = None

    @property
    def life(self) -> str:
        """Return ``alive``, ``silent``, ``ended`` or, of a process never heard of, ``missing``."""
        if self.record is None:
            return "missing"
        if self.record.ended:
            return "ended"
        return "silent" if self.record.silent(self.now) else "alive"

    @property
    def alive(self) -> bool:
        """Whether what the record says can be believed to hold now."""
        return self.life == "alive"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the process's parts as they were last told."""
        return self.record.parts if self.record else ()

    @property
    def troubles(self) -> tuple[Part, ...]:
        """Return the parts that are in trouble now."""
        return tuple(part for part in self.parts if self.alive and not part.ok)

    @property
    def lagging(self) -> bool:
        """Whether it commits, but what it commits is old."""
        return self.alive and (self.counter("lag_s") or 0.0) > LAG

    def of(self, kind: str) -> tuple[Part, ...]:
        """Return its parts of one kind."""
        return tuple(part for part in self.parts if part.kind == kind)

    def counter(self, name: str) -> float | None:
        """Return a counter as it was last told, None while nothing was."""
        return self.record.counters.get(name) if self.record else None

    def rate(self, name: str, part: Part | None = None) -> float | None:
        """Return how much a counter rises a second, of the process or of a part; None while unknown."""
        if not (self.alive and self.record and self.before):
            return None
        counters = [
            record.counters if part is None else _counters(record, part)
            for record in (self.before, self.record)
        ]
        if any(name not in known for known in counters):
            return None
        seconds = (self.record.updated - self.before.updated) / SECOND
        return max(0.0, counters[1][name] - counters[0][name]) / seconds


def _counters(record: Health, part: Part) -> Mapping[str, float]:
    found = record.part(part.kind, part.name)
    return found.counters if found else {}


@dataclass(slots=True)
class Vitals:
    """Read the records of a plant's processes for all browsers, and remember those of a moment."""

    folder: Path
    clock: Callable[[], int] = wall
    _past: dict[Name, deque[Health]] = field(default_factory=dict)
    _read: float = float("-inf")

    def of(self, kind: Kind, name: str) -> Vital:
        """Return how one process is now."""
        self._look()
        past = self._past.get((kind, name), deque[Health]())
        before = past[0] if len(past) > 1 else None
        return Vital(kind, name, self.clock(), past[-1] if past else None, before)

    def _look(self) -> None:
        if time.monotonic() - self._read < FRESH:
            return
        for record in health.read_all(self.folder):
            self._remember(record)
        self._read = time.monotonic()

    def _remember(self, record: Health) -> None:
        past = self._past.setdefault((record.kind, record.name), deque())
        if past and (past[-1].pid, past[-1].started) != (record.pid, record.started):
            past.clear()
        if not past or record.updated != past[-1].updated:
            past.append(record)
        while len(past) > 1 and past[1].updated <= record.updated - SPAN:
            past.popleft()


def processes(plant: Plant, vitals: Vitals) -> list[Vital]:
    """Return every process that the plant should have, in the order of the data's way."""
    names: list[Name] = [("gateway", plant.shard)]
    names += [("station", station.name) for station in plant.stations]
    names += [("appender", plant.shard)]
    names += [("archive", plant.shard)] if plant.log.archive else []
    names += [("shard", plant.shard), ("console", plant.shard)]
    names += [("relay", plant.shard)] if plant.outbox else []
    return [vitals.of(kind, name) for kind, name in names]

"""Memory of a shard's flow with 100,000 tags at 1 Hz, through an hour of event time.

    python -m bench memory [SECONDS] [--json]
    python -m bench memory station          # that of a station: see `bench.station_memory`

A process of its own runs the chain of a line of 100 machines as fast as it can, on log entries as ten
gateways would send them. Everything that a shard keeps is there: the operators' states, a snapshot of
them every 10 s, and as many rows as the writer lets wait while the database is slow, each encoded for
COPY before it goes. ``pss_gb`` is the most that the process ever needed, snapshots under way included;
``growth_gb_per_hour`` the slope of a line through all samples behind the first two minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from engine.store.backlog import Pace
from engine.store.copy import fields, pieces
from engine.store.snapshots import Snapshot, rows_of
from engine.store.tables import Column, Table
from streams.abc import Output
from streams.catalog import Catalog, Machine, Tag
from streams.chain import NO_PARTS, LineChain
from streams.clock import SECOND
from streams.flow import run_flow
from streams.log.abc import Entry, Kind
from streams.records import GOOD, NULL, Float64, Readings, Rows, Text, constant, encode

MACHINES, TAGS_PER_MACHINE, DETECT = 100, 1000, 8
GATEWAYS = 10
START = 1_700_000_000 * SECOND
HOUR = 3600
SNAPSHOT_EVERY = 10
WARM_UP = 120
SAMPLE_S = 0.2

MACHINE_NAMES = tuple(f"machine-{number:03d}" for number in range(MACHINES))
TAG_NAMES = tuple(f"tag-{number:04d}" for number in range(TAGS_PER_MACHINE))


def catalog() -> Catalog:
    """Return the line."""
    numbers = tuple(Tag(name, detect=number < DETECT) for number, name in enumerate(TAG_NAMES))
    tags = (*numbers, Tag("execution", numeric=False))
    return Catalog(tuple(Machine(name, tags) for name in MACHINE_NAMES))


@dataclass(slots=True)
class Made:
    """A log that is made while it is read: every second an entry of each gateway, and a tick."""

    seconds: int
    stop: threading.Event
    pool: Float64 = field(default_factory=lambda: np.random.default_rng(7).normal(size=(5, 10_000)))

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return the next entry; at the end the flow is told to stop."""
        second, gateway = divmod(after, GATEWAYS + 1)
        if second >= self.seconds:
            self.stop.set()
            return ()
        received = START + second * SECOND + (gateway + 1) * SECOND // 20
        if gateway == GATEWAYS:
            return [Entry(after + 1, Kind.TICK, received, "", b"")]
        payload = encode(self._readings(second, gateway).to_arrow())
        return [Entry(after + 1, Kind.READINGS, received, f"gateway-{gateway}", payload)]

    def close(self) -> None:
        """Nothing to release."""

    def _readings(self, second: int, gateway: int) -> Readings:
        own = MACHINES // GATEWAYS
        size = own * TAGS_PER_MACHINE
        return Readings(
            machine=Text(MACHINE_NAMES[gateway * own : (gateway + 1) * own], _machine_codes(own)),
            tag=Text(TAG_NAMES, np.tile(np.arange(TAGS_PER_MACHINE, dtype=np.int32), own)),
            ts=np.full(size, START + second * SECOND + gateway * 1000),
            value=self.pool[second % len(self.pool)],
            text=Text.constant(None, size),
            quality=constant(GOOD, size, np.int16),
            source_ts=constant(NULL, size, np.int64),
        )


def _machine_codes(machines: int) -> Any:
    return np.repeat(np.arange(machines, dtype=np.int32), TAGS_PER_MACHINE)


KINDS = {"i": "int8", "f": "float8"}


@dataclass(slots=True)
class Waiting:
    """A sink that lets as many rows wait as the writer does, and encodes those that go."""

    outputs: deque[tuple[Output, int]] = field(default_factory=deque)
    rows: int = 0
    landed: int = 0
    bound: int = Pace().bound

    def write(self, outputs: Sequence[Output]) -> None:
        """Take outputs; let the oldest go."""
        for output in outputs:
            size = sum(len(rows) for rows in output.rows)
            self.outputs.append((output, size))
            self.rows += size
        while self.rows > self.bound:
            output, size = self.outputs.popleft()
            self.rows -= size
            self.landed += size
            for rows in output.rows:
                _encode(rows)


def _encode(rows: Rows) -> None:
    columns = tuple(
        Column(name, "text" if isinstance(column, Text) else KINDS[column.dtype.kind], nullable=True)
        for name, column in rows.columns.items()
    )
    tenant = Column("tenant_id", "int4", nullable=False)
    for _ in pieces(fields(Table(rows.table, (tenant, *columns)), rows, 1), len(rows)):
        pass


@dataclass(slots=True)
class Kept:
    """A chain whose state is taken every 10 s, and kept as it would be while it is saved."""

    chain: LineChain
    due: int = START
    second: float = 0.0
    saved: Snapshot | None = None

    def update(self, entry: Entry) -> Output:
        """Take one entry."""
        output = self.chain.update(entry)
        self.second = (entry.received - START) / SECOND
        if entry.received >= self.due:
            self.due = entry.received + SNAPSHOT_EVERY * SECOND
            self.saved = None  # a keeper asks for none while it has one
            self.saved = Snapshot(entry.position, self.chain.snapshot())
            for _ in rows_of(self.saved):
                pass
        return output


@dataclass(slots=True)
class Samples:
    """What the process needed, every few tenths of a second."""

    chain: Kept
    stop: threading.Event
    found: list[tuple[float, float]] = field(default_factory=list)

    def run(self) -> None:
        """Sample until told to stop, at the beginning and at the end too."""
        process, last = psutil.Process(), False
        while not last:
            last = self.stop.wait(SAMPLE_S if self.found else 0)
            self.found.append((self.chain.second, process.memory_full_info().pss / 1e9))


def measure(seconds: int) -> dict[str, Any]:
    """Run the flow in this process and return what it needed."""
    stop, sink = threading.Event(), Waiting()
    chain = Kept(LineChain(catalog(), parts=lambda entry: ((), NO_PARTS)))
    samples = Samples(chain, stop)
    sampler = threading.Thread(target=samples.run, name="samples")
    sampler.start()
    started = time.monotonic()
    try:
        run_flow(Made(seconds, stop), chain, sink, 0, stop)
    finally:
        stop.set()
        sampler.join()
    when, pss = np.array(samples.found).T
    steady = when >= min(WARM_UP, seconds / 4, when[-1])
    growth = np.polyfit(when[steady], pss[steady], 1)[0] if np.ptp(when[steady]) else 0.0
    return {
        "pss_gb": round(float(pss.max()), 3),
        "pss_median_gb": round(float(np.median(pss[steady])), 3),
        "growth_gb_per_hour": round(float(growth) * HOUR, 3),
        "event_seconds": seconds,
        "readings_per_s": round(seconds * MACHINES * TAGS_PER_MACHINE / (time.monotonic() - started)),
        "tags": MACHINES * TAGS_PER_MACHINE,
        "rows": sink.landed + sink.rows,
    }


def run(seconds: str = str(HOUR)) -> dict[str, Any]:
    """Measure in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.memory", seconds], stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    figures: dict[str, Any] = json.loads(told.splitlines()[-1])
    return figures


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))

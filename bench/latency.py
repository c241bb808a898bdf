"""From the moment of a reading to its committed row, at half the rate that the whole line can do.

    python -m bench latency [RATE] [--json]

The same processes as in `bench.chain`, whose rate is measured first unless half of it is given. A reading's
age is the time from its own stamp to the moment at which a look at the database first found its log entry
committed, its row visible with it. The looks come every few milliseconds, so ages are too large rather
than too small; waiting for the batch to be full counts, too.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import pump
from bench.chain import COMMITTED, Line, sent_by
from bench.chain import run as run_chain
from engine.paths import Home
from engine.store import connect
from streams.clock import SECOND
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.records import Float64, Int64, Readings, decode

SECONDS = 35.0
WARM_UP = 5 * SECOND
LOOK_EVERY = 0.002


@dataclass(slots=True)
class Looks:
    """When which position was first seen committed; looks from a thread of its own."""

    dsn: str
    seen: list[tuple[int, int]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look until told to stop, and then once more."""
        with connect(self.dsn) as database:
            database.autocommit = True
            last, stopped = 0, False
            while not stopped:
                stopped = self.stop.wait(LOOK_EVERY)
                row = database.execute(COMMITTED, prepare=True).fetchone()
                if row is not None and row[0] > last:
                    last = int(row[0])
                    self.seen.append((last, time.time_ns() // 1000))

    def at(self, positions: Int64) -> Int64:
        """Return when positions were seen committed."""
        seen = np.array(self.seen, dtype=np.int64)
        when: Int64 = seen[np.searchsorted(seen[:, 0], positions), 1]
        return when


def ages(home: Home, looks: Looks) -> tuple[Float64, Float64]:
    """Return milliseconds from stamp to acceptance, and to commit, of one reading of every sweep.

    Every sweep holds the same number of readings, so the percentiles are those of all. The first seconds
    are left out.
    """
    reader, position = FileLogReader(home.log / "bench"), 0
    found: list[Int64] = []  # position, acceptance and stamp of each sweep
    while entries := reader.read(position, 8 << 20):
        position = entries[-1].position
        for entry in entries:
            if entry.kind == Kind.READINGS:
                stamps = Readings.from_arrow(decode(entry.payload)).ts
                if len(stamps) >= pump.TAGS:
                    sweeps = stamps[:: pump.TAGS]
                    fixed = np.full_like(sweeps, entry.position), np.full_like(sweeps, entry.received)
                    found.append(np.stack([*fixed, sweeps]))
    reader.close()
    positions, accepted, stamps = np.concatenate(found, axis=1)
    warm = stamps >= stamps[0] + WARM_UP
    return (accepted - stamps)[warm] / 1000, (looks.at(positions) - stamps)[warm] / 1000


def measure(line: Line, rate: float, seconds: float) -> dict[str, Any]:
    """Load a line at a rate and return how old readings are when they are committed."""
    looks = Looks(line.dsn)
    looker = threading.Thread(target=looks.run, name="looks")
    looker.start()
    try:
        sent = sent_by(line.load(seconds, rate))
        line.settle()
    finally:
        looks.stop.set()
        looker.join()
    line.check(sent)
    accepted, found = ages(line.home, looks)
    return {
        "p50_ms": round(float(np.percentile(found, 50)), 1),
        "p99_ms": round(float(np.percentile(found, 99)), 1),
        "max_ms": round(float(found.max()), 1),
        "accepted_p99_ms": round(float(np.percentile(accepted, 99)), 1),
        "readings_per_s": round(sent["readings"] / seconds),
        "readings": sent["readings"],
    }


def run(rate: str = "", seconds: float = SECONDS) -> dict[str, Any]:
    """Measure in a fresh home."""
    half = float(rate) if rate else run_chain()["chain_readings_per_s"] / 2
    with tempfile.TemporaryDirectory(prefix="seamline-latency-") as folder, Line(Home(Path(folder))) as line:
        return measure(line, half, seconds)

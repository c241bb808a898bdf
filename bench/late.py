"""What late readings cost: 2,000 tags at 100 Hz, none late, and a tenth of them up to ten seconds late.

    python -m bench late --json

The same readings through the same chain of operators, windows told within both; the newest versions of all
windows must be the same, bit for bit. Rounds alternate, the best of each counts.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bench.sensors import ENTRIES_PER_SECOND, HERTZ, NAMES, START, TAGS, Load
from streams.catalog import Catalog, Machine, Tag
from streams.chain import NO_PARTS, LineChain
from streams.clock import SECOND
from streams.log.abc import Entry, Kind
from streams.records import Int64, Rows, encode

SHARES = {"on_time": 0.0, "hundredth_late": 0.01, "tenth_late": 0.1}
DELAY = 10 * SECOND

Newest = dict[tuple[int, int, int], tuple[float, ...]]


def arrivals(load: Load, share: float) -> Int64:
    """Return when each reading comes: a share of them late, by any time up to `DELAY`."""
    rng = np.random.default_rng(11)
    ts = load.ts(0, len(load.value))
    late = rng.random(len(ts)) < share
    return np.where(late, ts + rng.integers(0, DELAY, len(ts)), ts)


def entries(load: Load, share: float) -> list[Entry]:
    """Return the log: entries of half a second each, in the order in which readings come, then silence."""
    comes = arrivals(load, share)
    order = np.argsort(comes, kind="stable")
    width = SECOND // ENTRIES_PER_SECOND
    numbers = (comes[order] - START) // width
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    whole = load.readings(0, len(load.value))
    log = []
    for place, rows in enumerate(np.split(order, cuts), start=1):
        received = int(comes[rows[-1]]) // width * width + width
        log.append(Entry(place, Kind.READINGS, received, "bench", encode(whole[rows].to_arrow())))
    return [*log, Entry(len(log) + 1, Kind.TICK, log[-1].received + 60 * SECOND, "", b"")]


def windows(log: list[Entry]) -> tuple[float, list[Rows]]:
    """Run the chain over a log; return how long it took and the rows of windows."""
    chain = LineChain(
        Catalog((Machine("line", tuple(Tag(name) for name in NAMES)),)), parts=lambda entry: ((), NO_PARTS)
    )
    start = time.perf_counter()
    told = [rows for entry in log for rows in chain.update(entry).rows if rows.table == "windows"]
    return time.perf_counter() - start, told


def newest(told: list[Rows]) -> Newest:
    """Return the last version of every window."""
    found: Newest = {}
    for rows in told:
        columns: Any = rows.columns
        places = zip(
            columns["tag"].codes.tolist(), columns["width_us"].tolist(), columns["ts"].tolist(), strict=True
        )
        held = zip(*(columns[name].tolist() for name in ("count", "sum", "min", "max")), strict=True)
        found |= dict(zip(places, held, strict=True))
    return found


def run(seconds: int = 20, repeat: int = 3) -> dict[str, Any]:
    """Measure the chain with and without late readings.

    Raises
    ------
    AssertionError
        Late readings end in other windows.
    """
    load = Load.of(seconds)
    logs = {name: entries(load, share) for name, share in SHARES.items()}
    best = dict.fromkeys(SHARES, float("inf"))
    told: dict[str, list[Rows]] = {}
    for _ in range(repeat):
        for name, log in logs.items():
            took, told[name] = windows(log)
            best[name] = min(best[name], took)
    truth = newest(told["on_time"])
    assert all(newest(rows) == truth for rows in told.values())
    size = seconds * HERTZ * TAGS
    return {
        **{f"{name}_per_s": round(size / took) for name, took in best.items()},
        "hundredth_ratio": round(best["on_time"] / best["hundredth_late"], 3),
        "tenth_ratio": round(best["on_time"] / best["tenth_late"], 3),
        "readings": size,
        "windows": len(truth),
        "versions": sum(len(rows) for rows in told["tenth_late"]),
    }

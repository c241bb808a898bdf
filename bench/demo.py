"""A whole plant at its everyday load: 4 cameras at 5 frames/s and 2,000 tags at 1 Hz, in real time.

Its detector computes in f32. ``behind_s`` is the longest that any log entry waited for its commit: the
wall time less the stamp of the newest committed entry, sampled as quickly as the database answers.
``pss_gb`` is the proportional set size of all processes together: supervisor, Ray, appender, gateway,
console, load, PostgreSQL.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from cluster.demo import free_port
from cluster.supervise import Supervisor
from engine.paths import Home
from engine.plant import (
    ConsoleSection,
    MachineSection,
    Plant,
    SimulatedCamera,
    StationSection,
    TagSection,
    ZmqSource,
)
from engine.status import status
from streams import simulate

CAMERAS = 4
FRAMES_PER_S = 5.0
TAGS = 2_000
WARM_UP_S = 15.0
MEASURED_S = 60.0
DETECT_PER_MACHINE = 8


@dataclass(slots=True)
class Worst:
    """The worst that was seen while measuring."""

    behind_s: float = 0.0
    pss_gb: float = 0.0


def run() -> dict[str, Any]:
    """Run the plant for a minute after a warm-up and return what it did and needed."""
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder:
        home = Home(Path(folder)).create()
        endpoint = home.socket("load")
        supervisor = Supervisor(plant(endpoint), home, [load_module(endpoint)])
        started = time.monotonic()
        try:
            supervisor.start()
            first = wait_for_verdict(supervisor) - started
            time.sleep(WARM_UP_S)
            worst, rates = measure(supervisor)
            last = status(supervisor.reader_dsn, "bench")
        finally:
            supervisor.stop()
    assert last is not None
    return {
        "behind_s": round(worst.behind_s, 3),
        "pss_gb": round(worst.pss_gb, 3),
        **rates,
        "first_verdict_s": round(first, 1),
        "frames_unaccounted": last.frames_unaccounted,
        "quarantined": last.quarantined,
    }


def plant(endpoint: str) -> Plant:
    """Describe the load: one station with four cameras, one machine with two thousand tags."""
    cameras = [
        SimulatedCamera(kind="simulated", name=f"camera-{index}", rate=FRAMES_PER_S, seed=index)
        for index in range(1, CAMERAS + 1)
    ]
    machines: dict[str, list[TagSection]] = {}
    for machine, tag in simulate.load_tags(TAGS):
        tags = machines.setdefault(machine, [])
        tags.append(TagSection(name=tag, detect=len(tags) < DETECT_PER_MACHINE))
    return Plant(
        name="Everyday load",
        shard="bench",
        simulated=True,
        machines=[MachineSection(name=name, tags=tags) for name, tags in machines.items()],
        stations=[StationSection(name="weld-1", cameras=list(cameras), model="weld-pipe")],
        sources=[ZmqSource(kind="zeromq", name="load", endpoint=endpoint)],
        console=ConsoleSection(port=free_port()),
    )


def load_module(endpoint: str) -> list[str]:
    """Return the module that sends the readings."""
    now = time.time_ns() // 1000
    clock = [f"--origin-us={now}", f"--start-us={now}", "--speed=1"]
    return [
        "streams.simulate",
        f"--load-tags={TAGS}",
        f"--zmq-endpoint={endpoint}",
        *clock,
    ]


def wait_for_verdict(supervisor: Supervisor, timeout: float = 120.0) -> float:
    """Return when the first verdict was committed."""
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        now = status(supervisor.reader_dsn, "bench")
        if now is not None and now.verdicts:
            return time.monotonic()
        time.sleep(0.1)
    raise TimeoutError(f"no verdict within {timeout:.0f} s; look into the logs folder of the plant's home")


def measure(supervisor: Supervisor) -> tuple[Worst, dict[str, float]]:
    """Sample lag and memory for `MEASURED_S`; return the worst and the rates."""
    worst = Worst()
    with psycopg.connect(supervisor.reader_dsn, autocommit=True) as connection:
        began, counted = time.monotonic(), count(connection)
        next_memory = began
        while time.monotonic() < began + MEASURED_S:
            worst.behind_s = max(worst.behind_s, behind(connection))
            if time.monotonic() > next_memory:
                worst.pss_gb = max(worst.pss_gb, pss_gb())
                next_memory += 5.0
            time.sleep(0.02)
        elapsed = time.monotonic() - began
        rates = {name: round((now - counted[name]) / elapsed, 1) for name, now in count(connection).items()}
    return worst, rates


def behind(connection: psycopg.Connection[Any]) -> float:
    """Return the age of the newest committed log entry, in seconds."""
    row = connection.execute(
        "SELECT extract(epoch FROM clock_timestamp() - clock)::float8 FROM shard"
    ).fetchone()
    return float(row[0]) if row else 0.0


def count(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the committed verdicts and readings."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM verdicts), (SELECT count(*) FROM readings)"
    ).fetchone()
    return dict(zip(("frames_per_s", "readings_per_s"), row or (0, 0), strict=True))


def pss_gb() -> float:
    """Return the proportional set size of this process, its descendants and their database."""
    roots = [
        psutil.Process(),
        *(process for process in psutil.process_iter(["name"]) if is_our_database(process)),
    ]
    processes = {process.pid: process for root in roots for process in [root, *root.children(recursive=True)]}
    total = 0
    for process in processes.values():
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e9


def is_our_database(process: psutil.Process) -> bool:
    """Say whether a process is the postmaster of the plant that is being measured."""
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return bool(words) and words[0].endswith("postgres") and any("seamline-bench-" in word for word in words)


if __name__ == "__main__":
    print(run(), file=sys.stderr)

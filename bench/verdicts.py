"""From the capture of a frame to its committed verdict, beside the time that the model itself takes.

A whole plant inspects rendered parts of one station at an everyday rate. The database is looked at every
few milliseconds; a verdict's age is the time from its frame's capture to the look that first found its row,
so ages are too large rather than too small. ``model_ms`` is the model alone, one picture at a time, in the
same run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.demo import wait_for_verdict
from cluster.demo import free_port
from cluster.supervise import Supervisor
from engine.paths import Home
from engine.plant import ConsoleSection, Plant, SimulatedCamera, StationSection
from vision import pictures, registry
from vision.detect import Detector
from vision.simulate import PartRenderer

CAMERAS = 2
FRAMES_PER_S = 5.0
WARM_UP_S = 10.0
LOOK_EVERY = 0.002

NEWEST = """
SELECT serial, (extract(epoch FROM ts) * 1e6)::int8 FROM verdicts ORDER BY received DESC LIMIT 50
"""


def run(*, seconds: float = 60.0) -> dict[str, Any]:
    """Run the plant and return the ages of its verdicts, in milliseconds."""
    model_ms = time_of_model()
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder:
        supervisor = Supervisor(plant(), Home(Path(folder)).create())
        try:
            supervisor.start()
            wait_for_verdict(supervisor)
            time.sleep(WARM_UP_S)
            ages = look(supervisor.reader_dsn, seconds)
        finally:
            supervisor.stop()
    p50, p99 = (round(float(value), 1) for value in np.percentile(ages, (50, 99)))
    return {
        "p50_ms": p50,
        "p99_ms": p99,
        "model_ms": model_ms,
        "over_model_ms": round(p99 - model_ms, 1),
        "verdicts": len(ages),
    }


def plant() -> Plant:
    """Describe the station."""
    cameras = [
        SimulatedCamera(kind="simulated", name=f"camera-{index}", rate=FRAMES_PER_S, seed=index)
        for index in range(1, CAMERAS + 1)
    ]
    station = StationSection(name="weld-1", cameras=list(cameras))
    console = ConsoleSection(port=free_port())
    return Plant(name="Verdicts", shard="bench", simulated=True, stations=[station], console=console)


def time_of_model(count: int = 50) -> float:
    """Return the median time of one picture in the station's model, milliseconds."""
    detector = Detector(registry.find(registry.DEFAULT))
    image, _ = pictures.decode(pictures.encode_jpeg(PartRenderer(seed=1).render(1).image))
    assert image is not None
    fitted = detector.fit(image)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        detector.detect_fitted([fitted], 0.25)
        times.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(times), 1)


def look(dsn: str, seconds: float) -> list[float]:
    """Return the age, in milliseconds, of every verdict that comes within so many seconds."""
    ages: dict[tuple[str, int], float] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        old = set(connection.execute(NEWEST).fetchall())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rows = connection.execute(NEWEST, prepare=True).fetchall()
            now = time.time_ns() // 1000
            for serial, ts in rows:
                if (serial, ts) not in old:
                    ages.setdefault((serial, ts), (now - ts) / 1e3)
            time.sleep(LOOK_EVERY)
    return list(ages.values())

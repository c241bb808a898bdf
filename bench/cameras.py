"""64 cameras at 2 frames/s on eight stations of a whole plant, whose model sleeps instead of computing.

Everything is real but the model's arithmetic: decoding, gate, evidence on disk, log, flow, committed rows.
Each camera renders a few parts and shows them again and again, every picture with a mark of its own.
``vs_ideal`` is the share of the frames that the cameras should have taken in the measured time which were
inspected and committed; the stations run in the mode ``newest``, so what comes too late is dropped.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import openvino as ov
import psycopg

from bench.demo import pss_gb, wait_for_verdict
from bench.overhead import finding_nothing
from cluster.actors import StationActor
from cluster.demo import free_port
from cluster.supervise import Supervisor
from engine.paths import Home
from engine.plant import ConsoleSection, Plant, SimulatedCamera, StationSection
from engine.status import status
from vision import detect
from vision.simulate import PartRenderer, RenderedPart

STATIONS, CAMERAS = 8, 8
FRAMES_PER_S = 2.0
SIDE, MARK = 128, 8
"""Pixels of a picture's side, and of its mark's."""
RENDERED = 8
"""Parts that each camera renders: the cores are to inspect."""
MODEL_S = 0.010
WARM_UP_S, MEASURED_S = 15.0, 60.0

INSPECTED = "SELECT coalesce(sum(inspected), 0)::int8, coalesce(sum(dropped), 0)::int8 FROM frame_balance"


class SleepingRequest:
    """A model's request that finds nothing, after as long as a model computes."""

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures

    def infer(self, share_outputs: bool) -> None:
        """Leave the output as it is."""
        time.sleep(MODEL_S * self._pictures)


class SleepingStation(StationActor):
    """A station whose detector sleeps."""

    def __init__(self, plant_file: str, station: str, home: str) -> None:
        opened = detect.open_request

        def open_sleeping(graph: ov.Model, threads: int, pictures: int = 1) -> detect.Request:
            return finding_nothing(opened(graph, threads, pictures), SleepingRequest(pictures))

        detect.open_request = open_sleeping
        patch.object(PartRenderer, "render", rendered_once(PartRenderer.render)).start()
        super().__init__(plant_file, station, home)


def rendered_once(render: Callable[..., RenderedPart]) -> Callable[..., RenderedPart]:
    """Return what renders a camera's first few parts and shows them again, told apart by marks."""
    kept: dict[tuple[PartRenderer, int, str], RenderedPart] = {}

    def show(renderer: PartRenderer, index: int, view: str) -> RenderedPart:
        key = renderer, index % RENDERED, view
        if key not in kept:
            kept[key] = render(*key)
        image = kept[key].image.copy()
        image[:MARK, :MARK] = index % 256
        return replace(kept[key], image=image)

    return show


class SleepingPlant(Supervisor):
    """A plant of such stations."""

    station_actor = SleepingStation


def run(*, seconds: float = MEASURED_S) -> dict[str, Any]:
    """Run the plant and return what it inspected beside what its cameras should have taken."""
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder:
        supervisor = SleepingPlant(plant(), Home(Path(folder)).create())
        try:
            supervisor.start()
            wait_for_verdict(supervisor)
            time.sleep(WARM_UP_S)
            figures = measure(supervisor, seconds)
            last = status(supervisor.reader_dsn, "bench")
        finally:
            supervisor.stop()
    assert last is not None
    return figures | {"frames_unaccounted": last.frames_unaccounted, "quarantined": last.quarantined}


def plant() -> Plant:
    """Describe the stations and their cameras."""
    cameras = [
        SimulatedCamera(kind="simulated", name=f"camera-{index}", rate=FRAMES_PER_S, seed=index, size=SIDE)
        for index in range(1, CAMERAS + 1)
    ]
    stations = [
        StationSection(name=f"weld-{index}", cameras=list(cameras), mode="newest")
        for index in range(1, STATIONS + 1)
    ]
    console = ConsoleSection(port=free_port())
    return Plant(name="Many cameras", shard="bench", simulated=True, stations=stations, console=console)


def measure(supervisor: Supervisor, seconds: float) -> dict[str, Any]:
    """Count committed frames for so long."""
    with psycopg.connect(supervisor.reader_dsn, autocommit=True) as connection:
        inspected, dropped = ends(connection)
        began = time.monotonic()
        time.sleep(seconds)
        inspected_then, dropped_then = ends(connection)
        elapsed = time.monotonic() - began
    ideal = STATIONS * CAMERAS * FRAMES_PER_S
    rate = (inspected_then - inspected) / elapsed
    return {
        "vs_ideal": round(rate / ideal, 3),
        "frames_per_s": round(rate, 1),
        "ideal_per_s": ideal,
        "dropped": dropped_then - dropped,
        "pss_gb": round(pss_gb(), 3),
    }


def ends(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return how many frames were inspected and dropped so far, as committed."""
    row = connection.execute(INSPECTED).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)

"""From a camera's picture to the answer in the PLC's memory, beside the model's own time in the same run.

A whole station with the shipped detector, serials refused when they come again, evidence fsynced and
verdicts appended by a real appender; the PLC and the camera are another process, over Modbus TCP
(`bench.handshake_peer`). ``model_p99_ms`` is what the detector takes for the same parts, from resized
pictures to findings; ``over_model_p99_ms`` is the 99th percentile of the difference, part by part.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.handshake_peer import wired
from engine.paths import Home
from engine.plant import IdentitySection, Plant, StationSection, ZmqCamera, save
from engine.station import Station
from streams.log.producer import ZmqProducer
from vision import letterbox, registry
from vision.detect import Detector
from vision.records import Findings
from vision.simulate import PartRenderer

PARTS = 1000
WARM_UP = 30
SIDE = 1080
"""Pixels of a picture's side."""
PICTURES = 24
QUALITY = 92
CYCLE_S = 2.0


class TimedDetector(Detector):
    """A detector that notes how long it takes; the line has one part at a time, of one picture."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.seconds: list[float] = []

    def detect_fitted(self, pictures: Sequence[letterbox.Fitted], floor: float) -> list[Findings]:
        """Detect, and note the time."""
        begun = time.perf_counter()
        found = super().detect_fitted(pictures, floor)
        self.seconds.append(time.perf_counter() - begun)
        return found


def photographs() -> list[bytes]:
    """Return JPEGs of rendered parts."""
    renderer = PartRenderer(1, size=SIDE)
    shown = [renderer.render(number).image for number in range(PICTURES)]
    return [cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes() for image in shown]


@contextmanager
def line(root: Path, endpoint: str) -> Iterator[subprocess.Popen[str]]:
    """Run the PLC and its camera."""
    file = root / "pictures.pickle"
    file.write_bytes(pickle.dumps(photographs()))
    command = [sys.executable, "-m", "bench.handshake_peer", endpoint, str(file), str(CYCLE_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def running(plant: Plant, home: Home, detector: Detector) -> Iterator[Station]:
    """Run the appender and the station."""
    save(plant, home.root / "plant.yaml")
    command = [sys.executable, "-m", "engine.appender", str(home.root / "plant.yaml")]
    environment = {**os.environ, "SEAMLINE_HOME": str(home.root)}
    producer = ZmqProducer(home.appender, plant.shard, "weld-1")
    station = Station(plant.stations[0], plant, home, producer, detector=detector)
    stop = threading.Event()
    works = threading.Thread(target=station.run, args=(stop,), name="station")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as appender:
        works.start()
        try:
            yield station
        finally:
            stop.set()
            works.join()
            producer.flush(10.0)
            producer.close()
            appender.terminate()


def ask(process: subprocess.Popen[str], count: int) -> list[Any]:
    """Have so many parts shown and return what came back."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{count}\n")
    process.stdin.flush()
    found: list[Any] = json.loads(process.stdout.readline())
    return found


def run(*, parts: int = PARTS) -> dict[str, Any]:
    """Measure so many parts, one after another."""
    with tempfile.TemporaryDirectory(prefix="seamline-handshake-") as folder:
        root = Path(folder)
        home, endpoint = Home(root / "home").create(), f"ipc://{root}/camera.sock"
        detector = TimedDetector(registry.find(registry.DEFAULT, [home.models]), lanes=os.cpu_count() or 1)
        with line(root, endpoint) as process:
            assert process.stdout is not None
            handshake = wired(int(process.stdout.readline()), CYCLE_S)
            section = StationSection(
                name="weld-1",
                cameras=[ZmqCamera(kind="zeromq", name="camera", endpoint=endpoint)],
                handshake=handshake,
                identity=IdentitySection(serial="plc", once=True),
            )
            with running(Plant(name="bench", stations=[section]), home, detector) as station:
                ask(process, WARM_UP)
                detector.seconds.clear()
                found = ask(process, parts)
                model = detector.seconds[:parts]
            unaccounted = station.ledger.total().open
    return report(found, model) | {"frames_unaccounted": unaccounted}


def report(found: list[Any], model: list[float]) -> dict[str, Any]:
    """Return the figures."""
    whole, alone = (1000 * np.array(taken) for taken in ([seconds for *_, seconds in found], model))
    over = whole - alone
    p50, p99 = (float(np.percentile(whole, share)) for share in (50, 99))
    model_p99 = float(np.percentile(alone, 99))
    return {
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(float(whole.max()), 1),
        "model_p50_ms": round(float(np.percentile(alone, 50)), 1),
        "model_p99_ms": round(model_p99, 1),
        "p99_over_model_p99_ms": round(p99 - model_p99, 1),
        "over_model_p50_ms": round(float(np.percentile(over, 50)), 1),
        "over_model_p99_ms": round(float(np.percentile(over, 99)), 1),
        "parts": len(found),
        "time_outs": sum(code == 1 for _, code, _ in found),
        "odd_answers": sum(code > 1 for _, code, _ in found),
    }

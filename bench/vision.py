"""A station against the bare model and against Ultralytics' predict loop.

The same export in f32, the same pictures in memory, alternating rounds in one run. The station does
its whole work: decode, gate, detect, judge, evidence fsynced, verdicts appended to a real log by a
real appender. The bare model only computes, from inputs prepared beforehand, at the best of several
settings; Ultralytics is pinned to f32 and gets its pictures decoded.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov

from engine.paths import Home
from engine.plant import Plant, SimulatedCamera, StationSection, save
from engine.station import Station
from streams.log.abc import Kind
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from vision import letterbox, pictures, registry
from vision.cameras import Run
from vision.records import Frame, FrameLoss, Verdict
from vision.registry import Model
from vision.simulate import PartRenderer

PICTURES = 900
ROUNDS = 5
TRIAL, TRIALS = 80, 3
SETTINGS: tuple[dict[str, str], ...] = (
    {"PERFORMANCE_HINT": "THROUGHPUT"},
    {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": "NO"},
    {"PERFORMANCE_HINT": "LATENCY"},
)
SAME_PIXELS = 1.0
SAME_SCORE = 0.01
TRAINING_PYTHON = Path(".venv-train/bin/python")


@dataclass(frozen=True, slots=True)
class Round:
    """Pictures a second, and milliseconds of one core that each picture took (0: not known)."""

    fps: float
    cpu_ms: float = 0.0


@contextmanager
def measured(pictures: int, rounds: list[Round]) -> Iterator[None]:
    """Measure what is done inside, in this process, with so many pictures."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    rounds.append(Round(pictures / took, spent / pictures * 1e3))


@dataclass(frozen=True, slots=True)
class Bench:
    """What all sides share."""

    model: Model
    encoded: list[bytes]


class MemoryCamera:
    """Pictures that lie in memory, as fast as they are read."""

    live = False

    def __init__(self, run: Run, encoded: list[bytes]) -> None:
        self._run = run
        self._left = iter(enumerate(encoded))

    def read(self) -> Frame | None:
        """Return the next picture."""
        index, encoded = next(self._left, (0, b""))
        return self._run.frame(encoded, f"{index:06d}") if encoded else None

    def close(self) -> None:
        """Hold nothing open."""


def load_pictures(count: int) -> list[bytes]:
    """Return photographs of the data folder, or rendered parts where there is none."""
    data = os.environ.get("SEAMLINE_DATA")
    if data is None:
        renderer = PartRenderer(seed=1)
        return [pictures.encode_jpeg(renderer.render(index).image) for index in range(count)]
    files = sorted((Path(data) / "welds-pipe" / "images").glob("*.jpg"))
    return [file.read_bytes() for file in files[:: max(len(files) // count, 1)]][:count]


def blobs(bench: Bench, count: int = 64) -> np.ndarray[Any, Any]:
    """Return model inputs (n, 1, 3, side, side) prepared beforehand."""
    side = bench.model.input_size
    out = np.zeros((count, 1, 3, side, side), np.float32)
    for index in range(count):
        image, _ = pictures.decode(bench.encoded[index % len(bench.encoded)])
        if image is not None:
            letterbox.fill(letterbox.fit(image, side), out[index, 0])
    return out


class Queue:
    """The compiled model fed through OpenVINO's own queue."""

    def __init__(self, network: Any, settings: dict[str, str]) -> None:
        pinned = {**settings, "INFERENCE_PRECISION_HINT": "f32"}
        self._queue = ov.AsyncInferQueue(ov.Core().compile_model(network, "CPU", pinned), 0)

    def infer(self, inputs: np.ndarray[Any, Any], count: int) -> None:
        """Compute ``count`` inputs, over and over the same."""
        for index in range(count):
            self._queue.start_async({0: ov.Tensor(inputs[index % len(inputs)], shared_memory=True)})
        self._queue.wait_all()


class Threads:
    """A compiled model a core, each computing in a thread of ours."""

    def __init__(self, network: Any) -> None:
        settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1"}
        self._models = [ov.Core().compile_model(network, "CPU", settings) for _ in os.sched_getaffinity(0)]

    def infer(self, inputs: np.ndarray[Any, Any], count: int) -> None:
        """Compute ``count`` inputs, over and over the same."""
        turns = iter(range(count))
        threads = [
            threading.Thread(target=self._infer, args=(model, inputs, turns)) for model in self._models
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _infer(self, model: Any, inputs: np.ndarray[Any, Any], turns: Iterator[int]) -> None:
        request = model.create_infer_request()
        for index in turns:
            request.set_input_tensor(ov.Tensor(inputs[index % len(inputs)], shared_memory=True))
            request.infer()


class Bare:
    """The compiled model and nothing else, at the quickest of its settings."""

    def __init__(self, bench: Bench) -> None:
        self._count = len(bench.encoded)
        self._inputs = blobs(bench)
        network = ov.Core().read_model(bench.model.folder / "model.xml")
        sides: list[Queue | Threads] = [
            Threads(network),
            *(Queue(network, settings) for settings in SETTINGS),
        ]
        self.rounds: list[Round] = []
        rates = [max(self._rate(side, TRIAL) for _ in range(TRIALS)) for side in sides]
        self._best = sides[rates.index(max(rates))]

    def _rate(self, side: Queue | Threads, count: int) -> float:
        trial: list[Round] = []
        with measured(count, trial):
            side.infer(self._inputs, count)
        return trial[0].fps

    def round(self) -> None:
        """Compute every picture once."""
        with measured(self._count, self.rounds):
            self._best.infer(self._inputs, self._count)


class Stations:
    """A station per round, one real log for all."""

    def __init__(self, bench: Bench, root: Path) -> None:
        self._bench = bench
        self._root = root
        camera = SimulatedCamera(kind="simulated", name="memory")
        self._plant = Plant(name="bench", stations=[StationSection(name="weld-1", cameras=[camera])])
        self.home = Home(root / "home").create()
        self.captured = 0
        self.rounds: list[Round] = []
        self.verdicts: list[Verdict] = []

    @contextmanager
    def appender(self) -> Iterator[None]:
        """Run the appender process."""
        file = self._root / "plant.yaml"
        save(self._plant, file)
        environment = {**os.environ, "SEAMLINE_HOME": str(self.home.root)}
        command = [sys.executable, "-m", "engine.appender", str(file)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.terminate()

    def round(self) -> None:
        """Inspect every picture once, until the log has acknowledged every verdict."""
        home = Home(self._root / f"station-{self.captured}").create()
        link = home.models / self._bench.model.name
        link.symlink_to(self._bench.model.folder.resolve())
        producer = ZmqProducer(self.home.appender, self._plant.shard, "weld-1")
        section = self._plant.stations[0].model_copy(update={"model": self._bench.model.name})
        trail = FileLogReader(self.home.log / self._plant.shard)
        station = Station(section, self._plant, home, producer, opener=self._open, trail=trail)
        try:
            with measured(len(self._bench.encoded), self.rounds):
                station.run(threading.Event())
                if not producer.flush(60.0):
                    raise RuntimeError(f"the log did not take the verdicts: {producer.trouble}")
        finally:
            producer.close()
            trail.close()
        self.captured += station.stats().frames.captured

    def _open(self, section: object, run: Run, number: int, stop: threading.Event) -> MemoryCamera:
        return MemoryCamera(run, self._bench.encoded)

    def accounted(self) -> int:
        """Return the frames that the log accounts for, and keep its verdicts."""
        reader, position, frames = FileLogReader(self.home.log / self._plant.shard), 0, 0
        while entries := reader.read(position, 1 << 24):
            position = entries[-1].position
            for entry in entries:
                if entry.kind is Kind.VERDICT:
                    self.verdicts.append(Verdict.from_json(entry.payload))
                    frames += len(self.verdicts[-1].views)
                elif entry.kind is Kind.FRAMES:
                    loss = FrameLoss.from_json(entry.payload)
                    frames += loss.last - loss.first + 1
        reader.close()
        return frames


class Peer:
    """Ultralytics in its own environment."""

    def __init__(self, bench: Bench, root: Path) -> None:
        file = root / "pictures"
        file.write_bytes(pickle.dumps(bench.encoded))
        self._command: list[str] = [
            str(TRAINING_PYTHON),
            "-m",
            "bench.vision_peer",
            str(bench.model.folder),
            str(file),
        ]
        environment = {**os.environ, "YOLO_CONFIG_DIR": str(root), "YOLO_OFFLINE": "true"}
        self._process = subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.rounds: list[Round] = []
        self.answers: list[list[list[float]]] = json.loads(self._line(b"ready "))

    def _line(self, start: bytes) -> bytes:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line.removeprefix(start)
        raise RuntimeError(f"Ultralytics ended early; run it by hand: {' '.join(self._command)}")

    def round(self) -> None:
        """Predict every picture once."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        told = json.loads(self._line(b"{").join([b"{", b""]))
        self.rounds.append(Round(told["pictures"] / told["seconds"]))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def same_answer(verdict: Verdict, rows: list[list[float]], classes: tuple[str, ...]) -> bool:
    """Say whether both sides found the same in a picture."""
    ours = sorted((item.label, (*item.box, item.score)) for item in verdict.views[0].findings)
    theirs = sorted((classes[int(row[5])], tuple(row[:5])) for row in rows)
    tolerance = np.array([SAME_PIXELS] * 4 + [SAME_SCORE])
    return [label for label, _ in ours] == [label for label, _ in theirs] and all(
        bool(np.all(np.abs(np.subtract(left, right)) <= tolerance))
        for (_, left), (_, right) in zip(ours, theirs, strict=True)
    )


def run(model: Model | None = None, count: int = PICTURES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Run the rounds and return rates, ratios and how many frames are unaccounted for."""
    bench = Bench(model or registry.find("weld-pipe"), load_pictures(count))
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seamline-")))
        bare, stations = Bare(bench), Stations(bench, root)
        stack.enter_context(stations.appender())
        peer = Peer(bench, root) if TRAINING_PYTHON.exists() else None
        if peer:
            stack.callback(peer.close)
        stations.round()
        stations.rounds.clear()
        sides: list[Bare | Stations | Peer] = [bare, stations, *([peer] if peer else [])]
        for _ in range(rounds):
            for side in sides:
                side.round()
        return report(bench, bare, stations, peer)


def median(rounds: list[Round], figure: Literal["fps", "cpu_ms"]) -> float:
    """Return the median of a figure over rounds."""
    middle: float = statistics.median(getattr(item, figure) for item in rounds)
    return round(middle, 2)


def ratio(ours: list[Round], theirs: list[Round]) -> float:
    """Return how many times as fast we are, the median over pairs of neighbouring rounds."""
    return round(statistics.median(left.fps / right.fps for left, right in zip(ours, theirs, strict=True)), 3)


def report(bench: Bench, bare: Bare, stations: Stations, peer: Peer | None) -> dict[str, Any]:
    """Return the figures: medians of the rounds, ratios round by round."""
    accounted = stations.accounted()
    figures: dict[str, Any] = {
        "fps": median(stations.rounds, "fps"),
        "bare_fps": median(bare.rounds, "fps"),
        "vs_bare": ratio(stations.rounds, bare.rounds),
        "cpu_ms": median(stations.rounds, "cpu_ms"),
        "bare_cpu_ms": median(bare.rounds, "cpu_ms"),
        "frames_unaccounted": stations.captured - accounted,
        "frames": stations.captured,
        "pictures": len(bench.encoded),
        "ultralytics_fps": None,
        "vs_ultralytics": None,
        "same_answers": None,
    }
    if peer:
        figures["ultralytics_fps"] = median(peer.rounds, "fps")
        figures["vs_ultralytics"] = ratio(stations.rounds, peer.rounds)
        same = [
            same_answer(verdict, peer.answers[int(verdict.serial)], bench.model.classes)
            for verdict in stations.verdicts
        ]
        figures["same_answers"] = round(sum(same) / len(same), 4)
    return figures

"""A station against the bare model and against Ultralytics' predict loop.

The same export in f32, the same encoded pictures, alternating rounds in one run. The station does its whole
work: decode, gate, detect, judge, evidence fsynced, verdicts appended to a real log by a real appender. The
bare model only computes, from inputs prepared beforehand: in OpenVINO's throughput mode, one picture a
request as it was exported (``vs_bare``); the quickest way that is known here, which is none of OpenVINO's own
modes (``vs_bare_quickest``); and several pictures a request, as the station does it. Ultralytics is
pinned to f32 and reads the same files. Beside them run both as they ship (``vs_ultralytics_shipped``):
the station with the model's INT8 export, which is the default of a plant, and Ultralytics with nothing
pinned, so that OpenVINO may round its FP16 export to bf16 where the processor can. In FP16
(``int8_vs_ultralytics_fp16``) the same export is computed with nothing rounded more coarsely than it says: in
FP16 itself, where the processor has it, or in single precision, whichever is quicker.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from bench.vision_rounds import Bench, Round, measured, median, ratio
from bench.vision_ultralytics import TRAINING_PYTHON, Peer, same_answers
from engine.paths import Home
from engine.plant import Plant, SimulatedCamera, StationSection, save
from engine.station import Station
from streams.log.abc import Kind
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from vision import letterbox, pictures, registry
from vision.cameras import Run
from vision.detect import TOGETHER
from vision.records import Frame, FrameLoss, Verdict
from vision.registry import Model
from vision.simulate import PartRenderer

PICTURES = 900
ROUNDS = 5
TRIAL, TRIALS = 80, 3
THROUGHPUT: tuple[dict[str, str], ...] = (
    {"PERFORMANCE_HINT": "THROUGHPUT"},
    {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": "NO"},
)
LATENCY = {"PERFORMANCE_HINT": "LATENCY"}


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
    """A compiled model a core, each computing in a thread of ours, so many pictures a request."""

    def __init__(self, network: Any, together: int = 1) -> None:
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": "1",
            "ENABLE_CPU_PINNING": "NO",
        }
        self._together = together
        network.reshape([together, *list(network.input().shape)[1:]])
        self._models = [ov.Core().compile_model(network, "CPU", settings) for _ in os.sched_getaffinity(0)]

    def infer(self, inputs: np.ndarray[Any, Any], count: int) -> None:
        """Compute ``count`` inputs, over and over the same."""
        turns = iter(range(count // self._together))
        threads = [
            threading.Thread(target=self._infer, args=(model, inputs, turns)) for model in self._models
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _infer(self, model: Any, inputs: np.ndarray[Any, Any], turns: Iterator[int]) -> None:
        request, size = model.create_infer_request(), self._together
        groups = inputs.reshape(-1, size, *inputs.shape[2:])
        for index in turns:
            request.set_input_tensor(ov.Tensor(groups[index % len(groups)], shared_memory=True))
            request.infer()


class Bare:
    """The compiled model and nothing else, in the quickest of several ways.

    Parameters
    ----------
    inputs
        What it computes, as `blobs` prepares it.
    settings
        Of queues of OpenVINO's own.
    together
        Pictures a request of a compiled model a core, in threads of ours; 0: not so.
    """

    def __init__(
        self,
        bench: Bench,
        inputs: np.ndarray[Any, Any],
        settings: Sequence[dict[str, str]] = (),
        together: int = 0,
    ) -> None:
        self._count = len(bench.encoded)
        self._inputs = inputs
        network = ov.Core().read_model(bench.model.folder / "model.xml")
        sides: list[Queue | Threads] = [Queue(network, one) for one in settings]
        if together:
            sides.append(Threads(network, together))
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
        if troubles := station.stats().troubles:
            raise RuntimeError(f"the station did not do its work: {' '.join(troubles.values())}")
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


@dataclass(frozen=True, slots=True)
class Sides:
    """All that takes turns."""

    bare: Bare
    quickest: Bare
    together: Bare
    """The bare model with as many pictures a request as a station gives it."""
    stations: Stations
    int8: Stations | None
    """The same station with the model's INT8 export, where one ships."""
    peer: Peer | None
    shipped: Peer | None
    """Ultralytics as it comes, without a pin."""
    half: Peer | None
    """Ultralytics pinned to FP16, where this processor has it."""

    def round(self) -> None:
        """Have every side look at every picture once."""
        ours = self.bare, self.stations, self.quickest, self.together
        for side in (*ours, self.peer, self.int8, self.shipped, self.half):
            if side:
                side.round()


def run(model: Model | None = None, count: int = PICTURES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Run the rounds and return rates, ratios and how many frames are unaccounted for."""
    bench = Bench(model or registry.find("weld-pipe"), load_pictures(count))
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seamline-")))
        stations, int8 = stack.enter_context(stations_of(bench, root / "f32")), None
        if (registry.SHIPPED / f"{bench.model.name}-int8").is_dir():
            quantised = Bench(registry.find(f"{bench.model.name}-int8"), bench.encoded)
            int8 = stack.enter_context(stations_of(quantised, root / "int8"))
        sides = Sides(*bare_sides(bench), stations, int8, *stack.enter_context(peers_of(bench, root)))
        for _ in range(rounds):
            sides.round()
        return report(bench, sides)


def bare_sides(bench: Bench) -> tuple[Bare, Bare, Bare]:
    """Return the bare model in throughput mode, in its quickest way, and with several pictures a request."""
    inputs = blobs(bench)
    return (
        Bare(bench, inputs, THROUGHPUT),
        Bare(bench, inputs, (*THROUGHPUT, LATENCY), together=1),
        Bare(bench, inputs, together=TOGETHER),
    )


@contextmanager
def peers_of(bench: Bench, root: Path) -> Iterator[tuple[Peer | None, Peer | None, Peer | None]]:
    """Give Ultralytics in f32, as it ships and in FP16; None each where it, or the last, is not there."""
    if not TRAINING_PYTHON.exists():
        yield None, None, None
        return
    with ExitStack() as stack:
        peer, shipped, half = (
            stack.enter_context(closing(Peer(bench, root, pin))) for pin in ("f32", "shipped", "f16")
        )
        yield peer, shipped, half if half.computes == "f16" else None


@contextmanager
def stations_of(bench: Bench, root: Path) -> Iterator[Stations]:
    """Give stations with a log of their own, warm after one round that does not count."""
    root.mkdir()
    stations = Stations(bench, root)
    with stations.appender():
        stations.round()
        stations.rounds.clear()
        yield stations


def report(bench: Bench, sides: Sides) -> dict[str, Any]:
    """Return the figures: medians of the rounds, ratios round by round."""
    stations, bare = sides.stations, sides.bare
    accounted = stations.accounted()
    figures: dict[str, Any] = {
        "fps": median(stations.rounds, "fps"),
        "bare_fps": median(bare.rounds, "fps"),
        "vs_bare": ratio(stations.rounds, bare.rounds),
        "bare_quickest_fps": median(sides.quickest.rounds, "fps"),
        "vs_bare_quickest": ratio(stations.rounds, sides.quickest.rounds),
        "vs_bare_together": ratio(stations.rounds, sides.together.rounds),
        "cpu_ms": median(stations.rounds, "cpu_ms"),
        "bare_cpu_ms": median(bare.rounds, "cpu_ms"),
        "frames_unaccounted": stations.captured - accounted,
        "frames": stations.captured,
        "pictures": len(bench.encoded),
    }
    return figures | beside_ultralytics(bench, sides)


def beside_ultralytics(bench: Bench, sides: Sides) -> dict[str, Any]:
    """Return rates and ratios against Ultralytics; None where it, or an INT8 export, is not there."""
    stations, verdicts = sides.stations.rounds, sides.stations.verdicts
    int8, peer, shipped, half = sides.int8, sides.peer, sides.shipped, sides.half
    fine = max(filter(None, (peer, half)), key=lambda side: median(side.rounds, "fps"), default=None)
    return {
        "int8_fps": median(int8.rounds, "fps") if int8 else None,
        "ultralytics_fps": median(peer.rounds, "fps") if peer else None,
        "ultralytics_shipped_fps": median(shipped.rounds, "fps") if shipped else None,
        "ultralytics_shipped_computes": shipped.computes if shipped else None,
        "ultralytics_fp16_fps": median(half.rounds, "fps") if half else None,
        "vs_ultralytics": ratio(stations, peer.rounds) if peer else None,
        "vs_ultralytics_shipped": ratio(int8.rounds, shipped.rounds) if int8 and shipped else None,
        "f32_vs_ultralytics_shipped": ratio(stations, shipped.rounds) if shipped else None,
        "int8_vs_ultralytics_fp16": ratio(int8.rounds, fine.rounds) if int8 and fine else None,
        "same_answers": same_answers(bench, verdicts, peer.answers) if peer else None,
        "same_answers_shipped": same_answers(bench, verdicts, shipped.answers) if shipped else None,
    }

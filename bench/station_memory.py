"""Memory of a station through 100,000 frames: pictures, model, evidence, verdicts into a real log.

    python -m bench memory station [--frames N] [--model NAME] [--json]

Everything that a station keeps is real: decoded pictures, the model, packs of evidence with their index,
the ledger, the tally, a log with its appender. ``pss_mb`` is the most that the station's process ever
needed: the few pictures of this benchmark are in it, and its share of every file that it maps. That share
falls and rises with what else runs on the machine, so growth is told of the memory that is the process's
own: ``own_mb`` is the most of it, ``tenths_mb`` how much it was at the end of each tenth of the frames.
``growth_mb`` is what a line through all samples behind the first fifth of the frames rises by until the
last frame, ``growth_kb_per_10000`` its slope. Two things fill up at the beginning and then stay: the 10,000
serials that a station remembers, and the 2 MB of its evidence's index that SQLite keeps in memory, full
after 31,000 pictures. ``--model tiny`` lets the network of the tests, a few operations, take the model's
place: decoding, gate, evidence, log and ledger stay as they are, and 100,000 frames pass in minutes.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.vision import MemoryCamera, Stations
from bench.vision_rounds import Bench
from engine.approvals.testing import vouch
from engine.paths import Home
from vision import pictures, registry
from vision.cameras import Run
from vision.records import Frame
from vision.registry import Model
from vision.simulate import PartRenderer
from vision.testing import write_model

FRAMES = 100_000
DISTINCT, SIDE = 64, 128
"""Rendered pictures that are shown again and again, and pixels of their side: small, so that disks last."""
SAMPLE_S = 1.0
WARM_UP = 0.2
TINY = "tiny"
SMAPS = Path("/proc/self/smaps_rollup")


class EndlessCamera(MemoryCamera):
    """The same pictures again and again, the bytes of each of them new."""

    def __init__(self, run: Run, encoded: list[bytes], frames: int) -> None:
        super().__init__(run, encoded)
        self._encoded = encoded
        self._numbers = iter(range(frames))

    def read(self) -> Frame | None:
        """Return the next picture; its number stands behind its end, where no decoder looks."""
        number = next(self._numbers, None)
        if number is None:
            return None
        encoded = self._encoded[number % len(self._encoded)] + number.to_bytes(8, "big")
        return self._run.frame(encoded, f"{number:06d}")


class LongStation(Stations):
    """A station with such a camera."""

    frames = FRAMES
    run: Run | None = None

    @property
    def seen(self) -> int:
        """Return how many frames its camera gave so far."""
        return self.run.sequence if self.run else 0

    def _open(self, section: object, run: Run, number: int, stop: threading.Event) -> EndlessCamera:
        self.run = run
        return EndlessCamera(run, self._bench.encoded, self.frames)


class Sample(NamedTuple):
    """What this process needed after so many frames, bytes."""

    frames: int
    pss: int
    own: int
    """Memory behind which stands no file."""


def sample(frames: int) -> Sample:
    """Take a sample."""
    lines = (line.split() for line in SMAPS.read_text().splitlines()[1:])
    sizes = {name: int(size) << 10 for name, size, _ in lines}
    return Sample(frames, sizes["Pss:"], sizes["Anonymous:"])


@dataclass(slots=True)
class Samples:
    """Samples taken by a thread of its own."""

    station: LongStation
    taken: list[Sample] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Sample until told to stop, at the end once more."""
        last = False
        while not last:
            last = self.stop.wait(SAMPLE_S)
            self.taken.append(sample(self.station.seen))


def figures(taken: list[Sample]) -> dict[str, Any]:
    """Return the most, the tenths, and the growth behind the warm-up."""
    frames, pss, own = np.array(taken, np.float64).T
    settled = frames >= WARM_UP * frames[-1]
    slope = float(np.polyfit(frames[settled], own[settled], 1)[0])
    ends = np.searchsorted(frames, frames[-1] * np.arange(1, 11) / 10)
    return {
        "pss_mb": round(float(pss.max()) / 1e6, 1),
        "own_mb": round(float(own.max()) / 1e6, 1),
        "tenths_mb": [round(size / 1e6, 1) for size in own[ends].tolist()],
        "growth_mb": round(slope * float(frames[-1] - frames[settled][0]) / 1e6, 2),
        "growth_kb_per_10000": round(slope * 10_000 / 1e3, 1),
    }


def tiny(root: Path) -> Model:
    """Write the network that stands in for a model, and sign it where the first station will look."""
    model = write_model(root)
    vouch(Home(root / "station-0").create(), model)
    return model


def run(*, frames: int = FRAMES, model: str = "weld-pipe") -> dict[str, Any]:
    """Let one station inspect so many frames and return what its memory did."""
    renderer = PartRenderer(seed=1, size=SIDE)
    encoded = [pictures.encode_jpeg(renderer.render(index).image) for index in range(DISTINCT)]
    with tempfile.TemporaryDirectory(prefix="seamline-") as folder:
        root = Path(folder)
        judging = tiny(root) if model == TINY else registry.find(model)
        station = LongStation(Bench(judging, encoded), root)
        station.frames = frames
        samples = Samples(station)
        sampling = threading.Thread(target=samples.run, name="samples")
        with station.appender():
            sampling.start()
            began = time.monotonic()
            try:
                station.round()
            finally:
                samples.stop.set()
                sampling.join()
            seconds = time.monotonic() - began
        unaccounted = station.captured - station.accounted()
    return figures(samples.taken) | {
        "model": model,
        "frames": station.captured,
        "frames_per_s": round(station.captured / seconds, 1),
        "frames_unaccounted": unaccounted,
        "verdicts": Counter(verdict.outcome.value for verdict in station.verdicts),
    }

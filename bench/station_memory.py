"""Memory of a station through 100,000 frames: pictures, model, evidence, verdicts into a real log.

``growth_mb`` is what a line through all samples behind the first tenth rises by until the last frame;
``pss_mb`` the most that the station's process ever needed, this benchmark's few pictures included.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.vision import MemoryCamera, Stations
from bench.vision_rounds import Bench
from vision import pictures, registry
from vision.cameras import Run
from vision.records import Frame
from vision.simulate import PartRenderer

FRAMES = 100_000
DISTINCT, SIDE = 64, 128
"""Rendered pictures that are shown again and again, and pixels of their side: small, so that disks last."""
SAMPLE_S = 1.0
WARM_UP = 0.1


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

    def _open(self, section: object, run: Run, number: int, stop: threading.Event) -> EndlessCamera:
        return EndlessCamera(run, self._bench.encoded, self.frames)


@dataclass(slots=True)
class Samples:
    """Seconds and bytes, taken by a thread of its own."""

    taken: list[tuple[float, int]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Sample until told to stop."""
        process = psutil.Process()
        while not self.stop.wait(SAMPLE_S):
            self.taken.append((time.monotonic(), process.memory_full_info().pss))

    def figures(self) -> dict[str, float]:
        """Return the most, and the growth behind the warm-up."""
        moments, sizes = np.array(self.taken, np.float64).T
        settled = moments >= moments[0] + WARM_UP * (moments[-1] - moments[0])
        slope = np.polyfit(moments[settled], sizes[settled], 1)[0]
        growth = slope * (moments[-1] - moments[settled][0])
        return {"pss_mb": round(float(sizes.max()) / 1e6, 1), "growth_mb": round(float(growth) / 1e6, 2)}


def run(*, frames: int = FRAMES) -> dict[str, Any]:
    """Let one station inspect so many frames and return what its memory did."""
    renderer = PartRenderer(seed=1, size=SIDE)
    encoded = [pictures.encode_jpeg(renderer.render(index).image) for index in range(DISTINCT)]
    samples = Samples()
    sampling = threading.Thread(target=samples.run)
    with tempfile.TemporaryDirectory(prefix="seamline-") as root:
        station = LongStation(Bench(registry.find("weld-pipe"), encoded), Path(root))
        station.frames = frames
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
    return samples.figures() | {
        "frames": station.captured,
        "frames_per_s": round(station.captured / seconds, 1),
        "frames_unaccounted": unaccounted,
    }

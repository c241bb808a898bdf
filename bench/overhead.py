"""What a station spends on a 1080p frame besides model, codec, quality gate and evidence.

A whole station inspects rendered parts of 1920 x 1080 pixels; its model answers at once. From the
processor time of the process those four are taken away, each measured by the thread that does it;
what is left is everything else: cameras, assembly, scaling, judging, ledger, log.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import cv2
import openvino as ov

from bench.vision import Stations
from bench.vision_rounds import Bench
from vision import detect, pictures, quality, registry
from vision.evidence import EvidenceStore
from vision.simulate import PartRenderer

WIDTH, HEIGHT = 1920, 1080
DISTINCT, FRAMES, ROUNDS = 20, 300, 5
NOTHING = -99.0
"""A score, or the logit of one, of what there is not."""

T = TypeVar("T")
Spent = defaultdict[str, float]


class Absent:
    """A model's request that finds nothing, at once."""

    def infer(self, share_outputs: bool) -> None:
        """Leave the output as it is."""


def encoded() -> list[bytes]:
    """Return frames of distinct bytes."""
    renderer = PartRenderer(seed=1)
    rendered = [
        pictures.encode_jpeg(cv2.resize(renderer.render(index).image, (WIDTH, HEIGHT)))
        for index in range(DISTINCT)
    ]
    return [rendered[number % DISTINCT] + number.to_bytes(8, "big") for number in range(FRAMES)]


def timed(spent: Spent, name: str, call: Callable[..., T]) -> Callable[..., T]:
    """Return a function that adds the processor time of its thread to ``spent``."""

    def timing(*args: Any) -> T:
        began = time.thread_time()
        try:
            return call(*args)
        finally:
            spent[name] += time.thread_time() - began

    return timing


def finding_nothing(request: detect.Request, computes: Any) -> detect.Request:
    """Return a request in whose network's place something stands that leaves the answer as it is."""
    for answer in request.answers:
        answer[:] = NOTHING
    return replace(request, compiled=computes)


@contextmanager
def taken_apart(spent: Spent) -> Iterator[None]:
    """Let the model answer at once and time the other three."""
    opened = detect.open_request

    def without_model(graph: ov.Model, threads: int, pictures: int = 1) -> detect.Request:
        return finding_nothing(opened(graph, threads, pictures), Absent())

    keep = EvidenceStore.keep
    with (
        patch.object(detect, "open_request", without_model),
        patch.object(pictures, "decode", timed(spent, "codec", pictures.decode)),
        patch.object(quality, "measure", timed(spent, "gate", quality.measure)),
        patch.object(EvidenceStore, "keep", timed(spent, "evidence", keep)),
    ):
        yield


def run(*, rounds: int = ROUNDS) -> dict[str, Any]:
    """Run the station so many times and return the medians in milliseconds of one core, a frame."""
    taken: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="seamline-") as root:
        stations = Stations(Bench(registry.find("weld-pipe"), encoded()), Path(root))
        with stations.appender():
            for _ in range(rounds):
                spent: Spent = defaultdict(float)
                with taken_apart(spent):
                    stations.round()
                each = {name: seconds / FRAMES * 1e3 for name, seconds in spent.items()}
                taken.append(each | {"overhead": stations.rounds[-1].cpu_ms - sum(each.values())})
    return {f"{name}_ms": round(statistics.median(item[name] for item in taken), 3) for name in taken[0]}

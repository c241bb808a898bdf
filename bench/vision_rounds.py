"""Rounds of `bench.vision`: what all sides share, and how their rates are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from vision.registry import Model


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


def median(rounds: list[Round], figure: Literal["fps", "cpu_ms"]) -> float:
    """Return the median of a figure over rounds."""
    middle: float = statistics.median(getattr(item, figure) for item in rounds)
    return round(middle, 2)


def ratio(ours: list[Round], theirs: list[Round]) -> float:
    """Return how many times as fast we are, the median over pairs of neighbouring rounds."""
    return round(statistics.median(left.fps / right.fps for left, right in zip(ours, theirs, strict=True)), 3)

"""What a machine tells of its course: words when something changes, samples at an even pace."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from streams.clock import MINUTE, SECOND
from streams.records import NULL, Float64, Int64, Readings, Text
from streams.simulate.bearing import measured
from streams.simulate.course import Phase, phases
from streams.simulate.model import ACTIVE, AUXILIARY, NORMAL, STOPPED, UNAVAILABLE, Model

Pair = tuple[str, str | float]
Saying = tuple[int, tuple[Pair, ...]]
"""What is told at one time, microseconds: tags with their new texts or numbers."""

SAMPLE_S = 5.0
SAMPLES_PER_REAL_SECOND = 12.0
AMBIENT = 24.0
WARMS = 8 * MINUTE
"""Time constant of what gets warm by running."""


def sampling(speed: float) -> int:
    """Return microseconds between two samples: `SAMPLE_S`, more where that would be too many a second."""
    return int(max(SAMPLE_S, speed / SAMPLES_PER_REAL_SECOND) * SECOND)


def sayings(model: Model, seed: int, start: int, sample: int) -> Iterator[Saying]:
    """Yield everything that a machine tells from ``start`` on, in the order of time.

    The noise of the samples has a generator of its own: the course is the same at any pace of samples.
    """
    voice = _Voice(model, np.random.default_rng((seed, zlib.crc32(model.name.encode()), 1)), sample, start)
    for phase in phases(model, seed, start):
        yield from voice.words(phase)
        if phase.state != "no_data":
            yield from voice.samples(phase)


def readings(model: Model, seed: int, start: int, sample: int, span: int) -> Iterator[Readings]:
    """Yield the same as batches of ``span`` microseconds."""
    told = sayings(model, seed, start, sample)
    for _, some in groupby(told, key=lambda saying: saying[0] // span):
        rows = [(ts, *pair) for ts, pairs in some for pair in pairs]
        ts, tag, said = zip(*rows, strict=True)
        yield _batch(model.name, np.array(ts, dtype=np.int64), list(tag), list(said))


def _batch(machine: str, ts: Int64, tag: list[str], said: list[str | float]) -> Readings:
    size = len(ts)
    return Readings(
        machine=Text.constant(machine, size),
        tag=Text.of(tag),
        ts=ts,
        value=np.array([np.nan if isinstance(item, str) else item for item in said]),
        text=Text.of([item if isinstance(item, str) else None for item in said]),
        quality=np.zeros(size, dtype=np.int16),
        source_ts=np.full(size, NULL, dtype=np.int64),
    )


@dataclass(slots=True)
class _Voice:
    """What was said last, and the temperature of what runs."""

    model: Model
    rng: np.random.Generator
    sample: int
    next: int
    """When the next sample is due."""
    said: dict[str, str] | None = None
    broken: bool = False
    """Whether the last phase ended in the middle of a part."""
    warmth: float = 0.5
    """0 at rest, 1 after running for long."""

    def words(self, phase: Phase) -> Iterator[Saying]:
        """Tell what is new in a phase; a part that is broken off is told by the word `STOPPED` first."""
        if self.broken and not phase.part:
            yield phase.start, (("execution", STOPPED),)
        self.broken = bool(phase.part) and not phase.done
        known, now = self.said or {}, _state(phase)
        self.said = now
        if new := tuple((tag, text) for tag, text in now.items() if known.get(tag) != text):
            yield phase.start, new

    def samples(self, phase: Phase) -> Iterator[Saying]:
        """Tell the numbers of a phase."""
        self.next += max(0, -((self.next - phase.start) // self.sample)) * self.sample
        ts = np.arange(self.next, phase.end, self.sample, dtype=np.int64)
        tags = [*(channel.name for channel in self.model.channels), self.model.body[0], "tool_wear"]
        numbers = np.column_stack(
            [self._process(phase, ts), self._body(phase, ts), _wear(self.model, phase, ts)]
        )
        watched = measured(self.rng, phase.life, ts)
        auxiliary = [f"{self.model.auxiliary}_{name}" for name, _ in AUXILIARY]
        for moment, row, more in zip(ts.tolist(), numbers.tolist(), watched.tolist(), strict=True):
            turning = moment < phase.life.trip
            pairs = zip(tags + auxiliary, row + more, strict=True) if turning else zip(tags, row, strict=True)
            yield moment, tuple(pairs)
        self.next += len(ts) * self.sample

    def _process(self, phase: Phase, ts: Int64) -> Float64:
        channels = self.model.channels
        if phase.word != ACTIVE:
            return np.zeros((len(ts), len(channels)))
        worn = _wear(self.model, phase, ts) / 100
        gain = 1 + np.outer(worn, [channel.wear for channel in channels])
        noise = 1 + self.rng.normal(size=gain.shape) * [channel.noise for channel in channels]
        level: Float64 = np.array(phase.program.levels) * gain * noise
        return level

    def _body(self, phase: Phase, ts: Int64) -> Float64:
        goal = 1.0 if phase.word == ACTIVE else 0.0
        warmth = goal + (self.warmth - goal) * np.exp(-(ts - phase.start) / WARMS)
        self.warmth = goal + (self.warmth - goal) * float(np.exp(-(phase.end - phase.start) / WARMS))
        degrees: Float64 = AMBIENT + self.model.body[1] * warmth + self.rng.normal(0, 0.1, len(ts))
        return degrees


def _state(phase: Phase) -> dict[str, str]:
    """Return the texts that hold during a phase."""
    if phase.state == "no_data":
        return {"avail": UNAVAILABLE, "execution": UNAVAILABLE}
    return {
        "avail": "AVAILABLE",
        "program": phase.program.name,
        "mode": "MANUAL" if phase.state == "setup" else "AUTOMATIC",
        "system_cond": phase.text or NORMAL,
        "execution": phase.word,
    }


def _wear(model: Model, phase: Phase, ts: Int64) -> Float64:
    """Return how worn the tool is, per cent."""
    cut = (ts - phase.start) / (model.tool.life_min * MINUTE) if phase.word == ACTIVE else np.zeros(len(ts))
    worn: Float64 = 100 * np.minimum(phase.wear + cut, 1.0)
    return worn

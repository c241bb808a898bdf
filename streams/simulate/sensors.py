"""Sensor readings for a load test: any number of tags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from streams.clock import SECOND
from streams.records import NULL, Float64, Int64, Readings, Text

LOAD_TAGS_PER_MACHINE = 100


def load_tags(tags: int = 2000) -> list[tuple[str, str]]:
    """Return (machine, tag) of every tag that `sensors` speaks of, a hundred to a machine."""
    places = (divmod(number, LOAD_TAGS_PER_MACHINE) for number in range(tags))
    return [(f"load-{machine + 1:03d}", f"t{tag:03d}") for machine, tag in places]


def sensors(start: int, tags: int = 2000, hz: float = 1.0, seed: int = 1) -> Iterator[Readings]:
    """Yield endless batches for a load test, each with one reading of every tag of `load_tags`."""
    rng = np.random.default_rng(seed)
    machine, tag = zip(*load_tags(tags), strict=True)
    names, labels = Text.of(machine), Text.of(tag)
    level, swing, phase = (
        rng.uniform(10, 100, tags),
        rng.uniform(0.5, 5, tags),
        rng.uniform(0, 2 * np.pi, tags),
    )
    step = int(SECOND / hz)
    for number in count():
        values = level + swing * np.sin(phase + number * 0.01) + rng.normal(0, 0.1, tags)
        yield _readings(names, labels, np.full(tags, start + number * step, dtype=np.int64), values)


def _readings(machine: Text, tag: Text, ts: Int64, value: Float64) -> Readings:
    size = len(ts)
    return Readings(
        machine=machine,
        tag=tag,
        ts=ts,
        value=value,
        text=Text.constant(None, size),
        quality=np.zeros(size, dtype=np.int16),
        source_ts=np.full(size, NULL, dtype=np.int64),
    )

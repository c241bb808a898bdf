"""Sensor readings: a pump whose bearing wears out, and any number of tags for a load test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from streams.clock import HOUR, SECOND
from streams.records import NULL, Float64, Int64, Readings, Text

PUMP_NAME = "pump-1"
LOAD_TAGS_PER_MACHINE = 100


@dataclass(frozen=True, slots=True)
class Sensor:
    """A quantity of the pump: its level, its noise, and how much of the level a worn bearing adds."""

    name: str
    level: float
    noise: float
    wear: float


PUMP = (
    Sensor("Accelerometer1RMS", 0.027, 0.0004, 3.0),
    Sensor("Accelerometer2RMS", 0.040, 0.0007, 2.2),
    Sensor("Current", 1.2, 0.2, 0.35),
    Sensor("Pressure", 0.38, 0.12, -0.3),
    Sensor("Temperature", 71.0, 0.3, 0.22),
    Sensor("Thermocouple", 25.0, 0.05, 0.30),
    Sensor("Voltage", 229.0, 8.0, 0.0),
    Sensor("FlowRate", 32.0, 0.3, -0.15),
)


def sensor_tags() -> list[tuple[str, bool]]:
    """Return name and whether numeric of every tag of the pump."""
    return [(sensor.name, True) for sensor in PUMP]


def wear(ts: Int64, start: int, life: int) -> Float64:
    """Return how worn the bearing is, 0 (new) to 1 (worn out: it is replaced at once)."""
    age = ((ts - start) % life) / life
    return np.asarray(age**4, dtype=np.float64)


def pump_batches(
    start: int, seed: int = 1, *, machine: str = PUMP_NAME, life_h: float = 24.0, per_batch: int = 1
) -> Iterator[Readings]:
    """Yield the pump's endless readings, every sensor once a second.

    Parameters
    ----------
    start
        Plant time of the first reading, microseconds UTC: the bearing is new.
    seed
        Another seed, another noise.
    life_h
        Hours until the bearing is worn out.
    per_batch
        Seconds of readings in one batch.
    """
    rng = np.random.default_rng(seed)
    level, noise, gain = (
        np.array(column) for column in zip(*((s.level, s.noise, s.wear) for s in PUMP), strict=True)
    )
    tags = Text(tuple(s.name for s in PUMP), np.tile(np.arange(len(PUMP), dtype=np.int32), per_batch))
    names = Text.constant(machine, len(tags))
    ts = start + np.arange(per_batch, dtype=np.int64) * SECOND
    while True:
        worn = wear(ts, start, int(life_h * HOUR))[:, None]
        values = level * (1 + gain * worn) + noise * rng.normal(size=(per_batch, len(PUMP)))
        yield _readings(names, tags, np.repeat(ts, len(PUMP)), values.ravel())
        ts = ts + per_batch * SECOND


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

"""Admission of waveforms: known sensors, numbers that can be; the rest goes to quarantine with a reason."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from streams.catalog import Catalog, Sensor
from streams.clock import DAY
from streams.operators import quarantine
from streams.records import NULL, Int32, Rejects, Rows, Text
from streams.waveforms import SAMPLES_LIMIT, SampledRows, Waveforms

SLOWEST, FASTEST = 0.001, 10e6
"""Samples in a second that some sensor can take."""
WORD_LIMIT = 64
"""Letters of a word that are kept of what was refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Waveforms of one log entry, with its stamp and producer."""

    waveforms: Waveforms
    received: int
    producer: str


class AdmitWaveforms:
    """Take waveforms of known sensors, their time within ``span`` of their receipt, their numbers possible.

    A sample at full scale or beyond it is clipped; how many are is noted, and refuses nothing. A unit
    that is left out is the sensor's own; another one is refused, for nobody would see the difference.
    """

    name = "admit_waveforms"
    version = 1

    def __init__(self, catalog: Catalog, span: int = DAY) -> None:
        self._sensors = {
            (machine.name, sensor.name): sensor for machine in catalog.machines for sensor in machine.sensors
        }
        self._span = span

    def update(self, batch: Recorded) -> tuple[Rows, ...]:
        """Return rows of ``waveforms`` and ``quarantine``."""
        reasons = [self._reason(batch, row) for row in range(len(batch.waveforms))]
        good = np.array([not reason for reason in reasons], dtype=np.bool_)
        rows: list[Rows] = []
        if good.any():
            rows.append(self._landed(batch.waveforms[good], batch.received))
        if not good.all():
            rejects = _rejects(batch.waveforms[~good], [reason for reason in reasons if reason])
            rows.append(quarantine.rejected(rejects, batch.received, batch.producer))
        return tuple(rows)

    def snapshot(self) -> bytes:
        """Return nothing: each entry is judged by itself."""
        return b""

    def restore(self, state: bytes) -> None:
        """Accept the empty state."""

    def _sensor(self, found: Waveforms, row: int) -> Sensor | None:
        machine, sensor = (_word(column, row) for column in (found.machine, found.sensor))
        return self._sensors.get((machine, sensor))

    def _reason(self, batch: Recorded, row: int) -> str:
        """Return why a waveform is refused, empty where it is not."""
        found = batch.waveforms
        if (sensor := self._sensor(found, row)) is None:
            return "unknown_sensor"
        wrong = {
            "unknown_axis": _word(found.axis, row) not in sensor.axes,
            "other_unit": _word(found.unit, row) not in {"", sensor.unit},
            "event_time_out_of_range": abs(int(found.ts[row]) - batch.received) > self._span,
        }
        return next((reason for reason, holds in (wrong | _misfits(found, row)).items() if holds), "")

    def _landed(self, found: Waveforms, received: int) -> Rows:
        sensors = [self._sensor(found, row) for row in range(len(found))]
        return SampledRows(
            "waveforms",
            {
                "machine": found.machine,
                "sensor": found.sensor,
                "axis": Text.of([_word(found.axis, row) for row in range(len(found))]),
                "ts": found.ts,
                "rate_hz": found.rate_hz,
                "count": found.samples.lengths,
                "unit": Text.of([sensor.unit if sensor else None for sensor in sensors]),
                "full_scale": found.full_scale,
                "shaft_rpm": found.shaft_rpm,
                "clipped": np.array([_clipped(found, row) for row in range(len(found))], dtype=np.int64),
                "quality": found.quality,
                "received": np.full(len(found), received, dtype=np.int64),
            },
            found.samples,
        )


def _misfits(found: Waveforms, row: int) -> dict[str, bool]:
    """Return which numbers of a waveform cannot be, by reason."""
    samples, full_scale, shaft_rpm = found.samples.row(row), found.full_scale[row], found.shaft_rpm[row]
    return {
        "rate_out_of_range": not SLOWEST <= found.rate_hz[row] <= FASTEST,
        "no_samples": not len(samples),
        "too_many_samples": len(samples) > SAMPLES_LIMIT,
        "full_scale_out_of_range": full_scale <= 0 or math.isinf(full_scale),
        "shaft_speed_out_of_range": shaft_rpm < 0 or math.isinf(shaft_rpm),
        "not_a_number": not np.isfinite(samples).all(),
    }


def _word(column: Text, row: int) -> str:
    codes: Int32 = column.codes
    return "" if codes[row] < 0 else column.values[codes[row]]


def _clipped(found: Waveforms, row: int) -> int:
    """Return how many samples are at full scale or beyond, `NULL` where that is not known."""
    limit = found.full_scale[row]
    return NULL if math.isnan(limit) else int(np.count_nonzero(np.abs(found.samples.row(row)) >= limit))


def _rejects(found: Waveforms, reasons: list[str]) -> Rejects:
    return Rejects(
        machine=found.machine,
        tag=found.sensor,
        ts=found.ts,
        reason=Text.of(reasons),
        raw=Text.of([_summary(found, row) for row in range(len(found))]),
    )


def _summary(found: Waveforms, row: int) -> str:
    """Return what a waveform says of itself as JSON, with the number of its samples: the log has them."""
    numbers = {name: float(getattr(found, name)[row]) for name in ("rate_hz", "full_scale", "shaft_rpm")}
    words = {name: _word(getattr(found, name), row)[:WORD_LIMIT] for name in ("axis", "unit")}
    told = {name: repr(number) if math.isinf(number) else number for name, number in numbers.items()}
    known = {name: value for name, value in told.items() if not math.isnan(numbers[name])}
    said = known | {name: word for name, word in words.items() if word}
    return json.dumps(said | {"samples": len(found.samples.row(row))}, ensure_ascii=False)

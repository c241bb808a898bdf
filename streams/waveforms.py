"""Waveforms: short recordings of a sensor at a high rate, as columns like all that travels here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from streams import records
from streams.arrow import filled, integers
from streams.records import GOOD, NULL, Columns, Float64, Int16, Int64, Rows, Text
from streams.samples import Samples

SAMPLES_LIMIT = 1 << 17
"""Samples of one waveform: 2.5 s at 51.2 kHz, half a megabyte. A longer one is sent in parts."""
PLAIN_ROW = 128
"""Bytes that a row of any other table takes in memory, about."""


@dataclass(frozen=True, slots=True, eq=False)
class Waveforms(Columns):
    """Recordings of sensors of machines; what is not known is NaN."""

    machine: Text
    sensor: Text
    axis: Text
    ts: Int64
    """Of the first sample."""
    rate_hz: Float64
    """Samples in a second."""
    full_scale: Float64
    """The largest magnitude that the sensor can tell, in its unit."""
    unit: Text
    """What a sample is in."""
    shaft_rpm: Float64
    """Speed of the shaft meanwhile, revolutions in a minute."""
    quality: Int16
    samples: Samples

    @classmethod
    def empty(cls) -> Self:
        """Return none."""
        none, text = np.empty(0), Text.of([])
        times, quality = none.astype(np.int64), none.astype(np.int16)
        return cls(text, text, text, times, none, none, text, none, quality, Samples.of([]))

    def to_arrow(self) -> pa.RecordBatch:
        """Return the Arrow batch that travels and is logged."""
        columns = {
            "machine": self.machine.to_arrow(),
            "sensor": self.sensor.to_arrow(),
            "axis": self.axis.to_arrow(),
            "ts": pa.array(self.ts),
            "rate_hz": pa.array(self.rate_hz),
            "full_scale": pa.array(self.full_scale, mask=np.isnan(self.full_scale)),
            "unit": self.unit.to_arrow(),
            "shaft_rpm": pa.array(self.shaft_rpm, mask=np.isnan(self.shaft_rpm)),
            "quality": pa.array(self.quality),
            "samples": self.samples.to_arrow(),
        }
        return pa.RecordBatch.from_pydict(columns)

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch) -> Self:
        """Take over an Arrow batch; columns that may be left out: axis, full_scale, unit, shaft_rpm, quality.

        Raises
        ------
        ValueError
            A needed column is missing or of a type that cannot become the column's.
        """
        try:
            return cls._from_arrow(batch)
        except (KeyError, pa.ArrowException) as exc:
            raise ValueError(f"the batch does not have the columns of a waveform: {exc}") from exc

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read an entry of the log.

        Raises
        ------
        ValueError
            It is none.
        """
        batch = records.decode(payload)
        batch.validate(full=True)
        return cls.from_arrow(batch)

    @classmethod
    def _from_arrow(cls, batch: pa.RecordBatch) -> Self:
        size, names = batch.num_rows, set(batch.schema.names)

        def text(name: str) -> Text:
            return Text.from_arrow(batch.column(name)) if name in names else Text.constant(None, size)

        def number(name: str) -> Float64:
            given = batch.column(name).cast(pa.float64()) if name in names else pa.nulls(size, pa.float64())
            return np.asarray(filled(given, np.nan))

        quality = batch.column("quality") if "quality" in names else pa.nulls(size, pa.int16())
        return cls(
            machine=Text.from_arrow(batch.column("machine")),
            sensor=Text.from_arrow(batch.column("sensor")),
            axis=text("axis"),
            ts=integers(batch.column("ts"), NULL),
            rate_hz=number("rate_hz"),
            full_scale=number("full_scale"),
            unit=text("unit"),
            shaft_rpm=number("shaft_rpm"),
            quality=filled(quality.cast(pa.int16()), GOOD),
            samples=Samples.from_arrow(batch.column("samples")),
        )


@dataclass(frozen=True, slots=True)
class SampledRows(Rows):
    """Rows that have a column ``samples``, too: it weighs as much as the rows that it could be."""

    samples: Samples

    @property
    def weight(self) -> int:
        """Return as how many rows they count."""
        return len(self) + self.samples.values.nbytes // PLAIN_ROW

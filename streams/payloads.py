"""Payloads of readings: a source sends the same columns again and again, with other numbers in them.

Arrow reads a payload and finds where its columns stand. Another one of the source that begins with the
same bytes, which are its schema, its dictionaries and what it says of its columns, and is as long, has
them at the same places: there they are taken, and Arrow is not asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernels import admit as kernel
from streams.records import Int16, Int32, Int64, Readings, Text, decode
from streams.remembered import Remembered, weight

MANY, SOURCES = 1024, 64
"""Readings from which on a form is worth its while, and of how many sources one is remembered."""
ROOM = 64 << 20
"""Bytes of all forms that are remembered."""
PLAIN = ["machine", "tag", "ts", "value"]
"""Columns of numbers that their source vouches for."""
KINDS = (np.int32, np.int32, np.int64, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Where a payload of plain numbers has its columns, and the machines and tags in it.

    It holds copies: a column that lies in a payload would keep the whole of it.
    """

    head: bytes
    """All before the first column."""
    size: int
    places: tuple[int, ...]
    machine: Text
    tag: Text
    rest: tuple[Text, Int16, Int64]
    """Text, quality and time at the source, which are the same in all rows."""

    @classmethod
    def of(cls, payload: bytes, batch: pa.RecordBatch, readings: Readings) -> Self | None:
        """Return the form of a payload; None if its columns were not taken from it just as they stand."""
        if batch.schema.names != PLAIN or any(column.buffers()[0] for column in batch.columns):
            return None  # what may be absent stands in a buffer of its own
        columns = readings.machine.codes, readings.tag.codes, readings.ts, readings.value
        begin = _address(np.frombuffer(payload, np.uint8))
        places = tuple(_address(column) - begin for column in columns)
        if min(places) < 0 or max(places) >= len(payload):
            return None
        machine, tag = (_copied(column) for column in (readings.machine, readings.tag))
        rest = readings.text, readings.quality, readings.source_ts
        return cls(payload[: min(places)], len(payload), places, machine, tag, rest)

    @property
    def weight(self) -> int:
        """Return the bytes that it takes; all words stand in the head once more."""
        words = len(self.machine.values) + len(self.tag.values)
        return weight(words, len(self.head)) + self.machine.codes.nbytes + self.tag.codes.nbytes

    def given(self, ts: Any, value: Any) -> Readings:
        """Return readings of the form with their times and values."""
        return Readings(self.machine, self.tag, ts, value, *self.rest)

    def readings(self, payload: bytes) -> Readings | None:
        """Return the readings of a payload of this form; None if it has another or other tags."""
        if len(payload) != self.size or not payload.startswith(self.head):
            return None
        size = len(self.machine)
        machine, tag, ts, value = (
            np.frombuffer(payload, kind, size, place) for kind, place in zip(KINDS, self.places, strict=True)
        )
        if not (kernel.same(machine, self.machine.codes) and kernel.same(tag, self.tag.codes)):
            return None
        return self.given(ts, value)


class Payloads:
    """Read payloads, each as Arrow reads it; that a form is remembered shows in nothing but the time."""

    def __init__(self) -> None:
        self._forms: Remembered[str, Form] = Remembered(SOURCES, ROOM)

    def readings(self, payload: bytes, producer: str) -> Readings:
        """Return the readings of a payload.

        Raises
        ------
        ValueError
            It holds none (`streams.records.decode`, `Readings.from_arrow`).
        """
        form = self._forms.get(producer)
        again = form.readings(payload) if form is not None else None
        return again if again is not None else self._by_arrow(payload, producer)

    def _by_arrow(self, payload: bytes, producer: str) -> Readings:
        batch = decode(payload)
        readings = Readings.from_arrow(batch)
        form = Form.of(payload, batch, readings) if len(readings) >= MANY else None
        if form is None:
            return readings
        self._forms.keep(producer, form, form.weight)
        return form.given(readings.ts, readings.value)


def _copied(column: Text) -> Text:
    codes: Int32 = column.codes.copy()
    return Text(column.values, codes)


def _address(column: NDArray[Any]) -> int:
    return int(column.__array_interface__["data"][0])

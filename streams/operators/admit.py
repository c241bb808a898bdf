"""Admission: which readings the plant knows and may believe; the rest goes to quarantine with a reason."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kernels import admit as kernel
from streams.clock import DAY
from streams.operators import quarantine
from streams.operators.batch import Admitted, Flags, Keys
from streams.records import NULL, Int32, Int64, Readings, Rows, Text, constant
from streams.remembered import Remembered, weight

UNAVAILABLE = "UNAVAILABLE"
"""The word by which a source says that a quantity has no value now; numeric tags take it too."""

REASONS = {
    kernel.UNKNOWN: "unknown_tag",
    kernel.OUT_OF_RANGE: "event_time_out_of_range",
    kernel.NOT_A_NUMBER: "not_a_number",
    kernel.TEXT_IN_NUMBER: "text_in_number",
    kernel.TWO_VALUES: "value_and_text",
}
WORDS = tuple(REASONS.values())
PLACES = np.zeros(1 << 8, dtype=np.int32)
"""Where in `WORDS` the reason of a code stands."""
PLACES[list(REASONS)] = range(len(REASONS))
MANY, LAYOUTS, ROOM = 1024, 64, 64 << 20
"""Readings from which on a layout is worth its while; how many are remembered, and of how many bytes."""
PAIRS = 1 << 24
"""Pairs of machines and tags of which there is a table (64 MB); of more, it has the plant's alone."""
WIDE = 16
"""Keys from which on a sweep is worth being known as one."""
NO_TEXT = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """Readings of one log entry, with its stamp and producer."""

    readings: Readings
    received: int
    producer: str


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """The readings taken, their newest times (machines,), and rows of ``readings`` and ``quarantine``."""

    admitted: Admitted
    newest: Int64
    rows: tuple[Rows, ...]

    @classmethod
    def empty(cls, keys: Keys) -> Self:
        """Return that nothing was taken."""
        return cls(Admitted.empty(), np.full(len(keys.machines), NULL, dtype=np.int64), ())


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Machines and tags of numbers that were all admitted, and their keys: most sources send it again."""

    machine: Text
    tag: Text
    key: Int32
    owner: int
    """The machine that all belong to; -1 where they belong to several."""
    sweep: int
    """As in `Admitted`."""

    @property
    def weight(self) -> int:
        """Return the bytes that it takes."""
        words = (*self.machine.values, *self.tag.values)
        columns = self.machine.codes, self.tag.codes, self.key
        return weight(len(words), sum(map(len, words))) + sum(column.nbytes for column in columns)

    def of(self, readings: Readings) -> bool:
        """Return whether readings are numbers of the same machines and tags, in the same order."""
        machine, tag = readings.machine, readings.tag
        return (
            not readings.text.values
            and machine.values is self.machine.values
            and tag.values is self.tag.values
            and kernel.same(tag.codes, self.tag.codes)
            and kernel.same(machine.codes, self.machine.codes)
        )


class Admit:
    """Take readings whose tag is known, whose time is within ``span`` of their receipt, whose value fits.

    A number for a text tag is taken as its text (program 40 is "40"); UNAVAILABLE for a numeric tag is
    kept as a reading but is no number to any window. Repeated readings are kept: they are what was sent.
    """

    name = "admit"
    version = 1

    def __init__(self, keys: Keys, span: int = DAY) -> None:
        self._keys = keys
        self._span = span
        self._tags: dict[str, dict[str, int]] = {machine.name: {} for machine in keys.machines}
        for key, (machine, tag) in enumerate(keys.names):
            self._tags[machine][tag] = key
        self._known: tuple[tuple[str, ...], tuple[str, ...], Int32] = ((), (), _table((), ()))
        self._layouts: Remembered[str, Layout] = Remembered(LAYOUTS, ROOM)

    def update(self, batch: Arrival) -> Admission:
        """Sort the readings of one entry."""
        readings = batch.readings
        if not len(readings):
            return Admission.empty(self._keys)
        layout = self._layouts.get(batch.producer) if len(readings) >= MANY else None
        if layout is not None and layout.of(readings):
            high = kernel.plain(readings.ts, readings.value, self._timely(batch.received))
            if high is not None:
                return self._repeated(batch, layout, high)
        key, reason = np.empty(len(readings), np.int32), np.empty(len(readings), np.uint8)
        if self._classify(readings, batch.received, key, reason):
            return self._taken(*_sorted(batch, key, reason))
        if len(readings) >= MANY and not readings.text.values:
            self._remember(batch.producer, readings, key)
        return self._taken(Admitted.of(key, readings), (_landed(readings, batch.received),))

    def _repeated(self, batch: Arrival, layout: Layout, high: int) -> Admission:
        """Take readings of a layout, of which the newest time is known."""
        admitted = Admitted.of(layout.key, batch.readings, layout.sweep)
        rows = _landed(batch.readings, batch.received)
        if layout.owner < 0:
            return self._taken(admitted, (rows,))
        newest = np.full(len(self._keys.machines), NULL, dtype=np.int64)
        newest[layout.owner] = high
        return Admission(admitted, newest, (rows,))

    def _taken(self, admitted: Admitted, rows: tuple[Rows, ...]) -> Admission:
        return Admission(admitted, self._keys.newest(admitted), rows)

    def _remember(self, producer: str, readings: Readings, key: Int32) -> None:
        machine = self._keys.machine[key]
        owner = int(machine[0]) if (machine == machine[0]).all() else -1
        layout = Layout(_own(readings.machine), _own(readings.tag), key, owner, _sweep(key))
        self._layouts.keep(producer, layout, layout.weight)

    def snapshot(self) -> bytes:
        """Return nothing: each entry is judged by itself."""
        return b""

    def restore(self, state: bytes) -> None:
        """Accept the empty state."""

    def _classify(
        self,
        readings: Readings,
        received: int,
        key: Int32,
        reason: Flags,
    ) -> int:
        machine, tag, words = readings.machine, readings.tag, readings.text.values
        if len(machine.values) * len(tag.values) > PAIRS:
            machine, tag = (
                _only(machine, self._tags.keys()),
                _only(tag, {name for _, name in self._keys.names}),
            )
        return kernel.classify(
            np.ascontiguousarray(machine.codes),
            np.ascontiguousarray(tag.codes),
            np.ascontiguousarray(readings.text.codes) if words else NO_TEXT,
            readings.ts,
            readings.value,
            key_of=self._key_of(machine.values, tag.values),
            numeric=self._keys.numeric,
            silent=np.array([word == UNAVAILABLE for word in words], dtype=np.uint8),
            between=self._timely(received),
            key=key,
            reason=reason,
        )

    def _timely(self, received: int) -> tuple[int, int]:
        return received - self._span, received + self._span

    def _key_of(self, machines: tuple[str, ...], tags: tuple[str, ...]) -> Int32:
        """Return the key of each pair of dictionary entries; the last answer is kept."""
        if self._known[0] is not machines or self._known[1] is not tags:
            table = _table(machines, tags)
            codes = {tag: code for code, tag in enumerate(tags)}
            for row, machine in enumerate(machines):
                own = self._tags.get(machine, {})
                fewer, more = sorted((own, codes), key=len)
                shared = [tag for tag in fewer if tag in more]
                table[row, [codes[tag] for tag in shared]] = [own[tag] for tag in shared]
            self._known = (machines, tags, table)
        return self._known[2]


def _only(column: Text, known: Set[str]) -> Text:
    """Return a column with the words that are known, null for others; each word comes once."""
    index: dict[str, int] = {}
    codes = [index.setdefault(word, len(index)) if word in known else -1 for word in column.values]
    return Text(tuple(index), np.array([*codes, -1], dtype=np.int32)[column.codes])


def _own(column: Text) -> Text:
    """Return a column that keeps no larger thing, of which it were a part, in memory."""
    return column if column.codes.base is None else Text(column.values, column.codes.copy())


def _sweep(key: Int32) -> int:
    """Return after how many rows the keys come again in the same order, each once; 0 where they do not."""
    size = int(np.flatnonzero(key == key[0])[:2][-1]) or len(key)
    whole = len(key) % size == 0 and len(np.unique(key[:size])) == size >= WIDE
    return size if whole and (key.reshape(-1, size) == key[:size]).all() else 0


def _table(machines: tuple[str, ...], tags: tuple[str, ...]) -> Int32:
    return np.full((len(machines), len(tags)), -1, dtype=np.int32)


def _sorted(batch: Arrival, key: Int32, reason: Flags) -> tuple[Admitted, tuple[Rows, ...]]:
    readings = _worded(batch.readings, reason == kernel.NUMBER_IN_TEXT)
    good = (reason == 0) | (reason == kernel.NUMBER_IN_TEXT)
    rows = []
    if good.any():
        rows.append(_landed(readings[good], batch.received))
    if not good.all():
        bad = np.flatnonzero(~good)
        reasons = Text(WORDS, PLACES[reason[bad]])
        rows.append(quarantine.refused(batch.readings[bad], reasons, batch.received, batch.producer))
    return Admitted.of(key[good], readings[good]), tuple(rows)


def _worded(readings: Readings, which: NDArray[np.bool_]) -> Readings:
    """Turn some numbers into their text."""
    if not which.any():
        return readings
    value, codes = readings.value.copy(), readings.text.codes.copy()
    numbers, inverse = np.unique(value[which], return_inverse=True)
    codes[which] = len(readings.text.values) + inverse
    value[which] = np.nan
    words = tuple(repr(number).removesuffix(".0") for number in numbers.tolist())  # no two are the same word
    return replace(readings, value=value, text=Text(readings.text.values + words, codes))


def _landed(readings: Readings, received: int) -> Rows:
    return Rows(
        "readings",
        {
            "machine": readings.machine,
            "tag": readings.tag,
            "ts": readings.ts,
            "value": readings.value,
            "text": readings.text,
            "quality": readings.quality,
            "received": constant(received, len(readings), np.int64),
            "source_ts": readings.source_ts,
        },
    )

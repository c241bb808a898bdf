"""What passes between the operators: keys of the catalog, admitted readings, one step of the flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kernels import admit as kernel
from streams.catalog import Catalog, Machine
from streams.records import NULL, Columns, Float64, Int16, Int32, Int64, Readings, Text

Flags = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The catalog as columns: one row a key (a tag of a machine), a machine's keys side by side."""

    machines: tuple[Machine, ...]
    names: tuple[tuple[str, str], ...]
    machine: Int32
    """(keys,) index into machines."""
    tag: Text
    """(keys,) the tags' names."""
    owner: tuple[str, ...]
    """(machines,) the machines' names."""
    numeric: Flags
    """(keys,) 1 where the tag takes numbers."""
    first: Int64
    """(machines,) the machine's first key."""
    last: Int64
    """(machines,) one after its last."""

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """Lay out a catalog's keys."""
        machines = catalog.machines
        sizes = np.array([len(machine.tags) for machine in machines], dtype=np.int64)
        last = np.cumsum(sizes)
        return cls(
            machines=machines,
            names=catalog.keys,
            machine=np.repeat(np.arange(len(machines), dtype=np.int32), sizes),
            tag=Text.of([name for _, name in catalog.keys]),
            owner=tuple(machine.name for machine in machines),
            numeric=np.array([tag.numeric for machine in machines for tag in machine.tags], dtype=np.uint8),
            first=last - sizes,
            last=last,
        )

    def __len__(self) -> int:
        return len(self.names)

    def machine_text(self, key: Int32) -> Text:
        """Return the machines' names of keys."""
        return self.machine_names(self.machine[key])

    def machine_names(self, machine: Int32) -> Text:
        """Return the names of machines given by index."""
        return Text(self.owner, machine)

    def newest(self, admitted: Admitted) -> Int64:
        """Return each machine's newest event time (machines,); NULL for those that said nothing."""
        found = np.full(len(self.machines), NULL, dtype=np.int64)
        if len(admitted):
            kernel.newest(admitted.key, admitted.ts, self.machine, found)
        return found

    def per_machine(self, field: str) -> Int64:
        """Return one of the machines' settings as a column (machines,)."""
        return np.array([getattr(machine, field) for machine in self.machines], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Admitted(Columns):
    """Readings that the catalog knows: ``key`` is the row in `Keys`; of value and text one is there."""

    key: Int32
    ts: Int64
    value: Float64
    text: Text
    quality: Int16
    source_ts: Int64
    sweep: int = field(default=0, kw_only=True)
    """After how many rows the same keys come again in the same order, each once; 0: not known."""

    @classmethod
    def empty(cls) -> Self:
        """Return no readings."""
        return cls.of(np.empty(0, dtype=np.int32), Readings.empty())

    @classmethod
    def of(cls, key: Int32, readings: Readings, sweep: int = 0) -> Self:
        """Take the columns of readings whose keys are known."""
        rest = readings.text, readings.quality, readings.source_ts
        return cls(key, readings.ts, readings.value, *rest, sweep=sweep)

    def readings(self, keys: Keys) -> Readings:
        """Return them with their names again."""
        return Readings(
            machine=keys.machine_text(self.key),
            tag=keys.tag[self.key],
            ts=self.ts,
            value=self.value,
            text=self.text,
            quality=self.quality,
            source_ts=self.source_ts,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One log entry on its way: position, stamp, producer, readings, the machines' watermarks."""

    position: int
    received: int
    producer: str
    admitted: Admitted
    newest: Int64
    """(machines,) newest event time in the entry; NULL for machines that are not in it."""
    marks: Int64
    """(machines,) event time up to which everything is there; NULL while nothing is known."""
    fronts: Int64
    """(machines,) the same of its source that is furthest: what may be revised reaches back from here."""

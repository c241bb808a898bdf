"""What stands as it was committed, because the log does not reach back far enough to say it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from streams.operators import quarantine
from streams.records import NULL, Int64, Rejects, Rows

REASON = "not_recomputed"
PRODUCER = "restart"


class Lift(NamedTuple):
    """What is added to the versions of whatever begins up to a time."""

    by: int
    until: int


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """The stamp of one entry, and the rows that the operators make of it: with versions, and others."""

    received: int
    windows: tuple[Rows, ...] = ()
    states: tuple[Rows, ...] = ()
    scores: tuple[Rows, ...] = ()
    accounts: tuple[Rows, ...] = ()
    held: tuple[Rows, ...] = ()
    """Rows of ``quarantine`` that say what was held back."""


class Standing:
    """Hold rows back whose time began before the log tells all of it, and lift versions above committed ones.

    As long as snapshots can be read nothing is held and nothing lifted. After a start that had to begin at
    the log's oldest entry, a window or a shift that began earlier would be told with a part of what it
    holds: what is committed of it stands. The first row of each machine and table held back is put on
    record in quarantine.
    """

    name = "standing"
    version = 1

    def __init__(self) -> None:
        self._whole: dict[str, dict[str, int]] = {}
        """Table -> machine -> time from which on all is known."""
        self._lifts: dict[str, Lift] = {}
        self._told: set[tuple[str, str]] = set()
        self.last: int | None = None
        """Stamp of the entry of which rows were held back last."""

    @property
    def whole(self) -> int | None:
        """From when on everything is told again, None if nothing is held back."""
        times = [time for machines in self._whole.values() for time in machines.values()]
        return max(times, default=None)

    def begin(self, whole: Mapping[str, Mapping[str, int]], lifts: Mapping[str, Lift]) -> None:
        """Hold rows back that begin before a time, by table and machine; lift the versions of tables."""
        for table, machines in whole.items():
            self._whole[table] = {**self._whole.get(table, {}), **machines}
        self._lifts |= lifts

    def update(self, batch: Said) -> Said:
        """Return the rows that are to be committed."""
        if not (self._whole or self._lifts):
            return batch
        held: list[tuple[str, str]] = []
        told = (batch.windows, batch.states, batch.scores, batch.accounts)
        windows, states, scores, accounts = (tuple(self._kept(rows, held)) for rows in told)
        if held:
            self.last = batch.received
        fresh = [item for item in dict.fromkeys(held) if item not in self._told]
        self._told.update(fresh)
        records = tuple(self._record(*item, batch.received) for item in fresh)
        return Said(batch.received, windows, states, scores, accounts, records)

    def _kept(self, told: tuple[Rows, ...], held: list[tuple[str, str]]) -> Iterator[Rows]:
        for rows in told:
            if rows.table not in self._whole:
                yield self._lifted(rows)
                continue
            columns: Any = rows.columns
            machine, whole = columns["machine"], self._whole[rows.table]
            since = np.array([whole.get(name, NULL) for name in machine.values], dtype=np.int64)
            early = columns["ts"] < since[machine.codes]
            held += [(rows.table, name) for name in machine[early].to_list()]
            if not early.all():
                yield self._lifted(Rows(rows.table, {name: item[~early] for name, item in columns.items()}))

    def _lifted(self, rows: Rows) -> Rows:
        if (lift := self._lifts.get(rows.table)) is None:
            return rows
        columns: Any = rows.columns
        version: Int64 = columns["version"] + (columns["ts"] <= lift.until) * lift.by
        return Rows(rows.table, {**columns, "version": version})

    def _record(self, table: str, machine: str, received: int) -> Rows:
        (before,) = quarantine.iso(np.array([self._whole[table][machine]]))
        raw = json.dumps({"table": table, "began_before": before, "what": "stands as it was committed"})
        return quarantine.rejected(Rejects.of(REASON, [raw], machine), received, PRODUCER)

    def snapshot(self) -> bytes:
        """Return what is held and lifted, and what was told of it."""
        told = {"told": sorted(self._told), "last": self.last}
        return json.dumps({"whole": self._whole, "lifts": self._lifts, **told}).encode()

    def restore(self, state: bytes) -> None:
        """Go back."""
        saved = json.loads(state)
        self._whole, self.last = saved["whole"], saved["last"]
        self._lifts = {table: Lift(*lift) for table, lift in saved["lifts"].items()}
        self._told = {(table, machine) for table, machine in saved["told"]}

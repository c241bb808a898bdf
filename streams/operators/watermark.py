"""Watermarks: how far each machine's event time is complete, from what the log says alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from streams.operators.batch import Keys
from streams.operators.sources import Sources
from streams.records import NULL, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The stamp of one log entry, the newest time of each machine (machines,) in it, and its source."""

    received: int
    newest: Int64
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """How far event time has come (machines,); `NULL` where nothing is known yet."""

    marks: Int64
    """Up to here everything is there."""
    fronts: Int64
    """The same of each machine's source that is furthest: lateness is counted from here."""


class Watermark:
    """Follow each machine's newest event time at the distance of its disorder.

    Where several sources tell of a machine, its mark waits for the one that is furthest behind, by as
    much as ``idle_after`` and ``allowance`` allow: another clock is no disorder. A machine not heard of
    for its ``idle_after`` (by the stamps of the log) follows the stamps instead, that much further behind,
    so that the change from one to the other is no jump. Marks never fall.
    """

    name = "watermark"
    version = 2

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._disorder = keys.per_machine("disorder")
        self._idle_after = keys.per_machine("idle_after")
        self._patience = np.minimum(self._idle_after, keys.per_machine("allowance"))
        self._heard = np.full(len(keys.machines), NULL, dtype=np.int64)
        self._fronts, self._marks = self._heard.copy(), self._heard.copy()
        self._sources = Sources(keys, self._idle_after)

    def update(self, batch: Heard) -> Reached:
        """Return how far event time has come after an entry."""
        self._heard[self._heard == NULL] = batch.received
        present = batch.newest != NULL
        if present.any():
            self._heard[present] = batch.received
            self._fronts[present] = np.maximum(self._fronts, batch.newest - self._disorder)[present]
            self._sources.hear(batch.source, batch.received, batch.newest)
        idle = self._heard + self._idle_after <= batch.received
        if idle.any():
            behind = batch.received - self._idle_after - self._disorder
            self._fronts[idle] = np.maximum(self._fronts, behind)[idle]
        self._marks = np.maximum(self._marks, self._complete(batch.received))
        return Reached(self._marks.copy(), self._fronts.copy())

    def _complete(self, received: int) -> Int64:
        behind = self._sources.behind(received)
        if behind is None:
            return self._fronts
        waited = np.maximum(behind - self._disorder, self._fronts - self._patience)
        return np.where(self._fronts == NULL, NULL, np.minimum(self._fronts, waited))

    def snapshot(self) -> bytes:
        """Return when each machine was heard of last, how far it has come, and its sources."""
        columns = (self._heard.tolist(), self._marks.tolist(), self._fronts.tolist())
        machines = dict(zip(self._keys.owner, zip(*columns, strict=True), strict=True))
        return json.dumps({"machines": machines, "sources": self._sources.saved()}).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        saved = json.loads(state)
        rows = [saved["machines"].get(name, (NULL, NULL, NULL)) for name in self._keys.owner]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
        self._heard, self._marks, self._fronts = (column.copy() for column in table.T)
        self._sources.take(saved["sources"])

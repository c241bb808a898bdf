"""Watermarks: how far each machine's event time is complete, from what the log says alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from streams.operators.batch import Keys
from streams.records import NULL, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The stamp of one log entry, and the newest time that each machine (machines,) told in it."""

    received: int
    newest: Int64


class Watermark:
    """Follow each machine's newest event time at the distance of its disorder.

    A machine not heard of for its ``idle_after`` (by the stamps of the log) follows the stamps instead,
    that much further behind, so that the change from one to the other is no jump. Marks never fall.
    """

    name = "watermark"
    version = 1

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._disorder = keys.per_machine("disorder")
        self._idle_after = keys.per_machine("idle_after")
        self._heard = np.full(len(keys.machines), NULL, dtype=np.int64)
        self._marks = np.full(len(keys.machines), NULL, dtype=np.int64)

    def update(self, batch: Heard) -> Int64:
        """Return the marks (machines,) after an entry; NULL where nothing is known yet."""
        self._heard[self._heard == NULL] = batch.received
        present = batch.newest != NULL
        if present.any():
            self._heard[present] = batch.received
            self._marks[present] = np.maximum(self._marks, batch.newest - self._disorder)[present]
        idle = self._heard + self._idle_after <= batch.received
        if idle.any():
            behind = batch.received - self._idle_after - self._disorder
            self._marks[idle] = np.maximum(self._marks, behind)[idle]
        return self._marks.copy()

    def snapshot(self) -> bytes:
        """Return when each machine was heard of last, and its mark."""
        rows = zip(self._heard.tolist(), self._marks.tolist(), strict=True)
        return json.dumps(dict(zip(self._keys.owner, rows, strict=True))).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        saved = json.loads(state)
        rows = [saved.get(name, (NULL, NULL)) for name in self._keys.owner]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 2)
        self._heard, self._marks = table[:, 0].copy(), table[:, 1].copy()

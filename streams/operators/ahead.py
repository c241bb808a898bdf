"""Event times ahead of their machine's clock: one wild time must not take the machine's time along."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from streams.operators import quarantine
from streams.operators.batch import Admitted, Keys
from streams.records import Int64, Rows, Text

REASON = "ahead_of_its_clock"


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Readings of one log entry, their newest times, and the latest time to be believed (machines,)."""

    position: int
    received: int
    producer: str
    admitted: Admitted
    newest: Int64
    latest: Int64


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """What remains, and rows of ``quarantine``."""

    admitted: Admitted
    newest: Int64
    rows: tuple[Rows, ...]


class Ahead:
    """Refuse readings behind the latest time that their machine's clock lets believe.

    A watermark follows the newest event time: one that is hours ahead would make all others late for
    hours. A clock that goes on so has jumped, which `Clocks` finds out; then its readings are believed.
    """

    name = "ahead"
    version = 1

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._refused: list[tuple[int, int, int]] = []
        """Position, machine and latest time believed, of entries that a restart may read again."""

    def update(self, batch: Told) -> Believed:
        """Sort out the readings of one entry."""
        machines = np.flatnonzero(batch.newest > batch.latest).tolist()
        if not machines:
            return Believed(batch.admitted, batch.newest, ())
        self._refused += [(batch.position, number, int(batch.latest[number])) for number in machines]
        fits = batch.admitted.ts <= batch.latest[self._keys.machine[batch.admitted.key]]
        readings = batch.admitted[~fits].readings(self._keys)
        reasons = Text.constant(REASON, len(readings))
        rows = quarantine.refused(readings, reasons, batch.received, batch.producer)
        admitted = batch.admitted[fits]
        return Believed(admitted, self._keys.newest(admitted), (rows,))

    def again(self, position: int, admitted: Admitted) -> Admitted:
        """Return what remained of an entry that is read again."""
        latest = np.full(len(self._keys.machines), np.iinfo(np.int64).max)
        for _, number, limit in (item for item in self._refused if item[0] == position):
            latest[number] = limit
        fits = admitted.ts <= latest[self._keys.machine[admitted.key]]
        return admitted if fits.all() else admitted[fits]

    def forget(self, since: int | None) -> None:
        """Forget entries that no restart reads again: those up to a position, all if it is None."""
        if self._refused:
            self._refused = [item for item in self._refused if since is not None and item[0] > since]

    def snapshot(self) -> bytes:
        """Return what was refused."""
        owner = self._keys.owner
        return json.dumps([(place, owner[number], limit) for place, number, limit in self._refused]).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        numbers = {name: number for number, name in enumerate(self._keys.owner)}
        saved = json.loads(state)
        self._refused = [(place, numbers[name], limit) for place, name, limit in saved if name in numbers]

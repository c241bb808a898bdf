"""The sources that tell of one machine: how far each has come, by its own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.operators.batch import Keys
from streams.records import NULL, Int64

MOST = 1000
"""Pairs of source and machine that are followed at the most."""

Saved = tuple[str, str, int, int]
"""Source, machine, when heard of last, newest event time then."""


@dataclass(slots=True, eq=False)
class Sources:
    """When each source was heard of a machine last, by the stamps, and the newest time that it told then.

    Between two messages a source's clock goes on as the stamps do: so a source that seldom speaks holds
    nothing up, and one whose clock is behind is waited for. One that is silent for the machine's
    ``idle_after`` is not counted.
    """

    keys: Keys
    idle_after: Int64
    names: list[tuple[str, int]] = field(default_factory=list)
    """Source and machine of each pair."""
    machine: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    heard: Int64 = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    told: Int64 = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    rows: dict[str, Int64] = field(default_factory=dict)
    """Source -> its pair with each machine (machines,), -1 where there is none."""
    shared: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """Pairs of machines that have several sources."""

    def hear(self, source: str, received: int, newest: Int64) -> None:
        """Take what an entry of a source told: the newest times (machines,), `NULL` where nothing."""
        present = np.flatnonzero(newest != NULL)
        if not len(present):
            return
        at = self._pairs(source, present, received)
        followed = at >= 0
        self.heard[at[followed]] = received
        self.told[at[followed]] = newest[present[followed]]

    def behind(self, received: int) -> Int64 | None:
        """Return where each machine's source that is furthest behind stands, None if none has several."""
        if not len(self.shared):
            return None
        machine, heard = self.machine[self.shared], self.heard[self.shared]
        talks = heard + self.idle_after[machine] > received
        found = np.full(len(self.keys.machines), np.iinfo(np.int64).max)
        np.minimum.at(found, machine[talks], (self.told[self.shared] + received - heard)[talks])
        return found

    def _pairs(self, source: str, present: NDArray[np.intp], received: int) -> Int64:
        """Return the pairs of a source with some machines; -1 where there are too many to follow it."""
        rows = self.rows.get(source)
        known = (self._none() if rows is None else rows)[present]
        if (known >= 0).all():
            return known
        talks = self.heard + self.idle_after[self.machine] > received
        if len(talks) >= MOST and talks.all():
            return known
        pairs = [pair for pair, one in zip(self.saved(), talks.tolist(), strict=True) if one]
        met = {pair[:2] for pair in pairs}
        fresh = [(source, self.keys.owner[number], received, NULL) for number in present.tolist()]
        self.take([*pairs, *(pair for pair in fresh if pair[:2] not in met)][:MOST])
        return self.rows.get(source, self._none())[present]

    def _none(self) -> Int64:
        return np.full(len(self.keys.machines), -1, dtype=np.int64)

    def saved(self) -> list[Saved]:
        """Return all pairs."""
        rows = zip(self.names, self.heard.tolist(), self.told.tolist(), strict=True)
        return [(name, self.keys.owner[number], heard, told) for (name, number), heard, told in rows]

    def take(self, saved: Iterable[Saved]) -> None:
        """Go on from saved pairs; machines are found by name."""
        numbers = {name: number for number, name in enumerate(self.keys.owner)}
        pairs = [
            (name, numbers[owner], heard, told) for name, owner, heard, told in saved if owner in numbers
        ]
        self.names = [(name, number) for name, number, *_ in pairs]
        self.machine = np.array([number for _, number, *_ in pairs], dtype=np.intp)
        self.heard = np.array([heard for *_, heard, _ in pairs], dtype=np.int64)
        self.told = np.array([told for *_, told in pairs], dtype=np.int64)
        self.rows = {}
        for row, (name, number) in enumerate(self.names):
            self.rows.setdefault(name, self._none())[number] = row
        several = np.bincount(self.machine, minlength=len(numbers)) > 1
        self.shared = np.flatnonzero(several[self.machine])

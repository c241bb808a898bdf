"""Contact with machines of which nobody says beforehand that they speak, nor what they tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import FAILED, STOPPED, Contact, gap
from streams.records import NULL, Readings

Machines = Iterable[Machine]


class Speakers:
    """The machines heard where anybody may speak: a contact with each by itself, from its first word on.

    Nobody says beforehand what a machine tells here: it vouches for its state once it has told that.
    """

    def __init__(self, machines: Machines, clock: Clock) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self._clock = clock
        self._contacts: dict[str, Contact] = {}

    @contextmanager
    def listening(self, outlet: Outlet, stop: Event) -> Iterator[None]:
        """Listen as long as the block lasts: before and behind it all are away."""
        self.recall(outlet)
        try:
            yield
        finally:
            self.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def recall(self, outlet: Outlet) -> None:
        """Take those that a former gateway heard to be away until they are heard again."""
        for name in sorted(self._machines.keys() & outlet.memory.names):
            before = outlet.memory.recall(name)
            contact = self._of(name)
            contact.tells(before.told if before else ())
            contact.recall(outlet)

    def heard(self, readings: Readings, outlet: Outlet, lossy: bool = False) -> None:
        """Note that the machines of readings are heard now; what is no machine has no contact.

        They are ``lossy`` where nobody would have kept this while nobody listened.
        """
        for name, told in self._said(readings):
            contact = self._of(name)
            contact.tells(told)
            contact.lossy |= lossy
            contact.heard(outlet)

    def whole(self, outlet: Outlet) -> None:
        """Note that all are heard again of whom somebody kept what they said meanwhile."""
        for contact in self._contacts.values():
            if not contact.lossy:
                contact.heard(outlet, whole=True)

    def lost(self, outlet: Outlet, why: str) -> None:
        """Note that nobody listens."""
        for contact in self._contacts.values():
            contact.lost(outlet, why)

    def skipped(self, outlet: Outlet, why: str, lost: int) -> None:
        """Put on record that something of somebody was lost."""
        for contact in self._contacts.values():
            contact.skipped(outlet, why, lost)
        if not self._contacts:
            outlet.rejects(gap([None], NULL, self._clock.now(), why, lost))

    def _said(self, readings: Readings) -> Iterator[tuple[str, set[tuple[str, str]]]]:
        """Yield each machine of readings, and by which tags it tells its state."""
        names, tags = readings.machine.values, readings.tag.values
        pairs = np.unique(readings.machine.codes.astype(np.int64) * max(len(tags), 1) + readings.tag.codes)
        said: dict[str, set[tuple[str, str]]] = {}
        for code, word in zip(*(part.tolist() for part in np.divmod(pairs, max(len(tags), 1))), strict=True):
            if code >= 0 and names[code] in self._machines:
                said.setdefault(names[code], set()).add((names[code], tags[word]))
        yield from said.items()

    def _of(self, name: str) -> Contact:
        if name not in self._contacts:
            self._contacts[name] = Contact([self._machines[name]], (), self._clock, name)
        return self._contacts[name]

"""An edge node of Sparkplug as its births, deaths and numbers tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from kernels import sparkplug as wire
from streams.records import Int64

SEQS = 256
MOST_METRICS, MOST_DEVICES = 1 << 18, 1 << 12
"""Of one node: what of its births is kept in mind."""
UNBORN: Int64 = np.empty((3, 0), dtype=np.int64)
ITSELF = ""
"""The device that stands for the node itself."""


class Metric(NamedTuple):
    """A metric as a birth tells it."""

    name: str
    alias: int | None
    type: int


class Node:
    """What is known of a node and its devices since its last birth.

    Parameters
    ----------
    slots
        Slots of the metrics that are wanted, by device and name.
    """

    def __init__(self, slots: Mapping[tuple[str, str], int]) -> None:
        self._slots = slots
        self._born: dict[str, int] = {}
        self._aliases: dict[int, tuple[int, int, str]] = {}
        self._known: Int64 | None = UNBORN
        self._types: dict[int, int] = {}
        self.session: int | None = None
        """The bdSeq of the birth."""
        self._seq = -1
        self._last = b""

    @property
    def devices(self) -> list[str]:
        """Return the devices that are born."""
        return list(self._born)

    @property
    def known(self) -> Int64:
        """Return aliases in ascending order, their slots and data types, as the kernel takes them."""
        if self._known is None:
            told = sorted((alias, slot, of_type) for alias, (slot, of_type, _) in self._aliases.items())
            self._known = np.ascontiguousarray(np.array(told, dtype=np.int64).reshape(-1, 3).T)
        return self._known

    def slot(self, device: str, name: str) -> int:
        """Return the slot of a metric that is told by its name."""
        return self._slots.get((device, name), wire.NOT_WANTED)

    def type(self, slot: int) -> int:
        """Return the data type of a wanted metric, 0 when no birth told it."""
        return self._types.get(slot, 0)

    def refusal(self, device: str, seq: int, payload: bytes) -> str:
        """Count a message that follows the birth; return why it cannot be taken, empty when it can.

        A gap takes the births along: who missed a message may have missed what an alias means now.
        """
        if ITSELF not in self._born:
            return "before_birth"
        if not 0 <= seq < SEQS:
            return "no_seq"
        if seq == self._seq and payload == self._last:
            return "duplicate_message"
        expected = (self._seq + 1) % SEQS
        self._seq, self._last = seq, payload
        if seq != expected:
            self.die()
            return "seq_gap"
        return "" if device in self._born else "before_birth"

    def begin(self, seq: int, session: int | None, payload: bytes) -> None:
        """Begin anew: of its devices nothing is known until they are born, too."""
        self.die()
        self.session, self._seq, self._last = session, seq, payload

    def learn(self, device: str, metrics: Iterable[Metric]) -> list[int]:
        """Take over what a birth tells; return aliases that stand for two metrics, and so for none.

        Raises
        ------
        ValueError
            It is more than is kept in mind.
        """
        metrics = list(metrics)
        if device != ITSELF:
            self.die(device)
        if len(self._aliases) + len(metrics) > MOST_METRICS or len(self._born) >= MOST_DEVICES:
            raise ValueError("too_many_metrics")
        twice = []
        for name, alias, of_type in metrics:
            if (slot := self.slot(device, name)) >= 0:
                self._types[slot] = of_type
            if alias in self._aliases:
                twice.append(alias)
            elif alias is not None:
                self._aliases[alias] = slot, of_type, device
        for alias in twice:
            self._aliases.pop(alias, None)
        self._born[device], self._known = len(metrics), None
        return twice

    def die(self, device: str = ITSELF) -> None:
        """Forget a device; the node takes all its devices along."""
        if device == ITSELF:
            self._born, self._aliases, self._types = {}, {}, {}
            self.session = None
        elif self._born.pop(device, None):
            told = self._aliases.items()
            self._aliases = {alias: found for alias, found in told if found[2] != device}
        self._known = None

"""Points: which address of a device is which tag, and what of its values becomes a reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.catalog import Machine
from streams.connectors.batch import Batch
from streams.records import GOOD, NULL


@dataclass(frozen=True, slots=True)
class Point:
    """An address bound to a tag of a machine."""

    address: str
    """As the protocol writes addresses."""
    machine: str
    tag: str
    scale: float = 1.0
    offset: float = 0.0
    deadband: float = 0.0
    """A number no further than this from the last one told is not told again; 0 tells all."""


def texts(points: Iterable[Point], machines: Iterable[Machine]) -> set[str]:
    """Return the addresses of the points whose tags take words."""
    worded = {(machine.name, tag.name) for machine in machines for tag in machine.tags if not tag.numeric}
    return {point.address for point in points if (point.machine, point.tag) in worded}


class Binding:
    """Turn a device's values into readings of the tags to which its addresses are bound."""

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = {point.address: point for point in points}
        """By address."""
        self._told: dict[str, tuple[float, int]] = {}

    def forget(self) -> None:
        """Tell every point again: its device was away, and what was told last may be old."""
        self._told.clear()

    def add(
        self,
        batch: Batch,
        address: str,
        value: float | str,
        ts: int,
        quality: int = GOOD,
        source_ts: int = NULL,
    ) -> None:
        """Add a bound address's value to a batch: scaled, unless it moved less than its deadband.

        Texts and numbers that are none are added as they are: what they are worth is admission's to say.

        Raises
        ------
        KeyError
            The address is not bound.
        """
        point = self.points[address]
        if not isinstance(value, str):
            value = value * point.scale + point.offset
            told, of = self._told.get(address, (float("nan"), quality))
            if point.deadband and of == quality and abs(value - told) <= point.deadband:
                return
            self._told[address] = (value, quality)
        batch.add(point.machine, point.tag, ts, value, quality, source_ts)

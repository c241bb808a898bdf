"""A PLC whose signals lie in memory: Modbus and S7 alike, read and written block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.handshake.abc import FLAGS, LAST, Flags, Signals, Told, flags_of, told_of
from streams.connectors.blocks import Block, Place, plan
from streams.connectors.polling import Link
from streams.connectors.values import Value


class WritableLink(Link, Protocol):
    """A connection that also writes."""

    def write(self, block: Block, content: bytes) -> None:
        """Write the bytes of all the block's units in one request."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which blocks hold the signals."""

    asks: Mapping[str, Place]
    answers: Mapping[str, Place]
    limits: Mapping[str, int]
    """The most units of each area in one request."""
    widths: Mapping[str, int]
    """Bytes of a unit of each area."""

    def blocks(self, names: Mapping[str, Place]) -> tuple[Block, ...]:
        """Return the fewest requests for some signals."""
        return plan(names.values(), self.limits)


class MemoryPlc:
    """Read and write signals over a link.

    What we write is written as whole blocks, from an image of ours: a block that does not change is
    written once for each connection.
    """

    def __init__(self, link: WritableLink, wiring: Wiring) -> None:
        self._link, self._wiring = link, wiring
        self._flags = {name: place for name, place in wiring.asks.items() if name in FLAGS}
        self._telling = {name: place for name, place in wiring.asks.items() if name not in FLAGS}
        self._flag_blocks, self._telling_blocks = wiring.blocks(self._flags), wiring.blocks(self._telling)
        last = {place.address for name, place in wiring.answers.items() if name in LAST}
        blocks = wiring.blocks(wiring.answers)
        self._blocks = sorted(blocks, key=lambda block: any(place.address in last for place in block.places))
        self._there: dict[Block, bytes] = {}

    def flags(self) -> Flags:
        """Read what the PLC says now."""
        return flags_of(self._read(self._flags, self._flag_blocks))

    def told(self) -> Told:
        """Read what it says of the part that is there."""
        return told_of(self._read(self._telling, self._telling_blocks))

    def write(self, signals: Signals) -> None:
        """Write our signals; the answer is there last."""
        said = signals.values(set(self._wiring.answers))
        for block in self._blocks:
            content = self._image(block, said)
            if self._there.get(block) != content:
                self._there.pop(block, None)
                self._link.write(block, content)
                self._there[block] = content

    def close(self) -> None:
        """Give the connection up."""
        self._link.close()

    def _read(self, places: Mapping[str, Place], blocks: tuple[Block, ...]) -> dict[str, Value]:
        found = {
            address: value for block in blocks for address, value in block.values(self._link.read(block))
        }
        return {name: found[place.address] for name, place in places.items()}

    def _image(self, block: Block, said: Mapping[str, Value]) -> bytes:
        image = bytearray(block.count * self._wiring.widths[block.area])
        for name, place in self._wiring.answers.items():
            if place in block.places:
                block.put(image, place, said[name])
        return bytes(image)

"""Blocks: neighbouring values of a device's memory, read in one request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from streams.connectors.values import Reader, Value, Writer


def read_only(_: bytes, value: Value) -> bytes:
    """Refuse to write: the protocol only reads.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(f"{value!r} cannot be written there")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device keeps one value."""

    address: str
    """As the points write it."""
    area: str
    """Which of the device's memories."""
    first: int
    """Number of its first unit: a bit, a byte or a word, as the area has them."""
    count: int
    """How many units it takes."""
    read: Reader
    """What reads it out of their bytes."""
    write: Writer = read_only
    """What puts a value into their bytes."""


@dataclass(frozen=True, slots=True)
class Block:
    """Units of one area that are asked for together, and the values among them."""

    area: str
    first: int
    count: int
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return " to ".join(dict.fromkeys((self.places[0].address, self.places[-1].address)))

    def values(self, payload: bytes) -> Iterator[tuple[str, Value]]:
        """Yield address and value of every place; the payload is all units, each of as many bytes."""
        width = len(payload) // self.count
        for place in self.places:
            start = (place.first - self.first) * width
            yield place.address, place.read(payload[start : start + place.count * width])

    def put(self, payload: bytearray, place: Place, value: Value) -> None:
        """Put the value of one of its places into the bytes of all its units."""
        width = len(payload) // self.count
        own = slice((place.first - self.first) * width, (place.first - self.first + place.count) * width)
        payload[own] = place.write(bytes(payload[own]), value)


def plan(places: Iterable[Place], limits: Mapping[str, int], gap: int = 0) -> tuple[Block, ...]:
    """Return the fewest requests that ask for all places.

    Parameters
    ----------
    limits
        The most units of each area that a request may ask for.
    gap
        So many units between two values that nobody wants are read along.
    """
    ordered = sorted(places, key=lambda place: (place.area, place.first, place.count))
    return tuple(
        _block(group)
        for area, found in groupby(ordered, key=lambda place: place.area)
        for group in _groups(found, limits[area], gap)
    )


def _groups(places: Iterable[Place], limit: int, gap: int) -> Iterator[list[Place]]:
    group: list[Place] = []
    end = 0
    for place in places:
        after = place.first + place.count
        if group and (place.first > end + gap or after > group[0].first + limit):
            yield group
            group, end = [], 0
        group.append(place)
        end = max(end, after)
    if group:
        yield group


def _block(places: list[Place]) -> Block:
    first = places[0].first
    end = max(place.first + place.count for place in places)
    return Block(places[0].area, first, end - first, tuple(places))

"""Event-time panes of many keys: count, sum, minimum and maximum in a ring of panes per key.

A pane is numbered ``ts // width``; pane ``p`` of key ``k`` lies in row ``p % slots * keys + k`` of
``cells`` (rows, 4): count, sum, min, max. Each key belongs to a group (its machine), and a group's
live panes are ``oldest[group]`` and the ``slots - 1`` after it: the caller keeps all others empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("windows")

ON_TIME, LATE, TOO_LATE = 0, 1, 2
"""A reading's fate: its pane is open, closed but still kept, or gone."""

Ints = NDArray[np.int64]
Keys = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """The panes of one width: ``cells`` (slots * keys, 4) and ``version`` (slots * keys,)."""

    width: int
    slots: int
    keys: int
    cells: NDArray[np.float64]
    version: Keys

    @classmethod
    def empty(cls, width: int, slots: int, keys: int) -> Ring:
        """Make a ring in which no pane holds anything; memory is taken as panes are touched."""
        if min(width, slots) < 1:
            raise ValueError(f"a ring needs a positive width and number of slots, not {width} and {slots}")
        rows = slots * keys
        return cls(width, slots, keys, np.zeros((rows, 4)), np.zeros(rows, dtype=np.int32))

    def rows(self, key: Keys, pane: Ints) -> Ints:
        """Return the rows of panes."""
        found: Ints = pane % self.slots * self.keys + key
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """For some groups, their keys ``first`` to ``last`` and panes ``begin`` to ``end``, ends excluded."""

    first: Ints
    last: Ints
    begin: Ints
    end: Ints

    def __post_init__(self) -> None:
        if len({len(self.first), len(self.last), len(self.begin), len(self.end)}) > 1:
            raise ValueError("the columns of the spans differ in length")

    def size(self) -> int:
        """Return how many panes they cover."""
        covered = (self.last - self.first) * np.maximum(self.end - self.begin, 0)
        return int(covered.sum())


def accumulate(
    ring: Ring,
    key: Keys,
    ts: Ints,
    value: NDArray[np.float64],
    *,
    group: Keys,
    oldest: Ints,
    closed: Ints,
    late: NDArray[np.uint8],
    start: int = 0,
) -> int:
    """Add numbers (n,) to their panes in the order they stand; NaN is no number and is passed over.

    Parameters
    ----------
    group : (keys,) the group of each key.
    oldest, closed : (groups,) the oldest live pane, and the first that is not closed yet.
    late : (n,) set to `LATE` or `TOO_LATE` where a reading is; otherwise left as it is.
    start : the row to begin with.

    Returns
    -------
    int
        The first row whose pane lies beyond its group's ring, or n: everything before is done.
    """
    if not len(key) == len(ts) == len(value) == len(late):
        raise ValueError("the columns of the readings differ in length")
    if len(group) != ring.keys or len(oldest) != len(closed):
        raise ValueError("group must have one entry a key, oldest and closed one a group")
    end = int(
        _twin.accumulate(
            key, ts, value, start, group, oldest, closed, ring.width, ring.slots, ring.cells, late
        )
    )
    if end < 0:
        raise ValueError(f"a key lies outside 0..{ring.keys - 1}, or its group outside 0..{len(oldest) - 1}")
    return end


def merge(ring: Ring, key: Keys, pane: Ints, parts: NDArray[np.float64]) -> None:
    """Add the contents ``parts`` (n, 4) of narrower panes to this ring's panes (n,)."""
    if not len(key) == len(pane) == len(parts) or parts.shape[1:] != (4,):
        raise ValueError("key, pane and parts must have one row a pane, parts four columns")
    _check(key, ring.keys, "key")
    _twin.merge(key, pane, parts, ring.keys, ring.slots, ring.cells)


def collect(ring: Ring, spans: Spans) -> tuple[Keys, Ints]:
    """Return key and pane of every pane within the spans that holds anything, in their order."""
    _check_spans(ring, spans)
    key, pane = np.empty(spans.size(), dtype=np.int32), np.empty(spans.size(), dtype=np.int64)
    found = _twin.collect(
        spans.first, spans.last, spans.begin, spans.end, ring.keys, ring.slots, ring.cells, key, pane
    )
    return key[:found], pane[:found]


def clear(ring: Ring, spans: Spans) -> None:
    """Empty the panes within the spans; their count and version become 0."""
    _check_spans(ring, spans)
    _twin.clear(
        spans.first, spans.last, spans.begin, spans.end, ring.keys, ring.slots, ring.cells, ring.version
    )


def _check(codes: Keys, size: int, name: str) -> None:
    if len(codes) and (int(codes.min()) < 0 or int(codes.max()) >= size):
        raise ValueError(f"a {name} lies outside 0..{size - 1}")


def _check_spans(ring: Ring, spans: Spans) -> None:
    if len(spans.first) and (int(spans.first.min()) < 0 or int(spans.last.max()) > ring.keys):
        raise ValueError(f"a span names keys outside 0..{ring.keys}")
    if len(spans.first) and int((spans.end - spans.begin).max()) > ring.slots:
        raise ValueError(f"a span covers more than the ring's {ring.slots} panes")

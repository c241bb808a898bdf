"""Event-time panes of many keys: count, sum, minimum and maximum in a ring of panes per key.

A pane is numbered ``ts // width``; pane ``p`` of key ``k`` lies in row ``p % slots * keys + k`` of
``cells`` (rows, 4): count, sum, min, max. Each key belongs to a group (its machine), and a group's
live panes are ``oldest[group]`` and the ``slots - 1`` after it: the caller keeps all others empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels import sweeps
from kernels._select import load

_twin = load("windows")

ON_TIME, LATE, TOO_LATE = 0, 1, 2
"""A reading's fate: added; not added, since it is out of order or its pane is closed; its pane is gone."""

Ints = NDArray[np.int64]
Keys = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """The panes of one width: ``cells`` (slots * keys, 4) and ``version`` (slots * keys,)."""

    width: int
    slots: int
    keys: int
    cells: Floats
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
    value: Floats,
    *,
    group: Keys,
    oldest: Ints,
    closed: Ints,
    newest: Ints,
    late: Flags,
    start: int = 0,
    sweep: int = 0,
) -> tuple[int, int]:
    """Add numbers (n,) to their panes in the order they stand; NaN is no number and is passed over.

    A number that is not newer than all before it of its key, or whose pane is closed, is not added:
    it is marked `LATE`, and its pane is to be folded anew in order of time (`refold`).

    Parameters
    ----------
    group : (keys,) the group of each key.
    oldest, closed : (groups,) the oldest live pane, and the first that is not closed yet.
    newest : (keys,) the newest time added of each key; raised in place.
    late : (n,) 0, set to `LATE` or `TOO_LATE` where a reading is.
    start : the row to begin with.
    sweep : after how many rows the same keys come again in the same order, each once; 0 where they do not.
        Sweeps that are in order and lie in open panes are folded many keys at a time.

    Returns
    -------
    tuple
        The first row whose pane lies beyond its group's ring, or n: everything before is done; and how
        many numbers of these were marked.
    """
    if not len(key) == len(ts) == len(value) == len(late):
        raise ValueError("the columns of the readings differ in length")
    if not len(group) == len(newest) == ring.keys or len(oldest) != len(closed):
        raise ValueError("group and newest must have one entry a key, oldest and closed one a group")
    if sweep > 0 and start < len(ts):
        start += sweeps.accumulate(
            key[start : start + sweep],
            ts[start:],
            value[start:],
            group=group,
            oldest=oldest,
            closed=closed,
            newest=newest,
            width=ring.width,
            slots=ring.slots,
            cells=ring.cells,
        )
    end, marked = _twin.accumulate(
        key, ts, value, start, group, oldest, closed, newest, ring.width, ring.slots, ring.cells, late
    )
    if end < 0:
        raise ValueError(f"a key lies outside 0..{ring.keys - 1}, or its group outside 0..{len(oldest) - 1}")
    return end, marked


def rising(key: Keys, ts: Ints, value: Floats, newest: Ints, late: Flags) -> None:
    """Mark `LATE` each number (n,) that is not newer than ``newest`` (keys,) of its key; raise the rest."""
    if not len(key) == len(ts) == len(value) == len(late):
        raise ValueError("the columns of the readings differ in length")
    _check(key, len(newest), "key")
    _twin.rising(key, ts, value, newest, late)


@dataclass(frozen=True, slots=True, eq=False)
class Refolding:
    """Panes (m,) to be folded anew, and the late numbers that belong into them.

    ``number`` (slots * keys,) is the pane that stands in each row of the ring, -1 where none does.
    ``ts`` and ``value`` are the late numbers, pane by pane, each pane's sorted and without repetition;
    ``cursor`` (m,) is the next one of each pane, ``stop`` (m,) one after its last. ``fresh`` takes the folds:
    pane ``i`` in its row ``i``.
    """

    ring: Ring
    pane: Ints
    number: Keys
    ts: Ints
    value: Floats
    cursor: Ints
    stop: Ints
    fresh: Ring

    @classmethod
    def of(cls, ring: Ring, panes: tuple[Keys, Ints], late: tuple[Keys, Ints, Floats]) -> Refolding:
        """Choose panes, (key, pane) once each, and late numbers of them as key, ts and value.

        Raises
        ------
        ValueError
            A late number belongs to no chosen pane.
        """
        number = np.full(ring.slots * ring.keys, -1, dtype=np.int32)
        number[ring.rows(*panes)] = np.arange(len(panes[0]), dtype=np.int32)
        key, ts, value = late[0], late[1], late[2] + 0.0
        own = number[ring.rows(key, ts // ring.width)]
        if np.any(own < 0) or np.any(panes[1][own] != ts // ring.width):
            raise ValueError("a late number belongs to no pane that is folded anew")
        place = own.astype(np.int64) * ring.width + ts % ring.width
        order = np.argsort(place)
        if np.any(place[order[1:]] == place[order[:-1]]):
            order = np.lexsort((value, place))
        own, ts, value = own[order], ts[order], value[order]
        once = np.ones(len(own), dtype=bool)
        once[1:] = (own[1:] != own[:-1]) | (ts[1:] != ts[:-1]) | (value[1:] != value[:-1])
        stop = np.cumsum(np.bincount(own[once], minlength=len(panes[0])))
        cursor = np.append(0, stop)[:-1]
        fresh = Ring.empty(1, 1, len(panes[0]))
        return cls(ring, panes[1], number, ts[once], value[once], cursor, stop, fresh)

    def add(self, key: Keys, ts: Ints, value: Floats, late: Flags) -> None:
        """Fold numbers that are not marked late; of each key their times rise, from call to call too."""
        if not len(key) == len(ts) == len(value) == len(late):
            raise ValueError("the columns of the readings differ in length")
        _check(key, self.ring.keys, "key")
        ring, rest = self.ring, (self.ts, self.value, self.cursor, self.stop, self.fresh.cells)
        _twin.refold(key, ts, value, late, ring.width, ring.slots, ring.keys, self.number, self.pane, *rest)

    def cells(self) -> Floats:
        """Fold the late numbers behind all others, and return count, sum, min, max (m, 4)."""
        left = self.stop - self.cursor
        own = np.repeat(np.arange(len(left), dtype=np.int32), left)
        first = np.repeat(np.cumsum(left) - left, left)
        value = self.value[np.repeat(self.cursor, left) + np.arange(len(own)) - first]
        parts = np.stack([np.ones(len(own)), value, value, value], axis=1)
        merge(self.fresh, own, np.zeros(len(own), dtype=np.int64), parts)
        self.cursor[:] = self.stop
        return self.fresh.cells


def merge(ring: Ring, key: Keys, pane: Ints, parts: Floats) -> None:
    """Add the contents ``parts`` (n, 4) of narrower panes to this ring's panes (n,)."""
    if not len(key) == len(pane) == len(parts) or parts.shape[1:] != (4,):
        raise ValueError("key, pane and parts must have one row a pane, parts four columns")
    _check(key, ring.keys, "key")
    _twin.merge(key, pane, parts, ring.keys, ring.slots, ring.cells)


def fold(ring: Ring, key: Keys, begin: Ints, live: Ints, cells: Floats) -> None:
    """Add to each of ``cells`` (n, 4) what ``live`` panes (n,) of its key hold, in order of time.

    The panes of row i are ``begin[i]`` and the ``live[i] - 1`` after it, at most as many as the ring has.
    """
    if not len(key) == len(begin) == len(live) == len(cells) or cells.shape[1:] != (4,):
        raise ValueError("key, begin, live and cells must have one row each, cells four columns")
    _check(key, ring.keys, "key")
    if len(live) and int(live.max()) > ring.slots:
        raise ValueError(f"more panes are to be folded than the ring's {ring.slots}")
    _twin.fold(key, begin, live, ring.keys, ring.slots, ring.cells, cells)


def collect(ring: Ring, spans: Spans) -> tuple[Keys, Ints, Keys, Floats]:
    """Return key, pane, version and contents (n, 4) of every pane within the spans that holds anything.

    They stand in the spans' order.
    """
    _check_spans(ring, spans)
    size = spans.size()
    key, pane = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int64)
    version, parts = np.empty(size, dtype=np.int32), np.empty((size, 4))
    where = (spans.first, spans.last, spans.begin, spans.end, ring.keys, ring.slots)
    found = _twin.collect(*where, ring.cells, ring.version, key, pane, version, parts)
    return key[:found], pane[:found], version[:found], parts[:found]


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

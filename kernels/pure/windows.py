"""Keyed event-time panes in NumPy; checks and meaning stand in `kernels.windows`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.int32]
Cells = NDArray[np.float64]


def accumulate(
    key: Keys,
    ts: Ints,
    value: NDArray[np.float64],
    start: int,
    group: Keys,
    oldest: Ints,
    closed: Ints,
    width: int,
    slots: int,
    cells: Cells,
    late: NDArray[np.uint8],
) -> int:
    """Add numbers to their panes; return the first row that does not fit, -1 where a key names nothing."""
    if not _within(key[start:], len(group)) or not _within(group[key[start:]], len(oldest)):
        return -1
    rows = start + np.flatnonzero(~np.isnan(value[start:]))
    pane = ts[rows] // width
    owner = group[key[rows]]
    floor = oldest[owner]
    overflow = np.flatnonzero((pane >= floor) & (pane >= floor + slots))
    end = int(rows[overflow[0]]) if len(overflow) else len(ts)
    within = rows < end
    rows, pane, owner, floor = rows[within], pane[within], owner[within], floor[within]
    gone = pane < floor
    late[rows[gone]] = 2
    late[rows[~gone & (pane < closed[owner])]] = 1
    rows, pane = rows[~gone], pane[~gone]
    numbers = value[rows] + 0.0
    _add(cells, pane % slots * len(group) + key[rows], np.ones(len(rows)), numbers, numbers, numbers)
    return end


def merge(key: Keys, pane: Ints, parts: Cells, keys: int, slots: int, cells: Cells) -> None:
    """Add whole panes to wider ones."""
    _add(cells, pane % slots * keys + key, *parts.T)


def collect(
    first: Ints,
    last: Ints,
    begin: Ints,
    end: Ints,
    keys: int,
    slots: int,
    cells: Cells,
    key: Keys,
    pane: Ints,
) -> int:
    """List the panes that hold anything; return how many."""
    found = 0
    for low, high, start, stop in zip(*(item.tolist() for item in (first, last, begin, end)), strict=True):
        for number in range(start, stop):
            row = number % slots * keys
            held = np.flatnonzero(cells[row + low : row + high, 0] > 0)
            key[found : found + len(held)] = low + held
            pane[found : found + len(held)] = number
            found += len(held)
    return found


def clear(
    first: Ints, last: Ints, begin: Ints, end: Ints, keys: int, slots: int, cells: Cells, version: Keys
) -> None:
    """Empty panes for those that will take their place."""
    for low, high, start, stop in zip(*(item.tolist() for item in (first, last, begin, end)), strict=True):
        for number in range(start, stop):
            row = number % slots * keys
            cells[row + low : row + high, 0] = 0
            version[row + low : row + high] = 0


def _within(codes: Keys, size: int) -> bool:
    return bool(not len(codes) or (codes.min() >= 0 and codes.max() < size))


def _add(cells: Cells, cell: Ints, count: Cells, total: Cells, low: Cells, high: Cells) -> None:
    fresh = cell[cells[cell, 0] == 0]
    cells[fresh, 1:] = (0.0, np.inf, -np.inf)
    np.add.at(cells[:, 0], cell, count)
    np.add.at(cells[:, 1], cell, total)
    np.minimum.at(cells[:, 2], cell, low)
    np.maximum.at(cells[:, 3], cell, high)

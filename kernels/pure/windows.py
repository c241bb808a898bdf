"""Keyed event-time panes in NumPy; checks and meaning stand in `kernels.windows`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.int32]
Floats = NDArray[np.float64]
Cells = Floats
Flags = NDArray[np.uint8]


def accumulate(
    key: Keys,
    ts: Ints,
    value: Floats,
    start: int,
    group: Keys,
    oldest: Ints,
    closed: Ints,
    newest: Ints,
    width: int,
    slots: int,
    cells: Cells,
    late: Flags,
) -> tuple[int, int]:
    """Add numbers that are in order; return the first row that does not fit, or -1, and how many are late."""
    if not bounded(key[start:], len(group)) or not bounded(group[key[start:]], len(oldest)):
        return -1, 0
    rows = start + np.flatnonzero(~np.isnan(value[start:]))
    pane = ts[rows] // width
    owner = group[key[rows]]
    floor = oldest[owner]
    overflow = np.flatnonzero((pane >= floor) & (pane >= floor + slots))
    end = int(rows[overflow[0]]) if len(overflow) else len(ts)
    within = rows < end
    rows, pane, owner, floor = rows[within], pane[within], owner[within], floor[within]
    late[rows[pane < floor]] = 2
    late[rows[(pane >= floor) & (pane < closed[owner])]] = 1
    open_panes = pane >= np.maximum(closed[owner], floor)
    rows, pane = rows[open_panes], pane[open_panes]
    behind = np.zeros(len(rows), dtype=np.uint8)
    rising(key[rows], ts[rows], value[rows], newest, behind)
    late[rows[behind > 0]] = 1
    rows, pane = rows[behind == 0], pane[behind == 0]
    numbers = value[rows] + 0.0
    _add(cells, pane % slots * len(group) + key[rows], np.ones(len(rows)), numbers, numbers, numbers)
    return end, int(np.count_nonzero(late[start:end]))


def rising(key: Keys, ts: Ints, value: Floats, newest: Ints, late: Flags) -> None:
    """Tell numbers that are not newer than all before them of their key."""
    rows = np.flatnonzero(~np.isnan(value))
    for row, owner, time in zip(rows.tolist(), key[rows].tolist(), ts[rows].tolist(), strict=True):
        if time <= newest[owner]:
            late[row] = 1
        else:
            newest[owner] = time


def refold(
    key: Keys,
    ts: Ints,
    value: Floats,
    late: Flags,
    width: int,
    slots: int,
    keys: int,
    number: Keys,
    pane: Ints,
    other_ts: Ints,
    other: Floats,
    cursor: Ints,
    stop: Ints,
    cells: Cells,
) -> None:
    """Add numbers to chosen panes, each after the others that come before it."""
    chosen = number[ts // width % slots * keys + key]
    rows = np.flatnonzero((late == 0) & (chosen >= 0) & ~np.isnan(value))
    rows = rows[pane[chosen[rows]] == ts[rows] // width]
    for row, n in zip(rows.tolist(), chosen[rows].tolist(), strict=True):
        at = int(ts[row]), float(value[row]) + 0.0
        while cursor[n] < stop[n] and (other_ts[cursor[n]], other[cursor[n]]) < at:
            _add_one(cells, n, float(other[cursor[n]]))
            cursor[n] += 1
        if cursor[n] < stop[n] and (other_ts[cursor[n]], other[cursor[n]]) == at:
            cursor[n] += 1
        _add_one(cells, n, at[1])


def merge(key: Keys, pane: Ints, parts: Cells, keys: int, slots: int, cells: Cells) -> None:
    """Add whole panes to wider ones."""
    _add(cells, pane % slots * keys + key, *parts.T)


def fold(key: Keys, begin: Ints, live: Ints, keys: int, slots: int, cells: Cells, folds: Cells) -> None:
    """Add panes that follow each other to the folds they belong to."""
    live = np.maximum(live, 0)
    own = np.repeat(np.arange(len(key)), live)
    pane = begin[own] + np.arange(len(own)) - np.repeat(np.cumsum(live) - live, live)
    parts = cells[pane % slots * keys + key[own]]
    held = parts[:, 0] > 0
    _add(folds, own[held], *parts[held].T)


def collect(
    first: Ints,
    last: Ints,
    begin: Ints,
    end: Ints,
    keys: int,
    slots: int,
    cells: Cells,
    version: Keys,
    key: Keys,
    pane: Ints,
    version_of: Keys,
    parts: Cells,
) -> int:
    """List the panes that hold anything, and what they hold; return how many."""
    found = 0
    for low, high, start, stop in zip(*(item.tolist() for item in (first, last, begin, end)), strict=True):
        for number in range(start, stop):
            row = number % slots * keys
            held = np.flatnonzero(cells[row + low : row + high, 0] > 0)
            key[found : found + len(held)] = low + held
            pane[found : found + len(held)] = number
            version_of[found : found + len(held)] = version[row + low + held]
            parts[found : found + len(held)] = cells[row + low + held]
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


def bounded(codes: Keys, size: int) -> bool:
    """Say whether all codes lie between 0 and a size."""
    return bool(not len(codes) or (codes.min() >= 0 and codes.max() < size))


def _add(cells: Cells, cell: Ints, count: Cells, total: Cells, low: Cells, high: Cells) -> None:
    fresh = cell[cells[cell, 0] == 0]
    cells[fresh, 1:] = (0.0, np.inf, -np.inf)
    np.add.at(cells[:, 0], cell, count)
    np.add.at(cells[:, 1], cell, total)
    np.minimum.at(cells[:, 2], cell, low)
    np.maximum.at(cells[:, 3], cell, high)


def _add_one(cells: Cells, cell: int, value: float) -> None:
    single, one = np.array([cell]), np.array([value])
    _add(cells, single, np.ones(1), one, one, one)

"""Panes of keys that come sweep by sweep, in NumPy; checks and meaning stand in `kernels.sweeps`."""

from __future__ import annotations

import numpy as np

from kernels.pure import windows
from kernels.pure.windows import Cells, Floats, Ints, Keys


def accumulate(
    key: Keys,
    ts: Ints,
    value: Floats,
    group: Keys,
    oldest: Ints,
    closed: Ints,
    newest: Ints,
    width: int,
    slots: int,
    cells: Cells,
) -> int:
    """Add sweeps while each lies in one open pane and is newer than all before; return how many rows."""
    if not windows.bounded(key, len(group)) or not windows.bounded(group[key], len(oldest)):
        return 0
    begin, end = np.maximum(oldest, closed)[group[key]], oldest[group[key]] + slots
    whole = len(ts) // len(key) * len(key)
    for at in range(0, whole, len(key)):
        rows = slice(at, at + len(key))
        pane = ts[rows] // width
        fits = (pane == pane[0]) & (pane >= begin) & (pane < end) & (ts[rows] > newest[key])
        if not fits.all():
            return at
        bounds, late = (group, oldest, closed), np.zeros(len(key), dtype=np.uint8)
        windows.accumulate(key, ts[rows], value[rows], 0, *bounds, newest, width, slots, cells, late)
    return whole

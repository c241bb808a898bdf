"""Panes of keys that come sweep by sweep: a poll or a scan, all keys in one order, each once.

A key's numbers then stand a sweep apart: many keys are folded side by side, each in order of time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("sweeps")


def accumulate(
    key: NDArray[np.int32],
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    *,
    group: NDArray[np.int32],
    oldest: NDArray[np.int64],
    closed: NDArray[np.int64],
    newest: NDArray[np.int64],
    width: int,
    slots: int,
    cells: NDArray[np.float64],
) -> int:
    """Add the numbers (n,) of sweeps over keys (m,), no key twice, as `kernels.windows.accumulate` does.

    Returns
    -------
    int
        How many rows were added: all of the first sweeps, each of which lies in one pane that is open for
        all its keys, and is newer than all numbers before. What comes behind them is left as it was.
    """
    if len(ts) != len(value) or not len(key):
        raise ValueError("a sweep needs keys, and each of its numbers a time")
    if not len(group) == len(newest) == len(cells) // slots or len(oldest) != len(closed):
        raise ValueError("group and newest must have one entry a key, oldest and closed one a group")
    return int(_twin.accumulate(key, ts, value, group, oldest, closed, newest, width, slots, cells))

"""Admission of readings in NumPy; checks and meaning stand in `kernels.admit`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def classify(
    machine: NDArray[np.int32],
    tag: NDArray[np.int32],
    text: NDArray[np.int32],
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    key_of: NDArray[np.int32],
    numeric: NDArray[np.uint8],
    silent: NDArray[np.uint8],
    earliest: int,
    latest: int,
    key: NDArray[np.int32],
    reason: NDArray[np.uint8],
) -> int:
    """Fill key and reason; return how many reasons are not 0, or -1 where a code names nothing."""
    text = text if len(text) else np.full(len(ts), -1, dtype=np.int32)
    if any(codes.max(initial=-1) >= size for codes, size in zip((machine, tag), key_of.shape, strict=True)):
        return -1
    key.fill(-1)
    coded = np.flatnonzero((machine >= 0) & (tag >= 0))
    key[coded] = key_of[machine[coded], tag[coded]]
    if key.max(initial=-1) >= len(numeric) or text.max(initial=-1) >= len(silent):
        return -1
    known, worded = key >= 0, text >= 0
    is_number = np.zeros(len(key), dtype=bool)
    is_number[known] = numeric[key[known]] != 0
    quiet = np.zeros(len(key), dtype=bool)
    quiet[worded] = silent[text[worded]] != 0
    tests = [
        (~known, 1),
        ((ts < earliest) | (ts > latest), 2),
        (~worded & ~np.isfinite(value), 3),
        (~worded & ~is_number, 6),
        (worded & ~np.isnan(value), 5),
        (worded & is_number & ~quiet, 4),
    ]
    reason[:] = np.select([test for test, _ in tests], [code for _, code in tests], 0)
    return int(np.count_nonzero(reason))


def same(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Return whether two columns hold the same."""
    return np.array_equal(one, other)


def plain(ts: NDArray[np.int64], value: NDArray[np.float64], earliest: int, latest: int) -> int:
    """Return the newest time, -1 where one lies outside or a value is not finite."""
    timely = len(ts) and earliest <= ts.min() and ts.max() <= latest
    return int(ts.max()) if timely and np.isfinite(value).all() else -1


def newest(
    key: NDArray[np.int32], ts: NDArray[np.int64], group: NDArray[np.int32], latest: NDArray[np.int64]
) -> bool:
    """Raise ``latest`` of each key's group to the newest time; False where there is no such key or group."""
    if not _within(key, len(group)) or not _within(group[key], len(latest)):
        return False
    np.maximum.at(latest, group[key], ts)
    return True


def _within(codes: NDArray[np.int32], size: int) -> bool:
    return bool(not len(codes) or (codes.min() >= 0 and codes.max() < size))

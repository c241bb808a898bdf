"""Sort readings into those a plant knows and those it must refuse, one pass over dictionary codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("admit")

UNKNOWN, OUT_OF_RANGE, NOT_A_NUMBER, TEXT_IN_NUMBER, TWO_VALUES, NUMBER_IN_TEXT = 1, 2, 3, 4, 5, 6
"""What `classify` says of a reading; 0 is a reading to take as it is."""


def classify(
    machine: NDArray[np.int32],
    tag: NDArray[np.int32],
    text: NDArray[np.int32],
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    *,
    key_of: NDArray[np.int32],
    numeric: NDArray[np.uint8],
    silent: NDArray[np.uint8],
    between: tuple[int, int],
    key: NDArray[np.int32],
    reason: NDArray[np.uint8],
) -> int:
    """Find each reading's key and what is wrong with it.

    Parameters
    ----------
    machine, tag, text : (n,) dictionary codes, -1 where null; no ``text`` at all (0,) is all null.
    ts, value : (n,) event time and number; NaN where there is none.
    key_of : (machine codes, tag codes) the key of a pair, -1 where unknown.
    numeric : (keys,) 1 where the key takes numbers.
    silent : (text codes,) 1 where the text may stand in a numeric tag.
    between : earliest and latest event time allowed, both included.
    key, reason : (n,) filled by the call.

    Returns
    -------
    int
        How many readings carry a reason other than 0.

    Raises
    ------
    ValueError
        A code lies outside its dictionary, or a key outside ``numeric``.
    """
    lengths = {len(machine), len(tag), len(value), len(key), len(reason), len(text) or len(ts)}
    if lengths != {len(ts)}:
        raise ValueError("the columns of the readings differ in length")
    marked = int(
        _twin.classify(machine, tag, text, ts, value, key_of, numeric, silent, *between, key, reason)
    )
    if marked < 0:
        raise ValueError(
            "a code lies outside its dictionary, or key_of names a key that numeric does not have"
        )
    return marked


def same(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Return whether two columns of codes hold the same."""
    return one is other or bool(_twin.same(np.ascontiguousarray(one), np.ascontiguousarray(other)))


def plain(ts: NDArray[np.int64], value: NDArray[np.float64], between: tuple[int, int]) -> int | None:
    """Return the newest time where all times lie between two, both included, and all values are finite.

    None where one does not, where there is none, or where the range reaches back before 1970.
    """
    if len(ts) != len(value):
        raise ValueError("ts and value differ in length")
    found = int(_twin.plain(ts, value, *between)) if 0 <= between[0] <= between[1] else -1
    return None if found < 0 else found


def newest(
    key: NDArray[np.int32], ts: NDArray[np.int64], group: NDArray[np.int32], latest: NDArray[np.int64]
) -> None:
    """Raise ``latest[group[key]]`` to the newest ``ts`` of each group, in place."""
    if len(key) != len(ts):
        raise ValueError("key and ts differ in length")
    if not _twin.newest(key, ts, group, latest):
        raise ValueError("a key lies outside group, or a group outside latest")

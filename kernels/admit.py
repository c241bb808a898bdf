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
    machine, tag, text : (n,) dictionary codes, -1 where null.
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
    """
    columns = (machine, tag, text, ts, value, key, reason)
    if any(len(column) != len(ts) for column in columns):
        raise ValueError("the columns of the readings differ in length")
    _check_codes("machine", machine, key_of.shape[0])
    _check_codes("tag", tag, key_of.shape[1])
    _check_codes("text", text, len(silent))
    if key_of.size and int(key_of.max()) >= len(numeric):
        raise ValueError("key_of names a key that numeric does not have")
    return int(_twin.classify(machine, tag, text, ts, value, key_of, numeric, silent, *between, key, reason))


def newest(
    key: NDArray[np.int32], ts: NDArray[np.int64], group: NDArray[np.int32], latest: NDArray[np.int64]
) -> None:
    """Raise ``latest[group[key]]`` to the newest ``ts`` of each group, in place."""
    if len(key) != len(ts):
        raise ValueError("key and ts differ in length")
    _check_keys(key, len(group))
    if len(group) and (int(group.min()) < 0 or int(group.max()) >= len(latest)):
        raise ValueError("group names a row that latest does not have")
    _twin.newest(key, ts, group, latest)


def _check_codes(name: str, codes: NDArray[np.int32], size: int) -> None:
    if len(codes) and int(codes.max()) >= size:
        raise ValueError(f"a code of {name} lies outside its dictionary of {size}")


def _check_keys(key: NDArray[np.int32], size: int) -> None:
    if len(key) and (int(key.min()) < 0 or int(key.max()) >= size):
        raise ValueError(f"a key lies outside 0..{size - 1}")

"""Sparkplug B payloads (protobuf), decoded into columns; the metrics' names are known by their aliases.

A payload's fields are read as `sparkplug_b.proto` of the Eclipse Sparkplug specification 3.0 numbers
them; unknown fields are passed over, groups (which protobuf gave up) refused. Data sets, templates
and bytes are not looked into: of them, as of texts, the columns say where they stand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels._select import load

_twin = load("sparkplug")

ALIAS, SLOT, TIME, TYPE, KIND, FLAGS, VALUE, NAME, NAME_END, TEXT, TEXT_END, QUALITY = range(12)
"""Rows of the table that `decode` fills, one column a metric."""
COLUMNS = 12
TIMESTAMP, SEQ, METRICS, STRANGE, FAULT = range(5)
"""What `decode` says of the payload; a time or seq that is not there is the smallest int64,
one that is too large the largest."""
HEAD = 5
FAULTS = ("", "malformed_payload", "too_many_metrics")
"""Why a payload could not be read: in one word, by number."""
HISTORICAL, TRANSIENT, IS_NULL, HAS_ALIAS = 1, 2, 4, 8
"""Bits of the flags."""
INT, LONG, FLOAT, DOUBLE, BOOLEAN, STRING, BLOB, DATASET, TEMPLATE, EXTENSION = range(10, 20)
"""Kinds of value, numbered like their fields; 0 where a metric has none."""
UNKNOWN, NOT_WANTED = -1, -2
"""Slots of aliases that no birth told, and of those that one told and nobody asked for."""


def decode(
    payload: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    known: NDArray[np.int64],
    heads: NDArray[np.int64],
    rows: NDArray[np.int64],
    first: int = 0,
) -> None:
    """Decode payloads of one node that follow one another.

    Parameters
    ----------
    payload : (n,) their bytes, perhaps among others: what is said of places counts from its first.
    bounds : (payloads + 1,) where each begins and the last one ends, ascending.
    known : (3, aliases) aliases in ascending order, their slots, their data types.
    heads : (payloads, 5) filled: time in milliseconds, seq, number of metrics, how many of them have no
        slot, and the fault (an index into `FAULTS`). What has a fault has no metrics.
    rows : (12, capacity) filled from column ``first`` on. A number of any kind is the bits of a double
        in VALUE, and as it came in TEXT; a metric without a data type has that of its alias, without a
        time its payload's.

    Raises
    ------
    ValueError
        The arrays do not fit.
    """
    if len(bounds) != len(heads) + 1 or bounds[0] < 0 or bounds[-1] > len(payload):
        raise ValueError(f"{len(bounds)} bounds do not cut {len(payload)} bytes into {len(heads)} payloads")
    if (bounds[1:] < bounds[:-1]).any():
        raise ValueError("the bounds of the payloads do not ascend")
    if known.shape[0] != 3 or heads.shape[1] != HEAD or rows.shape[0] != COLUMNS or first < 0:
        raise ValueError(f"known, heads and rows have the shapes {known.shape}, {heads.shape}, {rows.shape}")
    _twin.decode(payload, bounds, known, heads, rows, first)

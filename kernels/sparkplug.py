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
TIMESTAMP, SEQ, METRICS, STRANGE = range(4)
"""What `decode` says of the payload; a time or seq that is not there is the smallest int64,
one that is too large the largest."""
HISTORICAL, TRANSIENT, IS_NULL, HAS_ALIAS = 1, 2, 4, 8
"""Bits of the flags."""
INT, LONG, FLOAT, DOUBLE, BOOLEAN, STRING, BLOB, DATASET, TEMPLATE, EXTENSION = range(10, 20)
"""Kinds of value, numbered like their fields; 0 where a metric has none."""
UNKNOWN, NOT_WANTED = -1, -2
"""Slots of aliases that no birth told, and of those that one told and nobody asked for."""


class MalformedError(ValueError):
    """The payload cannot be read; the message is the reason in one word."""


def decode(
    payload: NDArray[np.uint8],
    begin: int,
    end: int,
    known: NDArray[np.int64],
    head: NDArray[np.int64],
    rows: NDArray[np.int64],
    first: int = 0,
) -> int:
    """Decode the payload that stands in ``payload[begin:end]`` and return how many metrics it has.

    Parameters
    ----------
    payload : (n,) bytes, perhaps of several payloads: what is said of places counts from its first.
    known : (3, aliases) aliases in ascending order, their slots, their data types.
    head : (4,) filled: time in milliseconds, seq, number of metrics, how many of them have no slot.
    rows : (12, capacity) filled from column ``first`` on. A number of any kind is the bits of a double
        in VALUE, and as it came in TEXT; a metric without a data type has that of its alias, without a
        time its payload's.

    Raises
    ------
    MalformedError
        ``malformed_payload``, or ``too_many_metrics`` for the capacity. What was filled then means nothing.
    ValueError
        The arrays do not fit.
    """
    if not 0 <= begin <= end <= len(payload):
        raise ValueError(f"bytes {begin} to {end} do not lie within {len(payload)}")
    if known.shape[0] != 3 or head.shape != (4,) or rows.shape[0] != COLUMNS or first < 0:
        raise ValueError(f"known, head and rows have the shapes {known.shape}, {head.shape}, {rows.shape}")
    if fault := _twin.decode(payload, begin, end, known, head, rows, first):
        raise MalformedError("malformed_payload" if fault == 1 else "too_many_metrics")
    return int(head[METRICS])

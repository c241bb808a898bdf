"""NumPy twin of `kernels.pgcopy`: the same bytes, row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

NULL = np.iinfo(np.int64).min


def measure_integers(values: Int64, width: int, sizes: Int64) -> None:
    """Add each field's bytes to its row's size."""
    sizes += np.where(values == NULL, 4, 4 + width)


def measure_floats(values: Float64, sizes: Int64) -> None:
    """Add each field's bytes to its row's size."""
    sizes += np.where(np.isnan(values), 4, 12)


def measure_texts(codes: Int32, offsets: Int64, extra: int, sizes: Int64) -> None:
    """Add each field's bytes to its row's size."""
    sizes += 4 + _lengths(codes, offsets, extra)


def put_counts(columns: int, out: Bytes, cursors: Int64) -> None:
    """Write the number of fields that opens every row."""
    _put_fixed(np.full(len(cursors), columns, np.int64), 2, out, cursors)
    cursors += 2


def put_integers(values: Int64, width: int, origin: int, out: Bytes, cursors: Int64) -> None:
    """Write one integer field per row, big-endian, less ``origin``."""
    there = values != NULL
    _put_fixed(np.where(there, width, -1), 4, out, cursors)
    _put_fixed(values[there] - np.int64(origin), width, out, cursors[there] + 4)
    cursors += np.where(there, 4 + width, 4)


def put_floats(values: Float64, out: Bytes, cursors: Int64) -> None:
    """Write one float8 field per row."""
    there = ~np.isnan(values)
    _put_fixed(np.where(there, 8, -1), 4, out, cursors)
    _put_fixed(values[there].view(np.int64), 8, out, cursors[there] + 4)
    cursors += np.where(there, 12, 4)


def put_texts(codes: Int32, offsets: Int64, letters: Bytes, extra: int, out: Bytes, cursors: Int64) -> None:
    """Write one text field per row, behind a version byte where ``extra`` is 1."""
    there = codes >= 0
    sizes = _lengths(codes, offsets, extra)
    _put_fixed(np.where(there, sizes, -1), 4, out, cursors)
    if extra:
        out[cursors[there] + 4] = 1
    lengths = sizes[there] - extra
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(offsets[codes[there]], lengths) + within
    out[np.repeat(cursors[there] + 4 + extra, lengths) + within] = letters[source]
    cursors += 4 + sizes


def _lengths(codes: Int32, offsets: Int64, extra: int) -> Int64:
    lengths = np.append(np.diff(offsets) + extra, 0)
    picked: Int64 = lengths[codes]
    return picked


def _put_fixed(values: Int64, width: int, out: Bytes, places: Int64) -> None:
    wide = values.astype(">i8").view(np.uint8).reshape(-1, 8)
    out[places[:, None] + np.arange(width)] = wide[:, 8 - width :]

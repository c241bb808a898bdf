"""Rows of PostgreSQL's binary COPY format, encoded from columns.

A row is a count of fields, then each field's length and bytes. Columns are written one after
another: first every column is measured into the rows' sizes, then the sizes become cursors, then
every column is put at its row's cursor, which moves on. Nothing is allocated here.

Integers are big-endian, their NULL is the smallest int64; a float's NULL is NaN; a text's NULL is a
negative code. Source: PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import _select

Bytes = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""Opens the stream: signature, flags, no extension."""
TRAILER = b"\xff\xff"
"""Closes the stream."""
WIDTHS = (2, 4, 8)
"""Bytes of int2, int4, int8 (and timestamptz)."""

_kernel = _select.load("pgcopy")


def measure_integers(values: Int64, width: int, sizes: Int64) -> None:
    """Add each field's bytes (4, and ``width`` when not null) to ``sizes`` (n,) int64."""
    _same(values, sizes)
    _one_of("width", width, WIDTHS)
    _kernel.measure_integers(values, width, sizes)


def measure_floats(values: Float64, sizes: Int64) -> None:
    """Add each float8 field's bytes to ``sizes`` (n,) int64."""
    _same(values, sizes)
    _kernel.measure_floats(values, sizes)


def measure_texts(codes: Int32, offsets: Int64, extra: int, sizes: Int64) -> None:
    """Add each text field's bytes to ``sizes``; entry c of the dictionary is offsets[c]..offsets[c + 1]."""
    _same(codes, sizes)
    _codes_fit(codes, offsets)
    _one_of("extra", extra, (0, 1))
    _kernel.measure_texts(codes, offsets, extra, sizes)


def put_counts(columns: int, out: Bytes, cursors: Int64) -> None:
    """Write the count of fields that opens every row; ``out`` has room for what was measured."""
    _room(out, cursors, 2)
    _kernel.put_counts(columns, out, cursors)


def put_integers(values: Int64, width: int, origin: int, out: Bytes, cursors: Int64) -> None:
    """Write one integer of ``width`` bytes per row, less ``origin`` (microseconds for timestamptz)."""
    _same(values, cursors)
    _one_of("width", width, WIDTHS)
    _room(out, cursors, 4)
    _kernel.put_integers(values, width, origin, out, cursors)


def put_floats(values: Float64, out: Bytes, cursors: Int64) -> None:
    """Write one float8 per row."""
    _same(values, cursors)
    _room(out, cursors, 4)
    _kernel.put_floats(values, out, cursors)


def put_texts(codes: Int32, offsets: Int64, letters: Bytes, extra: int, out: Bytes, cursors: Int64) -> None:
    """Write one dictionary text per row; ``extra`` 1 puts jsonb's version byte before it."""
    _same(codes, cursors)
    _codes_fit(codes, offsets)
    _one_of("extra", extra, (0, 1))
    _room(out, cursors, 4)
    _kernel.put_texts(codes, offsets, letters, extra, out, cursors)


def _same(column: NDArray[np.generic], rows: Int64) -> None:
    if len(column) != len(rows):
        raise ValueError(f"a column of {len(column)} values cannot fill {len(rows)} rows")


def _one_of(name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value}, it must be one of {allowed}")


def _codes_fit(codes: Int32, offsets: Int64) -> None:
    if len(codes) and int(codes.max()) >= len(offsets) - 1:
        raise ValueError(f"a code of {int(codes.max())} names no entry of {len(offsets) - 1} texts")


def _room(out: Bytes, cursors: Int64, needed: int) -> None:
    if len(cursors) and not 0 <= int(cursors[-1]) <= len(out) - needed:
        raise ValueError(f"the last row stands at byte {int(cursors[-1])}, out ends at {len(out)}")

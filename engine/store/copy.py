"""Rows as the bytes of a binary COPY: checked against the table, then encoded piece by piece.

What PostgreSQL would refuse is refused here, before these rows are sent: unknown columns, nulls where
none may be, numbers too wide. Texts lose what no PostgreSQL text can hold: NUL becomes U+FFFD, a
lone surrogate a question mark.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.store.errors import RowsRefused
from engine.store.tables import INTEGER_WIDTHS, Column, Table
from kernels import pgcopy
from streams.records import NULL, Rows, Text
from streams.samples import Samples
from streams.waveforms import SampledRows

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]

HEADER, TRAILER = pgcopy.HEADER, pgcopy.TRAILER

PIECE = 2048
"""Rows encoded at a time: few enough to stay in the cache, and the server begins at once."""

ARRAY = struct.Struct(">iiiii")
"""Opens an array: dimensions, whether there are nulls, type of its elements, how many, the first index."""
FLOAT4 = 700
"""The type of its elements; each has its size before it."""
ELEMENT = np.dtype([("size", ">i4"), ("value", ">f4")])

EPOCH_2000 = 946_684_800_000_000
OLDEST = -210_866_803_200_000_000
"""PostgreSQL's first timestamp, 4714 BC, in microseconds since 1970."""


class Field(Protocol):
    """One column of some rows, ready to be encoded."""

    def measure(self, part: slice, sizes: Int64) -> None:
        """Add the fields' bytes to the rows' sizes."""

    def put(self, part: slice, out: Bytes, cursors: Int64) -> None:
        """Write the fields at the rows' cursors and move these on."""


class Integers(NamedTuple):
    """An integer or time column."""

    values: Int64
    width: int
    origin: int

    def measure(self, part: slice, sizes: Int64) -> None:
        """Add the fields' bytes to the rows' sizes."""
        pgcopy.measure_integers(self.values[part], self.width, sizes)

    def put(self, part: slice, out: Bytes, cursors: Int64) -> None:
        """Write the fields."""
        pgcopy.put_integers(self.values[part], self.width, self.origin, out, cursors)


class Floats(NamedTuple):
    """A float8 column."""

    values: NDArray[np.float64]

    def measure(self, part: slice, sizes: Int64) -> None:
        """Add the fields' bytes to the rows' sizes."""
        pgcopy.measure_floats(self.values[part], sizes)

    def put(self, part: slice, out: Bytes, cursors: Int64) -> None:
        """Write the fields."""
        pgcopy.put_floats(self.values[part], out, cursors)


class Texts(NamedTuple):
    """A text or jsonb column, or one of arrays: whatever differs in length."""

    codes: NDArray[np.int32]
    offsets: Int64
    letters: Bytes
    extra: int

    def measure(self, part: slice, sizes: Int64) -> None:
        """Add the fields' bytes to the rows' sizes."""
        pgcopy.measure_texts(self.codes[part], self.offsets, self.extra, sizes)

    def put(self, part: slice, out: Bytes, cursors: Int64) -> None:
        """Write the fields."""
        pgcopy.put_texts(self.codes[part], self.offsets, self.letters, self.extra, out, cursors)


def fields(table: Table, rows: Rows, tenant: int) -> list[Field]:
    """Check rows against their table and make them ready, in the table's order of columns.

    Raises
    ------
    RowsRefused
        They do not fit; the message names the column.
    """
    size = len(rows)
    given: dict[str, Any] = {"tenant_id": np.full(size, tenant, np.int64), **rows.columns}
    if isinstance(rows, SampledRows):
        given["samples"] = rows.samples
    if unknown := given.keys() - {column.name for column in table.columns}:
        raise RowsRefused(f"table {table.name} has no column {sorted(unknown)[0]}")
    return [_field(table, column, given.get(column.name), size) for column in table.columns]


def pieces(prepared: list[Field], size: int) -> Iterator[Bytes]:
    """Yield the rows' bytes, some rows at a time; each piece is overwritten by the next."""
    out = np.empty(0, np.uint8)
    for start in range(0, size, PIECE):
        part = slice(start, min(start + PIECE, size))
        sizes = np.full(part.stop - part.start, 2, np.int64)
        for field in prepared:
            field.measure(part, sizes)
        cursors = np.cumsum(sizes)
        total = int(cursors[-1])
        cursors -= sizes
        if total > len(out):
            out = np.empty(total * 5 // 4, np.uint8)
        pgcopy.put_counts(len(prepared), out, cursors)
        for field in prepared:
            field.put(part, out, cursors)
        yield out[:total]


def _field(table: Table, column: Column, values: Any, size: int) -> Field:
    try:
        return _build(column, values, size)
    except RowsRefused as exc:
        raise RowsRefused(f"column {column.name} of table {table.name} {exc}") from None


def _build(column: Column, values: Any, size: int) -> Field:
    if values is not None and len(values) != size:
        raise RowsRefused(f"has {len(values)} values for {size} rows")
    if column.type in INTEGER_WIDTHS:
        return _integers(column, np.full(size, NULL) if values is None else values)
    if column.type == "float8":
        return _floats(column, np.full(size, np.nan) if values is None else values)
    if column.type in ("text", "jsonb"):
        return _texts(column, Text.constant(None, size) if values is None else values)
    if column.type == "_float4":
        return _arrays(values)
    raise RowsRefused(f"is of type {column.type}, which is not landed by COPY")


def _integers(column: Column, values: Any) -> Integers:
    if not isinstance(values, np.ndarray) or not np.issubdtype(values.dtype, np.integer):
        raise RowsRefused("takes integers")
    wide = np.ascontiguousarray(values, dtype=np.int64)
    width = INTEGER_WIDTHS[column.type]
    is_time = column.type == "timestamptz"
    _check_range(column, wide, OLDEST if is_time else -(1 << (8 * width - 1)), (1 << (8 * width - 1)) - 1)
    return Integers(wide, width, EPOCH_2000 if is_time else 0)


def _check_range(column: Column, values: Int64, low: int, high: int) -> None:
    if not len(values):
        return
    absent = values == NULL
    if absent.any():
        if not column.nullable:
            raise RowsRefused("must not be null")
        values = values[~absent]
    if len(values) and (int(values.min()) < low or int(values.max()) > high):
        raise RowsRefused(f"holds numbers beyond {column.type}")


def _floats(column: Column, values: Any) -> Floats:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise RowsRefused("takes numbers")
    wide = np.ascontiguousarray(values, dtype=np.float64)
    if not column.nullable and np.isnan(wide).any():
        raise RowsRefused("must not be null")
    return Floats(wide)


def _texts(column: Column, values: Any) -> Texts:
    if not isinstance(values, Text):
        raise RowsRefused("takes text")
    codes = np.ascontiguousarray(values.codes, dtype=np.int32)
    if not column.nullable and len(codes) and int(codes.min()) < 0:
        raise RowsRefused("must not be null")
    if len(codes) and int(codes.max()) >= len(values.values):
        raise RowsRefused("has codes beyond its dictionary")
    is_json = column.type == "jsonb"
    offsets, letters = DICTIONARIES.encoded(values.values, is_json)
    return Texts(codes, offsets, letters, int(is_json))


def _arrays(values: Any) -> Texts:
    """Encode each row's samples as an array of one dimension, numbered from 1."""
    if not isinstance(values, Samples):
        raise RowsRefused("takes samples")
    numbers = np.empty(len(values.values), ELEMENT)
    numbers["size"], numbers["value"] = 4, values.values
    arrays = [
        ARRAY.pack(1, 0, FLOAT4, stop - start, 1) + numbers[start:stop].tobytes()
        for start, stop in pairwise(values.offsets.tolist())
    ]
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays], dtype=np.int64)])
    return Texts(
        np.arange(len(arrays), dtype=np.int32), offsets, np.frombuffer(b"".join(arrays), np.uint8), 0
    )


class Dictionaries:
    """Encoded dictionaries of the latest text columns: most columns bring the same tuple again."""

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[int, bool], tuple[tuple[str, ...], Int64, Bytes]] = OrderedDict()

    def encoded(self, values: tuple[str, ...], is_json: bool) -> tuple[Int64, Bytes]:
        """Return offsets (n + 1,) and letters of a dictionary in UTF-8."""
        key = (id(values), is_json)
        known = self._known.get(key)
        if known is None or known[0] is not values:
            known = (values, *_encode(values, is_json))
            self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return known[1], known[2]


def _encode(values: tuple[str, ...], is_json: bool) -> tuple[Int64, Bytes]:
    items = [_clean(value, is_json).encode("utf-8", "replace") for value in values]
    offsets = np.zeros(len(items) + 1, np.int64)
    np.cumsum([len(item) for item in items], out=offsets[1:])
    return offsets, np.frombuffer(b"".join(items), np.uint8)


def _clean(value: str, is_json: bool) -> str:
    clean = value.replace("\0", "\ufffd")
    return clean.replace("\\u0000", "\\ufffd") if is_json else clean


DICTIONARIES = Dictionaries()

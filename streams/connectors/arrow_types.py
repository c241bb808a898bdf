"""What the columns of an Arrow message may be: such that many values take many bytes. Pure.

Nulls take none, a run of equal values takes those of one, views and words of a dictionary may be the same
letters again and again: a kilobyte of any of them is as much as it says, which somebody would write out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NEEDED = {"machine", "tag", "sensor", "ts", "rate_hz", "samples"}
"""Columns without which a row is no reading or waveform; others may be null in all rows."""
SHARING = (
    pa.types.is_null,
    pa.types.is_run_end_encoded,
    pa.types.is_string_view,
    pa.types.is_binary_view,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
"""Say whether values of a type may take no bytes of their own."""
LETTERS_LIMIT = 256 << 20
"""Bytes of the texts of all rows, each written out as a table has it."""


def check_schema(schema: pa.Schema) -> None:
    """Refuse columns whose values take no bytes of their own; texts that are views are for `check_letters`.

    Raises
    ------
    ValueError
        There is one.
    """
    needed = NEEDED if "text" in schema.names else NEEDED | {"value"}
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if _is_view(kind) or (pa.types.is_null(field.type) and field.name not in needed):
            continue
        if any(holds(one) for one in _within(kind) for holds in SHARING):
            raise ValueError(f"column {field.name} is of type {field.type}; send it as plain values")


def check_letters(batches: Sequence[pa.RecordBatch]) -> None:
    """Refuse batches, not yet validated in full, whose texts would be too many letters.

    Raises
    ------
    ValueError
        They would.
    """
    texts = [column for batch in batches for column in batch.columns if _shares(column.type)]
    if sum(map(_at_most, texts)) <= LETTERS_LIMIT:
        return
    size = sum(map(_letters, texts))
    if size > LETTERS_LIMIT:
        raise ValueError(
            f"the texts of the rows are {size} bytes, {LETTERS_LIMIT} are the most; send fewer at once"
        )


def _within(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type and all types in it."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    yield kind
    inner = [kind.value_type] if pa.types.is_dictionary(kind) else map(kind.field, range(kind.num_fields))
    for one in inner:
        yield from _within(one.type if isinstance(one, pa.Field) else one)


def _shares(kind: pa.DataType) -> bool:
    """Return whether a column has texts that may lie in the same place."""
    return _is_view(kind) or bool(pa.types.is_dictionary(kind) and _is_text(kind.value_type))


def _at_most(column: pa.Array) -> int:
    """Return a bound of the bytes of texts that does not look at each row of a dictionary's."""
    if _is_view(column.type):
        return _letters(column)
    if (size := column.dictionary.nbytes * len(column)) <= LETTERS_LIMIT // 16:
        return int(size)
    return int(_lengths(column.dictionary).max(initial=0)) * len(column)


def _letters(column: pa.Array) -> int:
    """Return the bytes of texts of all rows."""
    if _is_view(column.type):
        return int(_lengths(column).sum())
    codes = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return (
        int(np.take(_lengths(column.dictionary), codes, mode="clip").sum()) if len(column.dictionary) else 0
    )


def _lengths(words: pa.Array) -> NDArray[np.int64]:
    """Return the bytes of each word; one that is not there, or is damaged, has none or any."""
    if _is_view(words.type):
        sizes: Any = np.frombuffer(words.buffers()[1] or b"", np.int32)[::4]
        sizes = sizes[words.offset : words.offset + len(words)]
        sizes = np.where(words.is_valid().to_numpy(zero_copy_only=False), sizes, 0)
    else:
        sizes = pc.binary_length(words).fill_null(0).to_numpy(zero_copy_only=False)
    lengths: NDArray[np.int64] = np.maximum(sizes.astype(np.int64), 0)
    return lengths


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    texts = pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary
    return _is_view(kind) or any(holds(kind) for holds in texts)

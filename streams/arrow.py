"""Columns of Arrow as NumPy has them, and back: copied only where something is absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.remembered import Remembered, weight

ROOM = 32 << 20
"""Bytes of dictionaries that are remembered each way: three of 100,000 tags."""


def integers(array: pa.Array, null: int) -> NDArray[np.int64]:
    """Return an Arrow array of integers or timestamps as int64, nulls replaced."""
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    whole: NDArray[np.int64] = filled(cast(array, pa.int64()), null)
    return whole


def filled(array: pa.Array, null: float) -> Any:
    """Return an Arrow array of numbers with its nulls replaced; copied only where there are any."""
    whole = array.fill_null(null) if array.null_count else array
    return whole.to_numpy(zero_copy_only=False)


def cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array as one of a type; Arrow takes as long to find that it is one as to cast it."""
    return array if array.type == kind else array.cast(kind)


def masked(column: NDArray[Any], absent: NDArray[np.bool_]) -> pa.Array:
    """Return a column as an Arrow array, null where it is absent; copied only where it is anywhere."""
    return pa.array(column, mask=absent) if absent.any() else pa.array(column)


def without_null(coded: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column whose dictionary has no null in it: what pointed there is null itself."""
    there = coded.dictionary.is_valid().to_numpy(zero_copy_only=False)
    places = pa.array((np.cumsum(there) - 1).astype(np.int32), mask=~there)
    return pa.DictionaryArray.from_arrays(places.take(coded.indices), coded.dictionary.drop_null())


def dictionary(values: tuple[str, ...]) -> pa.Array:
    """Return a dictionary in Arrow; a source brings the same one again and again."""
    words = _dictionaries.get(values)
    if words is None:
        words = pa.array(values, type=pa.string())
        _dictionaries.keep(values, words, weight(len(values), words.nbytes))
    return words


def strings(words: pa.Array) -> tuple[str, ...]:
    """Return a dictionary's strings: the same tuple for the same bytes, which its users tell by identity."""
    _, offsets, letters = words.buffers()
    begin = words.offset
    places = np.frombuffer(offsets or bytes(4), np.int32)[begin : begin + len(words) + 1]
    if len(places) <= len(words):
        raise ValueError("a dictionary of texts is cut off")
    low, high = int(places[0]), int(places[-1])
    return _words((places - low).tobytes(), letters.to_pybytes()[low:high] if letters else b"")


def _words(places: bytes, letters: bytes) -> tuple[str, ...]:
    words = _tuples.get((places, letters))
    if words is None:
        words = _decoded(places, letters)
        _tuples.keep((places, letters), words, weight(len(words), len(letters)) + len(places))
    return words


def _decoded(places: bytes, letters: bytes) -> tuple[str, ...]:
    buffers = [None, pa.py_buffer(places), pa.py_buffer(letters)]
    array = pa.Array.from_buffers(pa.string(), len(places) // 4 - 1, buffers)
    array.validate(full=True)
    return tuple(array.to_pylist())


_dictionaries: Remembered[tuple[str, ...], pa.Array] = Remembered(32, ROOM)
_tuples: Remembered[tuple[bytes, bytes], tuple[str, ...]] = Remembered(32, ROOM)

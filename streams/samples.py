"""A column of samples: as many numbers in each row as were taken, one behind the other in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

LIST = pa.list_(pa.float32())


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Row ``i`` is ``values[offsets[i]:offsets[i + 1]]``; a float32 holds what 24-bit converters tell."""

    values: Float32
    offsets: Int64
    """(rows + 1,) the first is 0, the last the number of values."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: Any) -> Self:
        return self.of([self.row(row) for row in np.arange(len(self))[rows].tolist()])

    @property
    def lengths(self) -> Int64:
        """How many samples each row has."""
        return np.diff(self.offsets)

    def row(self, row: int) -> Float32:
        """Return the samples of one row."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def tolist(self) -> list[list[float]]:
        """Return plain Python numbers."""
        return [self.row(row).tolist() for row in range(len(self))]

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Self:
        """Build a column of arrays."""
        arrays = [np.asarray(row, dtype=np.float32) for row in rows]
        return cls._of(np.concatenate([np.empty(0, np.float32), *arrays]), [len(array) for array in arrays])

    @classmethod
    def from_arrow(cls, array: pa.Array) -> Self:
        """Take over an Arrow list of numbers; a null number is NaN, a null list is empty.

        Raises
        ------
        pa.ArrowException
            It is a list of something else.
        """
        lists = array.cast(LIST, safe=False)
        lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
        flat = lists.flatten().fill_null(np.nan).to_numpy(zero_copy_only=False)
        return cls._of(flat, lengths)

    def to_arrow(self) -> pa.ListArray:
        """Return the column as an Arrow list."""
        return pa.ListArray.from_arrays(pa.array(self.offsets.astype(np.int32)), pa.array(self.values))

    @classmethod
    def _of(cls, values: Float32, lengths: Any) -> Self:
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

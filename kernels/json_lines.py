"""JSON lines of readings as columns, in one pass over their bytes; `kernels.words` says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import _select
from kernels.words import END, Bytes, Int64, Words, begin

_twin = _select.load("json_lines")


@dataclass(slots=True)
class Objects:
    """JSON lines: ``line`` (n, 2) where each begins and ends, and its reading unless ``kind`` is `ODD`.

    ``ts`` is the least integer where a line has no time.
    """

    line: Int64
    machine: NDArray[np.int32]
    tag: NDArray[np.int32]
    ts: Int64
    value: NDArray[np.float64]
    text: NDArray[np.int32]
    quality: NDArray[np.int16]
    source_ts: Int64
    kind: Bytes

    @classmethod
    def room_for(cls, rows: int) -> Objects:
        """Make columns to be filled."""
        kinds = (np.int32, np.int32, np.int64, np.float64, np.int32, np.int16, np.int64, np.uint8)
        columns: list[Any] = [np.empty(rows, dtype=kind) for kind in kinds]
        return cls(np.empty((rows, 2), np.int64), *columns)


def objects(
    payload: Bytes, at: int, *, machines: Words, tags: Words, texts: Words, out: Objects
) -> tuple[int, int, int]:
    """Read JSON lines from a place on; odd ones take a row too.

    Returns
    -------
    tuple of int
        How many rows of ``out`` are filled, where the next line begins, and why it stopped there: never
        at an odd line.
    """
    words = (machines, tags, texts)
    counts = begin(payload, at, words)
    o = out
    columns = (o.line, o.machine, o.tag, o.ts, o.value, o.text, o.quality, o.source_ts, o.kind)
    why = END
    if at < len(payload):
        tables = [array for table in words for array in (table.slots, table.spans)]
        why = _twin.objects(payload, *tables, counts, *columns)
    at, rows, machines.count, tags.count, texts.count = counts.tolist()
    return rows, at, why

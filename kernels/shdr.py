"""SHDR lines (MTConnect adapters) as columns, in one pass over their bytes; `kernels.words` says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import _select
from kernels.words import END, Bytes, Int64, Words, begin

_twin = _select.load("shdr")

NUMBER, TEXT, SKIPPED, EMPTY = 0, 1, 2, 3
"""What a pair is: a number, a text, UNAVAILABLE or nothing in place of a number."""
LEVELS = (b"NORMAL", b"WARNING", b"FAULT", b"UNAVAILABLE")
"""What a condition may say."""


@dataclass(slots=True)
class Pairs:
    """Pairs of SHDR lines: where their line begins, key, recorded time, value or text code, kind."""

    line: Int64
    key: NDArray[np.int32]
    ts: Int64
    value: NDArray[np.float64]
    text: NDArray[np.int32]
    kind: Bytes

    @classmethod
    def room_for(cls, rows: int) -> Pairs:
        """Make columns to be filled."""
        kinds = (np.int64, np.int32, np.int64, np.float64, np.int32, np.uint8)
        columns: list[Any] = [np.empty(rows, dtype=kind) for kind in kinds]
        return cls(*columns)


def pairs(
    payload: Bytes,
    at: int,
    *,
    levels: Int64,
    numeric: Bytes,
    known: Words,
    keys: Words,
    texts: Words,
    out: Pairs,
) -> tuple[int, int, int]:
    """Read the pairs of SHDR lines.

    Parameters
    ----------
    payload : whatever ``levels`` and ``known`` point to, then the lines, each but the last with its end.
    at : where to begin.
    levels : (4, 2) where `LEVELS` stand in the payload, and how long they are.
    numeric : (known keys,) 1 where a tag takes numbers.
    known : these keys.
    keys, texts : tables that are emptied, then filled with the words of the pairs in the order they come.

    Returns
    -------
    tuple of int
        How many rows of ``out`` are filled, where the next line begins, and why it stopped there.
    """
    if known.count != len(numeric) or len(levels) != len(LEVELS):
        raise ValueError("numeric must tell of all known keys, levels four spans")
    keys.clear()
    texts.clear()
    counts = begin(payload, at, (keys, texts, known))
    columns = (out.line, out.key, out.ts, out.value, out.text, out.kind)
    why = END
    if at < len(payload):
        tables = (known.slots, known.spans, keys.slots, keys.spans, texts.slots, texts.spans)
        takes = np.empty(len(keys.spans), dtype=np.uint8)
        why = _twin.pairs(payload, levels, numeric, *tables, takes, counts, *columns)
    at, rows, keys.count, texts.count, _ = counts.tolist()
    return rows, at, why

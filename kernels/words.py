"""Words that come again in lines of readings, numbered in the order in which they first come.

The kernels that read lines share what is said here. They read the plain lines that machines write all
day and leave every other one, the odd, to Python: bytes beyond ASCII, escapes, times and numbers in
rarer forms, commands. What they read is what Python's ``float``, ``json`` and
``datetime.fromisoformat`` would read. A table of words has room for so many; where it is full, a kernel
stops before the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

END, ODD, FULL = 0, 1, 2
"""Why a kernel stopped: all is read, a line is left to Python, there is no more room."""

FACTOR, MASK = 11400714819323198485, (1 << 64) - 1

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]


def digest(word: bytes) -> int:
    """Return where a word's search in a hash table begins (64 bits): sixteen bytes at a time, by halves."""
    found = len(word)
    for at in range(0, 16 * max(1, -(-len(word) // 16)), 8):
        found = (found ^ int.from_bytes(word[at : at + 8], "little")) * FACTOR & MASK
        found ^= found >> 32
    return found


@dataclass(slots=True)
class Words:
    """Words of a payload: ``spans`` (room, 2) of where each begins and how long it is, ``count`` of them."""

    slots: NDArray[np.int32]
    spans: Int64
    count: int = 0

    @classmethod
    def room_for(cls, words: int) -> Words:
        """Make an empty table; its ``slots`` are a hash table, at most half full."""
        size = 1 << (2 * words - 1).bit_length()
        return cls(np.full(size, -1, dtype=np.int32), np.zeros((words, 2), dtype=np.int64))

    def clear(self) -> None:
        """Forget all words."""
        self.slots.fill(-1)
        self.count = 0

    @classmethod
    def known(cls, payload: bytes, spans: Int64, room: int) -> Words:
        """Make a table that holds the words (n, 2) of a payload already."""
        table = cls.room_for(room)
        for number, (begin, size) in enumerate(spans.tolist()):
            place = digest(payload[begin : begin + size]) & (len(table.slots) - 1)
            while table.slots[place] >= 0:
                place = (place + 1) & (len(table.slots) - 1)
            table.slots[place] = number
        table.spans[: len(spans)], table.count = spans, len(spans)
        return table

    def read(self, payload: bytes, which: NDArray[np.integer] | slice = slice(None)) -> tuple[str, ...]:
        """Return the words, or some of them."""
        spans = self.spans[: self.count][which].tolist()
        return tuple(payload[begin : begin + size].decode() for begin, size in spans)


def begin(payload: Bytes, at: int, tables: Sequence[Words]) -> Int64:
    """Return what a kernel counts on from: where it begins, no rows, the words of each table.

    Raises
    ------
    ValueError
        There is no such place, or a table is too small for what it holds.
    """
    if not 0 <= at <= len(payload):
        raise ValueError(f"a line cannot begin at byte {at} of {len(payload)}")
    for table in tables:
        if len(table.slots) < 2 * len(table.spans) or table.count > len(table.spans):
            raise ValueError("a table of words needs two slots a word, and room for those it holds")
    return np.array([at, 0, *(table.count for table in tables)], dtype=np.int64)

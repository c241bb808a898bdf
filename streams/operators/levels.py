"""The panes of one width, and lists of panes given as key and number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.windows import Ring, Spans
from streams.operators.batch import Keys
from streams.records import NULL, Int32, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One width: its ring, and each machine's oldest live pane and first pane not closed yet."""

    ring: Ring
    oldest: Int64
    closed: Int64

    def spans(self, keys: Keys, moved: NDArray[np.intp], begin: Int64, end: Int64) -> Spans:
        """Return the spans from ``begin`` to ``end`` within each machine's ring; none before its first."""
        known = begin != NULL
        last = np.where(known, self.oldest[moved] + self.ring.slots, NULL)
        until = np.maximum(np.minimum(end, last), begin)
        return Spans(keys.first[moved], keys.last[moved], begin, until)


def none() -> tuple[Int32, Int64]:
    """Return no panes."""
    return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)


def joined(some: tuple[Int32, Int64], more: tuple[Int32, Int64]) -> tuple[Int32, Int64]:
    """Put panes one list behind the other."""
    return np.concatenate([some[0], more[0]]), np.concatenate([some[1], more[1]])


def once(key: Int32, pane: Int64) -> tuple[Int32, Int64]:
    """Return panes by time and key, each once."""
    order = np.lexsort((key, pane))
    key, pane = key[order], pane[order]
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (key[1:] != key[:-1]) | (pane[1:] != pane[:-1])
    return key[fresh], pane[fresh]


def every(spans: Spans) -> tuple[Int32, Int64]:
    """Return key and pane of every pane within the spans, in their order."""
    columns = zip(spans.first, spans.last, spans.begin, spans.end, strict=True)
    pairs = [
        (
            np.tile(np.arange(first, last, dtype=np.int32), end - begin),
            np.repeat(np.arange(begin, end), last - first),
        )
        for first, last, begin, end in columns
        if begin < end
    ]
    key, pane = none()
    return np.concatenate([key, *(pair[0] for pair in pairs)]), np.concatenate(
        [pane, *(pair[1] for pair in pairs)]
    )

"""Numbers kept while their panes may still be revised, to fold a pane anew in order of time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kernels import windows as kernel
from kernels.windows import Refolding, Ring
from streams.clock import SECOND
from streams.operators.batch import Flags, Keys
from streams.records import NULL, Float64, Int32, Int64

MOST = 24_000_000
"""Numbers kept at the most; what would have to be folded anew beyond them is too late."""
NONE = np.empty(0, dtype=np.intp)
SWEEP = 10 * SECOND
"""How often, in stamps, chunks are looked through that stand behind one which is still needed."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Numbers of one log entry: references to its columns, not copies."""

    position: int
    key: Int32
    ts: Int64
    value: Float64
    marks: Flags
    """Not 0 where a number was not simply added; none at all (0,) where every one was."""
    others: Int64
    """Those marked that are to be folded between the rest."""
    machines: Int64
    newest: Int64
    """(machines,) an upper bound of the times in it."""
    range: tuple[int, int] | None = None

    @property
    def late(self) -> Flags:
        """Return the marks of all numbers."""
        return self.marks if len(self.marks) else np.zeros(len(self.ts), dtype=np.uint8)

    def within(self, low: int, high: int, machines: NDArray[np.bool_]) -> bool:
        """Say whether it may hold numbers of some machines (machines,) from ``low`` up to ``high``."""
        if not machines[self.machines].any():
            return False
        if self.range is None:
            ts = self.ts[self.late == 0]
            self.range = (int(ts.min()), int(ts.max())) if len(ts) else (0, -1)
        return self.range[0] < high and self.range[1] >= low


@dataclass(slots=True)
class Kept:
    """The numbers of the newest log entries, as far back as a pane may be revised.

    What is kept is too large for a snapshot and stands in the log: a restart reads the entries behind
    `since` again, and the chunks found then fold to the same panes.
    """

    keys: Keys
    width: int
    most: int = MOST
    chunks: deque[Chunk] = field(default_factory=deque)
    size: int = 0
    due: int = NULL
    missing: Int64 = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """(machines,) times up to which numbers are no longer all there."""

    def __post_init__(self) -> None:
        if not len(self.missing):
            self.missing = np.full(len(self.keys.machines), NULL, dtype=np.int64)

    @property
    def since(self) -> int | None:
        """The log position behind which everything kept stands; None while nothing is kept."""
        return self.chunks[0].position - 1 if self.chunks else None

    def room(self, numbers: int) -> bool:
        """Say whether so many more may be kept."""
        return not self.chunks or self.size + numbers <= self.most

    def make_room(self, numbers: int) -> None:
        """Let the oldest chunks go until there is room for so many more."""
        while not self.room(numbers):
            gone = self._pop()
            self.missing[gone.machines] = np.maximum(self.missing[gone.machines], gone.newest)

    def add(self, chunk: Chunk) -> None:
        """Keep a chunk."""
        self.chunks.append(chunk)
        self.size += len(chunk.ts)

    def forget(self, oldest: Int64, received: int) -> None:
        """Let chunks go whose times all lie before the oldest live panes (machines,)."""
        limit = np.where(oldest == NULL, NULL, oldest * self.width)
        while self.chunks and _gone(self.chunks[0], limit):
            self._pop()
        if received >= self.due:
            self.due = received + SWEEP
            self.chunks = deque(chunk for chunk in self.chunks if not _gone(chunk, limit))
            self.size = sum(len(chunk.ts) for chunk in self.chunks)

    def fold(self, ring: Ring, key: Int32, pane: Int64) -> Float64:
        """Return count, sum, min, max (n, 4) of panes, each number once, in order of time."""
        low, high = int(pane.min()) * self.width, (int(pane.max()) + 1) * self.width
        machines = np.zeros(len(self.keys.machines), dtype=bool)
        machines[self.keys.machine[key]] = True
        chosen = np.full(ring.slots * ring.keys, NULL, dtype=np.int64)
        chosen[ring.rows(key, pane)] = pane
        refolding = Refolding.of(ring, (key, pane), self._others(ring, chosen, low, high))
        for chunk in self.chunks:
            if chunk.within(low, high, machines):
                refolding.add(chunk.key, chunk.ts, chunk.value, chunk.late)
        return refolding.cells()

    def _others(self, ring: Ring, chosen: Int64, low: int, high: int) -> tuple[Int32, Int64, Float64]:
        """Return the late numbers of the panes chosen; an older one of the same row is not meant.

        How long a chunk is kept beyond its need depends on others of its machines, and must not show.
        """
        found = [
            (chunk.key[chunk.others], chunk.ts[chunk.others], chunk.value[chunk.others])
            for chunk in self.chunks
            if len(chunk.others)
        ]
        key = np.concatenate([item[0] for item in found]) if found else np.empty(0, dtype=np.int32)
        ts = np.concatenate([item[1] for item in found]) if found else np.empty(0, dtype=np.int64)
        value = np.concatenate([item[2] for item in found]) if found else np.empty(0)
        fits = (ts >= low) & (ts < high)
        pane = ts[fits] // self.width
        fits[fits] = chosen[ring.rows(key[fits], pane)] == pane
        return key[fits], ts[fits], value[fits]

    def _pop(self) -> Chunk:
        gone = self.chunks.popleft()
        self.size -= len(gone.ts)
        return gone


class Refill:
    """Take log entries that are read again: what was kept of them when they came first.

    Parameters
    ----------
    since : the position behind which the entries stand.
    """

    def __init__(self, kept: Kept, since: int) -> None:
        self._kept = kept
        self._newest = np.full(len(kept.keys), NULL, dtype=np.int64)
        self.since = since
        self.next = since + 1
        """The position of the entry to come, as long as none was left out."""

    def take(self, position: int, columns: tuple[Int32, Int64, Float64], newest: Int64) -> None:
        """Keep the numbers of one entry; of entries behind one that was left out too."""
        if position == self.next:
            self.next += 1
        if len(columns[0]):
            late = np.zeros(len(columns[0]), dtype=np.uint8)
            kernel.rising(*columns, self._newest, late)
            self._kept.add(chunk(position, columns, late if late.any() else late[:0], newest))


def chunk(position: int, columns: tuple[Int32, Int64, Float64], late: Flags, newest: Int64) -> Chunk:
    """Make a chunk of columns; ``newest`` (machines,) is `NULL` for machines that are not in it.

    ``late`` is (n,), or (0,) where nothing is.
    """
    present = np.flatnonzero(newest != NULL)
    others = np.flatnonzero(late == kernel.LATE) if len(late) else NONE
    return Chunk(position, *columns, late, others, present, newest[present])


def _gone(chunk: Chunk, limit: Int64) -> bool:
    return bool((chunk.newest < limit[chunk.machines]).all())

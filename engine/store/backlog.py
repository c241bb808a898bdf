"""Outputs that wait to be committed, and when they are due; pure: the caller brings the time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from streams.abc import Output


@dataclass(frozen=True, slots=True)
class Pace:
    """When to commit: seconds of real time since the first output kept, and numbers of rows."""

    delay: float = 0.25
    """Rows wait no longer than this."""
    idle: float = 1.0
    """A position without rows waits no longer than this."""
    batch: int = 10_000
    """With as many rows waiting nothing waits any longer."""
    most: int = 400_000
    """No more rows than this are committed at once, unless one entry brings them."""
    bound: int = 400_000
    """With as many rows waiting there is no room for more."""
    first_retry: float = 0.05
    last_retry: float = 2.0
    """Pauses between attempts while the database is away, doubling from first to last."""


class Backlog:
    """A queue of outputs; what was taken still counts until it is `done`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waiting: deque[tuple[Output, int]] = deque()
        self._taken: tuple[int, int] = (0, 0)
        self._since = math.inf
        self._rows_since = math.inf
        self._hurried = False
        self.rows = 0
        """Rows that wait or are just being committed."""

    def __len__(self) -> int:
        return len(self._waiting) + self._taken[0]

    @property
    def has_room(self) -> bool:
        """Whether more may come; one entry is always let in."""
        return self.rows < self._pace.bound

    def add(self, outputs: Sequence[Output], now: float) -> None:
        """Keep outputs, which follow those kept already."""
        for output in outputs:
            size = sum(rows.weight for rows in output.rows)
            if not size and self._waiting and not self._waiting[-1][1]:
                self._waiting.pop()  # of positions without rows only the last one matters
            self._waiting.append((output, size))
            self.rows += size
            self._since = min(self._since, now)
            if size:
                self._rows_since = min(self._rows_since, now)
            self._hurried |= output.urgent

    def hurry(self) -> None:
        """Make everything kept due at once."""
        self._hurried = bool(self._waiting)

    def due_in(self, now: float) -> float:
        """Return after how many seconds a commit is due; infinite when nothing waits."""
        if self._hurried or self.rows >= self._pace.batch:
            return 0.0 if self._waiting else math.inf
        due = min(self._rows_since + self._pace.delay, self._since + self._pace.idle)
        return max(0.0, due - now)

    def take(self, now: float) -> list[Output]:
        """Return the next outputs to commit together."""
        taken: list[Output] = []
        rows = 0
        while self._waiting and (not taken or rows + self._waiting[0][1] <= self._pace.most):
            output, size = self._waiting.popleft()
            taken.append(output)
            rows += size
        self._taken = (len(taken), rows)
        self._hurried = self._hurried and bool(self._waiting)
        self._since = now if self._waiting else math.inf
        self._rows_since = now if self.rows > rows else math.inf
        return taken

    def done(self) -> None:
        """Forget what was taken: it is committed."""
        self.rows -= self._taken[1]
        self._taken = (0, 0)

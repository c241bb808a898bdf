"""The pace of a replay: when its rows are due, whatever some of their times say."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from streams.clock import DAY, Clock
from streams.records import NULL, Int64

PATIENCE = 0.2
LOOK = 1000
"""Rows behind one that tell whether its time is wild."""
FURTHEST = 1 << 61
"""Microseconds from 1970 beyond which a time is none."""


class Pace:
    """Rows are due as far apart as their times are, the first one now, and none before its predecessor.

    A row without a time is due with its predecessor. So is one whose time is wild: more than a day ahead of
    all before it, and of most of those behind it. Neither moves the pace.

    Parameters
    ----------
    rows
        How many are released together at most.
    linger
        Seconds that are waited at least, so that rows close together are released together.
    """

    def __init__(self, clock: Clock, rows: int, linger: float = 0.0) -> None:
        self._clock, self._rows, self._linger = clock, rows, linger
        self._newest = NULL
        self.shift = 0
        """Microseconds by which the rows are moved."""
        self.trouble = ""
        """That the next row is more than a day ahead."""

    def due(self, times: Int64, behind: Int64) -> Int64:
        """Return when rows are due, by the clock; ``behind`` are the times of some that follow them."""
        tamed = self._tamed(_believable(times), _believable(behind[:LOOK]))
        known = tamed[tamed != NULL]
        if self._newest == NULL and len(known):
            self._newest = int(known[0])
            self.shift = self._clock.now() - self._newest
        return np.maximum.accumulate(np.maximum(tamed, self._newest)) + self.shift

    def play(self, due: Int64, stop: threading.Event) -> Iterator[slice]:
        """Yield rows as their time comes, those of a moment together; end early when told to stop.

        The pace remembers them when the next ones are asked for.
        """
        done = 0
        while done < len(due) and not stop.is_set():
            now = self._clock.now()
            ready = min(int(np.searchsorted(due, now, "right")), done + self._rows)
            if ready == done:
                self._wait(int(due[done]) - now, stop)
                continue
            self.trouble = ""
            yield slice(done, ready)
            done = ready
            self._newest = int(due[done - 1]) - self.shift

    def _wait(self, ahead: int, stop: threading.Event) -> None:
        self.trouble = (
            f"The next row comes in {ahead // DAY} d, as its time says; mend that if it is wrong."
            if ahead >= DAY
            else ""
        )
        stop.wait(min(max(self._clock.wall_seconds(ahead), self._linger), PATIENCE))

    def _tamed(self, times: Int64, behind: Int64) -> Int64:
        """Return times, with none in place of the wild ones."""
        newest = self._newest
        reached = np.maximum.accumulate(np.maximum(times, newest))
        if newest != NULL and (np.diff(reached, prepend=newest) <= DAY).all():
            return times
        tamed, told = times.copy(), [*times.tolist(), *behind.tolist()]
        for row, time in enumerate(times.tolist()):
            if time > newest + DAY and _is_wild(time, told[row + 1 : row + 1 + LOOK]):
                tamed[row] = NULL
            else:
                newest = max(newest, time)
        return tamed


def _believable(times: Int64) -> Int64:
    return np.where((times > -FURTHEST) & (times < FURTHEST), times, NULL)


def _is_wild(time: int, behind: list[int]) -> bool:
    known = sorted(later for later in behind if later != NULL)
    return bool(known) and time - DAY > known[len(known) // 2]

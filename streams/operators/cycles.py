"""Ideal cycle times: what a machine itself does most often, known from the log alone."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from streams.clock import SECOND
from streams.records import NULL


@dataclass(slots=True)
class Cycles:
    """Count durations in bins and tell the most frequent one."""

    bins: dict[int, int] = field(default_factory=dict)
    """Middle of the bin, microseconds -> how often."""
    best: int | None = None
    """The most frequent duration, the shorter one of several; None before the first."""

    def add(self, duration: int) -> None:
        """Count one cycle; durations that are not positive are none."""
        if duration > 0:
            middle = nearest(duration)
            self.bins[middle] = self.bins.get(middle, 0) + 1
            if self.best is None or (-self.bins[middle], middle) < (-self.bins[self.best], self.best):
                self.best = middle

    def mode(self, durations: Sequence[int]) -> tuple[int | None, int]:
        """Return what the most frequent duration would be with some more, and how often it is there."""
        more = Counter(nearest(duration) for duration in durations if duration > 0)
        known = {*more} | ({self.best} if self.best is not None else set())
        if not known:
            return None, 0
        often, shorter = min((-(self.bins.get(middle, 0) + more[middle]), middle) for middle in known)
        return shorter, -often


class Cycle(NamedTuple):
    """One cycle of a program; cycles sort by their ends."""

    end: int
    program: str
    duration: int


@dataclass(slots=True)
class Pace:
    """A machine's cycles: those that may still be joined or taken back apart from all earlier ones.

    Parts that are judged have no beginning: a cycle is the time since the part before.
    """

    settled: dict[str, Cycles] = field(default_factory=dict)
    recent: list[Cycle] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    last_part: int = NULL

    def add(self, cycle: Cycle) -> None:
        """Count a cycle."""
        insort(self.recent, cycle)

    def take_back(self, cycle: Cycle) -> None:
        """Count a cycle no more."""
        with suppress(ValueError):
            self.recent.remove(cycle)

    def part(self, ts: int) -> None:
        """Count a part that was judged; one behind all that is settled ends no cycle."""
        if self.last_part == NULL or ts > self.last_part:
            insort(self.parts, ts)

    def best(self, program: str, before: int | None = None) -> int | None:
        """Return a program's most frequent duration, of the cycles that ended before a time."""
        more = [cycle.duration for cycle in self._recent(before) if cycle.program == program]
        return self.settled.get(program, Cycles()).mode(more)[0]

    def usual(self, before: int | None = None) -> int | None:
        """Return the most frequent duration of all programs."""
        recent = list(self._recent(before))
        modes = [
            self.settled.get(program, Cycles()).mode(
                [item.duration for item in recent if item.program == program]
            )
            for program in sorted({*self.settled, *(cycle.program for cycle in recent)})
        ]
        return max(modes, key=lambda mode: mode[1], default=(None, 0))[0]

    def _recent(self, before: int | None) -> Iterator[Cycle]:
        since = [] if self.last_part == NULL else [self.last_part]
        between = (Cycle(ts, "", ts - last) for last, ts in pairwise([*since, *self.parts]))
        yield from (cycle for cycle in (*self.recent, *between) if before is None or cycle.end < before)

    def settle(self, floor: int) -> None:
        """Put cycles that ended before a time with the earlier ones."""
        for cycle in self._recent(floor):
            self.settled.setdefault(cycle.program, Cycles()).add(cycle.duration)
        self.recent = [cycle for cycle in self.recent if cycle.end >= floor]
        gone = bisect_left(self.parts, floor)
        self.last_part = self.parts[gone - 1] if gone else self.last_part
        del self.parts[:gone]


def nearest(duration: int) -> int:
    """Return the middle of a duration's bin: whole seconds from 10 s, tenths from 1 s, else hundredths.

    >>> nearest(238_400_000), nearest(1_260_000), nearest(3_000)
    (238000000, 1300000, 10000)
    """
    width = SECOND if duration >= 10 * SECOND else SECOND // 10 if duration >= SECOND else SECOND // 100
    return max((duration + width // 2) // width, 1) * width

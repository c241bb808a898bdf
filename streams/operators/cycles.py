"""Ideal cycle times: what a machine itself does most often, known from the log alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.clock import SECOND


@dataclass(slots=True)
class Cycles:
    """Count durations in bins and tell the most frequent one."""

    bins: dict[int, int] = field(default_factory=dict)
    """Middle of the bin, microseconds -> how often."""
    best: int | None = None
    """The most frequent duration, the shorter one of several; None before the first."""

    def add(self, duration: int) -> None:
        """Count one cycle; durations that are not positive are none."""
        if duration <= 0:
            return
        middle = nearest(duration)
        self.bins[middle] = self.bins.get(middle, 0) + 1
        if self.best is None or (-self.bins[middle], middle) < (-self.bins[self.best], self.best):
            self.best = middle


def nearest(duration: int) -> int:
    """Return the middle of a duration's bin: whole seconds from 10 s, tenths from 1 s, else hundredths.

    >>> nearest(238_400_000), nearest(1_260_000), nearest(3_000)
    (238000000, 1300000, 10000)
    """
    width = SECOND if duration >= 10 * SECOND else SECOND // 10 if duration >= SECOND else SECOND // 100
    return max((duration + width // 2) // width, 1) * width

"""Clocks: the plant's time now. Sources and the appender use one; a flow never does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Tell the plant's time."""

    def now(self) -> int:
        """Return microseconds since 1970 UTC."""

    def wall_seconds(self, interval: int) -> float:
        """Return how long an interval of plant time (microseconds) takes, in seconds of real time."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """Real time."""

    def now(self) -> int:
        """Return microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def wall_seconds(self, interval: int) -> float:
        """Return the interval in seconds."""
        return interval / SECOND


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """A clock that stood at ``start`` when the wall showed ``origin`` and runs ``speed`` times faster."""

    origin: int
    start: int
    speed: float

    def now(self) -> int:
        """Return microseconds of plant time."""
        return self.start + int((time.time_ns() // 1000 - self.origin) * self.speed)

    def wall_seconds(self, interval: int) -> float:
        """Return the real seconds that ``interval`` microseconds of plant time take."""
        return interval / SECOND / self.speed


@dataclass(slots=True)
class ManualClock:
    """A clock that tests set."""

    time: int = 0

    def now(self) -> int:
        """Return the time that was set."""
        return self.time

    def wall_seconds(self, interval: int) -> float:
        """Return the interval in seconds."""
        return interval / SECOND

"""Heartbeats both ways: ours counts while the station can judge, the PLC's must change. Pure."""

from __future__ import annotations

WRAPS = 1 << 15
"""Our count begins anew here: it fits into a signed word of 16 bits."""


class Pulse:
    """The two heartbeats.

    Parameters
    ----------
    every_s
        Seconds between two counts of ours.
    within_s
        Seconds within which the PLC's must change; None: it has none.
    """

    def __init__(self, every_s: float, within_s: float | None) -> None:
        self._every_s, self._within_s = every_s, within_s
        self._due = 0.0
        self._last: float | None = None
        self._changed = 0.0
        self.count = 0
        """Ours."""
        self.silent = False
        """Whether the PLC's heartbeat stands still."""

    def beat(self, able: bool, now: float) -> None:
        """Count, if it is time and the station can judge."""
        if able and now >= self._due:
            self.count = (self.count + 1) % WRAPS
            self._due = now + self._every_s

    def hear(self, value: float | None, now: float) -> None:
        """Take the PLC's count."""
        if value != self._last:
            self._last, self._changed = value, now
        self.silent = self._within_s is not None and now >= self._changed + self._within_s

    def forget(self, now: float) -> None:
        """Begin anew: the PLC was away, and has its whole time to beat again."""
        self._last, self._changed = None, now

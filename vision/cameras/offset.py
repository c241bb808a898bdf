"""How far a camera's clock is behind the station's, as its own stamps show."""

from __future__ import annotations

WINDOW = 64
"""Stamps after which the older half of what is known is forgotten."""
DRIFT = 5e-4
"""How far two clocks that were not set may part, as a share of the time that goes by."""


class ClockOffset:
    """The smallest difference between a frame's arrival and its stamp, over the latest 64 to 128 frames.

    It is the camera's lag plus the quickest way that a picture took: what waited on its way does not
    count, and a clock that is set right is noticed within 128 frames.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._latest: int | None = None
        self._before: int | None = None

    def add(self, difference: int) -> None:
        """Take the difference of one frame, microseconds."""
        if self._seen == WINDOW:
            self._seen, self._before, self._latest = 0, self._latest, None
        self._seen += 1
        self._latest = difference if self._latest is None else min(self._latest, difference)

    def ease(self, elapsed: float) -> None:
        """Let the clocks have drifted apart for so many microseconds, so that slow drift is no lag."""
        drift = int(DRIFT * elapsed)
        self._latest = None if self._latest is None else self._latest + drift
        self._before = None if self._before is None else self._before + drift

    @property
    def microseconds(self) -> int | None:
        """Return the offset, None while no frame carried a stamp."""
        return min((known for known in (self._before, self._latest) if known is not None), default=None)

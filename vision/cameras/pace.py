"""A pace: so many pictures a second, and none made up for when reading fell behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pacer:
    """Wait for the next due moment; ``rate`` pictures a second, None for as fast as they are read."""

    def __init__(
        self, rate: float | None, stop: threading.Event, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._period = 0.0 if rate is None else 1.0 / rate
        self._stop = stop
        self._monotonic = monotonic
        self._due = monotonic()

    def wait(self) -> bool:
        """Return True at the next due moment, False as soon as the camera is told to stop."""
        pause = self._due - self._monotonic()
        stopped = self._stop.wait(pause) if pause > 0 else self._stop.is_set()
        self._due = max(self._due, self._monotonic() - self._period) + self._period
        return not stopped

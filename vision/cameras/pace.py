"""A pace: so many pictures a second, and none made up for when reading fell behind."""

from __future__ import annotations

import itertools
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


def numbered(rate: float | None, stop: threading.Event) -> Callable[[], int | None]:
    """Return what waits for the next due moment and counts them from 1; None as soon as it is to stop."""
    pacer, numbers = Pacer(rate, stop), itertools.count(1)
    return lambda: next(numbers) if pacer.wait() else None

"""When entries were received: stamps that never fall, and never stand still."""

from __future__ import annotations

from streams.clock import MINUTE, Clock

LARGEST = MINUTE
"""What the clock goes on between two entries at the most; more is a jump."""


class Stamps:
    """Stamp entries by a clock that may be set back: then stamps go on at half its pace until it has come up.

    So order and idleness hold, and a flow that reads the log again sees the same times.

    Parameters
    ----------
    last : the stamp given last.
    """

    def __init__(self, clock: Clock, last: int) -> None:
        self._clock, self._seen = clock, clock.now()
        self.last = last

    def next(self) -> int:
        """Return the stamp of an entry that comes now, microseconds UTC."""
        now = self._clock.now()
        passed, self._seen = min(max(now - self._seen, 0), LARGEST), now
        self.last = max(now, self.last + passed // 2)
        return self.last

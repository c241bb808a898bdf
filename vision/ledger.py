"""The frame ledger: every captured frame ends exactly once, and the sums close."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

INSPECTED = "inspected"
DROPPED = "dropped"
LATE = "late"
UNMATCHED = "unmatched"
ENDS = (INSPECTED, DROPPED, LATE, UNMATCHED)


class RunKey(NamedTuple):
    """One run of one camera."""

    camera: str
    run: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the frames of a station; ``open`` are still on their way."""

    captured: int = 0
    inspected: int = 0
    dropped: int = 0
    late: int = 0
    unmatched: int = 0

    @property
    def open(self) -> int:
        """Return the frames that have not ended yet; after a clean stop none."""
        return self.captured - self.inspected - self.dropped - self.late - self.unmatched

    def __add__(self, other: Balance) -> Balance:
        return Balance(
            self.captured + other.captured,
            self.inspected + other.inspected,
            self.dropped + other.dropped,
            self.late + other.late,
            self.unmatched + other.unmatched,
        )


class Ledger:
    """Count frames by camera, and know which are on their way; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, dict[str, int]] = {}
        self._open: dict[RunKey, dict[int, int]] = defaultdict(dict)

    def captured(self, camera: str, run: str, first: int, last: int) -> None:
        """Note frames that a camera captured: they are on their way, and end together."""
        with self._lock:
            sums = self._sums.setdefault(camera, dict.fromkeys(("captured", *ENDS), 0))
            sums["captured"] += last - first + 1
            self._open[RunKey(camera, run)][first] = last

    def ended(self, camera: str, run: str, first: int, last: int, outcome: str) -> None:
        """Note how frames ended: inspected, dropped, late or unmatched.

        Raises
        ------
        KeyError
            They are not on their way, or nobody counts such an end.
        """
        with self._lock:
            self._sums[camera][outcome] += last - first + 1
            del self._open[RunKey(camera, run)][first]

    def cameras(self) -> dict[str, Balance]:
        """Return the balance of each camera."""
        with self._lock:
            return {camera: Balance(**sums) for camera, sums in self._sums.items()}

    def total(self) -> Balance:
        """Return the balance of all cameras."""
        return sum(self.cameras().values(), Balance())

    def on_their_way(self) -> dict[RunKey, list[tuple[int, int]]]:
        """Return the first and last of what has not ended, by run; runs that are through are left out."""
        with self._lock:
            self._open = defaultdict(dict, {key: frames for key, frames in self._open.items() if frames})
            return {key: sorted(frames.items()) for key, frames in self._open.items()}

"""The frame ledger: every captured frame ends exactly once, and the sums close."""

from __future__ import annotations

import threading
from dataclasses import dataclass

INSPECTED = "inspected"
DROPPED = "dropped"
LATE = "late"
UNMATCHED = "unmatched"


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
    """Count frames by camera; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._balances: dict[str, Balance] = {}

    def captured(self, camera: str, frames: int = 1) -> None:
        """Note frames that a camera captured."""
        self._add(camera, Balance(captured=frames))

    def ended(self, camera: str, outcome: str, frames: int = 1) -> None:
        """Note how frames ended: inspected, dropped, late or unmatched."""
        self._add(camera, Balance(**{outcome: frames}))

    def _add(self, camera: str, change: Balance) -> None:
        with self._lock:
            self._balances[camera] = self._balances.get(camera, Balance()) + change

    def cameras(self) -> dict[str, Balance]:
        """Return the balance of each camera."""
        with self._lock:
            return dict(self._balances)

    def total(self) -> Balance:
        """Return the balance of all cameras."""
        return sum(self.cameras().values(), Balance())

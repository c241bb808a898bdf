"""Every reject must be seen falling into its bin, and nothing else may; otherwise the line stops. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vision.records import Outcome

BEGAN = "The station began anew; see that every reject before it lies in the bin and release the line."
"""Nobody knows what fell, or did not, while no station looked."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A reject on its way to the bin."""

    number: int
    """Of its cycle."""
    called: str
    """What the sentence calls the part."""
    due: float


class Bin:
    """The bin of rejects with its sensor; until a person lets the line go on for the first time it stands.

    Parameters
    ----------
    within_s
        Seconds from a part's answer until it must have fallen into the bin.
    takes
        The answers whose parts go there; None: there is no bin.
    """

    def __init__(self, within_s: float = 0.0, takes: frozenset[Outcome] | None = None) -> None:
        self._within_s, self._takes = within_s, takes
        self._awaited: deque[Awaited] = deque()
        self._seen: bool | None = None
        self._released = True
        self.stop = BEGAN if takes else ""
        """Why the line must stand still; empty when it may run."""

    @property
    def waiting(self) -> int:
        """Return how many rejects are on their way."""
        return len(self._awaited)

    def answered(self, number: int, called: str, outcome: Outcome, now: float) -> None:
        """Take note of how a part was answered."""
        if self._takes and outcome in self._takes:
            self._awaited.append(Awaited(number, called, now + self._within_s))

    def see(self, sensor: bool, release: bool, now: float) -> bool:
        """Take what sensor and release say; True when a person let the line go on just now.

        While the line stands, people have their hands in the bin: then the sensor proves nothing.
        """
        fell, self._seen = sensor and self._seen is False, sensor
        pressed, self._released = release and not self._released, release
        if self._takes is None:
            return False
        if self.stop:
            if pressed:
                self._restart(now)
            return pressed
        if fell and not self._awaited:
            self.stop = "A part that was not rejected fell into the bin; find it and release the line."
        elif fell:
            self._awaited.popleft()
        self.tick(now)
        return False

    def away(self) -> None:
        """Take note that sensor and release cannot be seen: what they show next is no edge."""
        self._seen, self._released = None, True

    def tick(self, now: float) -> None:
        """Let time pass."""
        if not self.stop and self._awaited and now >= self._awaited[0].due:
            missing = self._awaited.popleft()
            self.stop = (
                f"Reject {missing.called} was not seen in its bin within {self._within_s:g} s;"
                " find it and release the line."
            )

    def _restart(self, now: float) -> None:
        """Go on; rejects that stood still with the line have their whole time again."""
        self.stop = ""
        self._awaited = deque(Awaited(one.number, one.called, now + self._within_s) for one in self._awaited)

"""When a machine was silent for longer than it may be: what is told then, and taken back where it spoke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from streams.operators.admit import UNAVAILABLE
from streams.records import NULL, Int64

AVAILABLE = "AVAILABLE"
LASTS: int = int(np.iinfo(np.int64).max)
"""The end of a silence that lasts."""


class Edit(NamedTuple):
    """A word to be put at a time, or taken back; where it cannot be, AVAILABLE goes to ``heard``."""

    ts: int
    text: str
    heard: int = NULL
    """The reading that takes the word back; NULL: it is to be put."""


@dataclass(slots=True)
class Quiet:
    """The silences of one machine, each from the reading before it to the one behind it.

    That it lasts is found by the log's stamps alone; every reading of the machine ends it or parts it, and
    what is no longer than ``patience`` then was none.
    """

    patience: int
    last: int = NULL
    """The newest event time heard; NULL: none yet."""
    heard: int = NULL
    """The stamp of the entry that came last."""
    silences: list[tuple[int, int]] = field(default_factory=list)
    """In order, those that a reading may still part."""

    @property
    def due(self) -> int:
        """Return the stamp behind which a silence begins; `LASTS` where none can."""
        lasting = self.last == NULL or (self.silences and self.silences[-1][1] == LASTS)
        return LASTS if lasting else self.heard + self.patience

    def fall(self) -> Edit:
        """Begin a silence that lasts: it has been due."""
        self.silences.append((self.last, LASTS))
        return Edit(self.last, UNAVAILABLE)

    def hear(self, times: Int64, stamp: int) -> list[Edit]:
        """Take the event times of an entry's readings, in order."""
        self.heard = stamp
        lasted = bool(self.silences) and self.silences[-1][1] == LASTS
        edits: list[Edit] = []
        for begin, end in list(self.silences):
            within = times[(times > begin) & (times < end)]
            if len(within):
                edits += self._part(begin, end, within)
        ahead = times[times > self.last]
        if len(ahead):
            if self.last != NULL and not lasted:
                edits += self._between(np.concatenate(([self.last], ahead)))
            self.last = int(ahead[-1])
        return edits

    def forget(self, floor: int) -> None:
        """Forget what no reading can part any more."""
        self.silences = [(begin, end) for begin, end in self.silences if end >= floor]

    def _part(self, begin: int, end: int, heard: Int64) -> Iterator[Edit]:
        """Yield how readings within a silence change it; one that lasts ends with the first."""
        self.silences.remove((begin, end))
        first, last = int(heard[0]), int(heard[-1])
        if first - begin > self.patience:
            self.silences.append((begin, first))
            yield Edit(first, AVAILABLE)
        else:
            yield Edit(begin, UNAVAILABLE, first)
        yield from self._between(heard)
        if end != LASTS:
            if end - last > self.patience:
                self.silences.append((last, end))
                yield Edit(last, UNAVAILABLE)
            else:
                yield Edit(end, AVAILABLE, last)
        self.silences.sort()

    def _between(self, times: Int64) -> Iterator[Edit]:
        """Yield the silences between readings that follow each other."""
        for place in np.flatnonzero(np.diff(times) > self.patience).tolist():
            begin, end = int(times[place]), int(times[place + 1])
            self.silences.append((begin, end))
            yield Edit(begin, UNAVAILABLE)
            yield Edit(end, AVAILABLE)

    def saved(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def loaded(cls, patience: int, saved: dict[str, Any]) -> Self:
        """Return what was saved, with the patience of today."""
        silences = [(begin, end) for begin, end in saved["silences"]]
        return cls(patience, saved["last"], saved["heard"], silences)

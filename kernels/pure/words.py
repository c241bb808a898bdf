"""What the twins that read lines share: words, times, why they stop; meaning stands in `kernels.words`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from numpy.typing import NDArray

END, ODD, FULL = 0, 1, 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
STAMP = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?"
LONGEST = 63
"""Characters of a number."""

Array = NDArray[Any]


class Stop(Exception):
    """A line is not for this kernel, or there is no room for it."""


class Table:
    """Words by number and number by word."""

    def __init__(self, payload: bytes, spans: Array, count: int) -> None:
        self._spans = spans
        self.count = count
        self._numbers = {
            payload[begin : begin + size]: number
            for number, (begin, size) in enumerate(spans[:count].tolist())
        }

    def find(self, word: bytes) -> int:
        """Return a word's number, -1 where it is not known."""
        return self._numbers.get(word, -1)

    def add(self, word: bytes, begin: int) -> int:
        """Return a word's number, a new one if need be."""
        if word not in self._numbers:
            if self.count == len(self._spans):
                raise Stop(FULL)
            self._spans[self.count] = begin, len(word)
            self._numbers[word] = self.count
            self.count += 1
        return self._numbers[word]


def stamp(text: bytes) -> int:
    """Return the microseconds since 1970 UTC that a text of the form `STAMP` writes; raise where none."""
    try:
        time = datetime.fromisoformat(text.decode())
    except ValueError:
        raise Stop(ODD) from None
    return (time.replace(tzinfo=UTC) - EPOCH) // MICROSECOND

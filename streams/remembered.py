"""What was found out before and may be asked again, with a bound in bytes: a count alone bounds nothing.

Who sends a text says how long it is, so what is kept of it is weighed before it is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from threading import Lock
from typing import Generic, TypeVar, TypeVarTuple

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Rest = TypeVarTuple("Rest")

LETTERS = 64
"""Letters of a text of which an answer is kept: a time of any form has fewer."""
ITEM = 1 << 10
"""Bytes that anything kept takes beside its own, about."""
WORD = 72
"""Bytes that a word takes beside its letters, about."""


class Remembered(Generic[K, V]):
    """The last things kept, so many and so many bytes at the most; threads may share it.

    What would take more than half of the room is not kept: it would drive out all others.
    """

    def __init__(self, most: int, room: int) -> None:
        self._most, self._room = most, room
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()
        self.taken = 0
        """Bytes of what is kept."""

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        """Remember nothing in a copy: who asks there finds out anew."""
        return type(self), (self._most, self._room)

    def get(self, key: K) -> V | None:
        """Return what is kept under a key."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep something of so many bytes, its key's among them, in place of what was kept under the key."""
        with self._lock:
            self._drop(key)
            if size + ITEM > self._room // 2:
                return
            self._kept[key] = value, size + ITEM
            self.taken += size + ITEM
            while self.taken > self._room or len(self._kept) > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: K) -> None:
        self.taken -= self._kept.pop(key, (None, 0))[1]


def weight(words: int, letters: int) -> int:
    """Return the bytes that so many words of so many letters take, here and as Arrow has them, about."""
    return WORD * words + 2 * letters


def of_short_texts(
    most: int, letters: int = LETTERS
) -> Callable[[Callable[[str, *Rest], V]], Callable[[str, *Rest], V]]:
    """Make a function remember what it said of so many texts, of the short ones alone."""

    def decorate(function: Callable[[str, *Rest], V]) -> Callable[[str, *Rest], V]:
        known = lru_cache(most)(function)

        @wraps(function)
        def ask(text: str, /, *rest: *Rest) -> V:
            return known(text, *rest) if len(text) <= letters else function(text, *rest)

        return ask

    return decorate

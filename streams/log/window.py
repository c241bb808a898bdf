"""The entries that a producer has sent and nobody acknowledged yet. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")
"""How the protocol that sends them tells entries apart."""


class Sent(NamedTuple, Generic[K]):
    """An entry that may have to be sent again."""

    sequence: int
    kind: K
    payload: bytes


class Window(Generic[K]):
    """A queue with a limit: what was added leaves it when acknowledged, in order.

    Numbers go on behind ``floor``.
    """

    def __init__(self, entries: int, size: int, floor: int = 0) -> None:
        self._limit, self._size_limit = entries, size
        self._entries: deque[Sent[K]] = deque()
        self._size = 0
        self._sent = 0
        self.floor = floor
        """Everything up to this sequence number is acknowledged."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Whether no further entry should be added now."""
        return len(self._entries) >= self._limit or self._size >= self._size_limit

    def add(self, kind: K, payload: bytes) -> int:
        """Queue an entry and return its sequence number, one more than the last."""
        sequence = self.floor + len(self._entries) + 1
        self._entries.append(Sent(sequence, kind, payload))
        self._size += len(payload)
        return sequence

    def next(self) -> Sent[K] | None:
        """Return the entry to send next, None when all were sent; `sent` confirms it."""
        return self._entries[self._sent] if self._sent < len(self._entries) else None

    def sent(self) -> None:
        """Count the entry that `next` returned as sent."""
        self._sent += 1

    def rewind(self) -> None:
        """Send everything unacknowledged once more: the connection is new."""
        self._sent = 0

    def acknowledge(self, sequence: int) -> bool:
        """Let go of everything up to a sequence number; tell whether that was news."""
        before = self.floor
        while self._entries and self._entries[0].sequence <= sequence:
            self._size -= len(self._entries.popleft().payload)
            self._sent = max(0, self._sent - 1)
            self.floor += 1
        return self.floor > before

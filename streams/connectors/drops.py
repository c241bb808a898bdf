"""Datagrams that found no room in their socket, as Linux counts them, put on record."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable

from streams.abc import Outlet
from streams.connectors.speakers import Speakers

SO_RXQ_OVFL = 40
"""Linux tells with each datagram how many it has dropped so far, four bytes."""
WHY = "the socket had no room; whose datagrams were lost nobody knows"
TELL_SECONDS = 1.0
"""Drops are told no more often: each is a row for every machine."""


class Drops:
    """What one socket dropped: a gap of everybody who speaks there."""

    def __init__(self, speakers: Speakers) -> None:
        self._speakers = speakers
        self._dropped = self._told = 0
        self._due = 0.0

    def note(self, notes: Iterable[tuple[int, int, bytes]]) -> None:
        """Take what came with a datagram."""
        for _, _, count in notes:
            self._dropped = max(self._dropped, struct.unpack("I", count)[0])

    def tell(self, outlet: Outlet) -> None:
        """Put on record what was dropped since this was told last."""
        if self._dropped > self._told and time.monotonic() >= self._due:
            self._speakers.skipped(outlet, WHY, self._dropped - self._told)
            self._told, self._due = self._dropped, time.monotonic() + TELL_SECONDS

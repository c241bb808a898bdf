"""Read on over what a full log has dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from streams.log.abc import Entry, LogView
from streams.log.errors import LogGap


class OverGaps:
    """A reader that goes on at the oldest entry where the wanted ones were dropped, and says so.

    Parameters
    ----------
    tell
        Called with the first and the last position that were skipped.
    """

    def __init__(self, view: LogView, tell: Callable[[int, int], None]) -> None:
        self._view, self._tell = view, tell

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return entries behind ``after``, or from the oldest on where those are gone; never wait."""
        try:
            return self._view.read(after, limit)
        except LogGap:
            first = self._view.first
        with suppress(LogGap):  # dropped in this moment: the next call finds where it goes on
            if found := self._view.read(first - 1, limit):
                self._tell(after + 1, first - 1)
                return found
        return ()

    def close(self) -> None:
        """Close the reader."""
        self._view.close()

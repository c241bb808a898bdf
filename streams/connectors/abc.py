"""Contract of the connectors: what brings the readings of a source into the house."""

from __future__ import annotations

import threading
from typing import Protocol, runtime_checkable

from streams.abc import Outlet


class Connector(Protocol):
    """One source. Decoding is pure and stands apart from the loop that waits."""

    trouble: str
    """Why the source cannot be heard just now, in one sentence; empty when all is well."""

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Hand over what the source says until told to stop.

        A source that goes away and comes back is the connector's own business. Raises when it cannot
        go on at all; the gateway then starts it anew.
        """


@runtime_checkable
class Counting(Protocol):
    """A connector that counts more than what it hands over, for its health record."""

    counters: dict[str, int]

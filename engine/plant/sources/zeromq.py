"""A ZeroMQ endpoint in the plant file."""

from __future__ import annotations

from typing import Literal

from engine.plant.keys import CurveSection
from engine.plant.sources.stamped import StampedSource


class ZmqSource(StampedSource):
    """A ZeroMQ endpoint that takes Arrow batches and JSON lines of readings."""

    kind: Literal["zeromq"]
    """Senders connect to us; each reading names its machine and tag."""
    name: str
    """Names the source in the log and in quarantine."""
    endpoint: str
    """Where we listen."""
    curve: CurveSection | None = None
    """Who may come in; left out: everybody who reaches the endpoint."""

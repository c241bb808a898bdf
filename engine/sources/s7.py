"""A Siemens S7 controller."""

from __future__ import annotations

from collections import defaultdict

from engine.plant import Plant, S7Source
from engine.sources.polled import polling
from streams.connectors.polling import PollingConnector
from streams.connectors.s7 import S7Link
from streams.connectors.s7_places import AT_ONCE


def build(source: S7Source, plant: Plant) -> PollingConnector:
    """Return its connector."""
    return polling(
        source,
        plant,
        f"The S7 at {source.host}:{source.port}",
        [point.place() for point in source.points],
        defaultdict(lambda: AT_ONCE),
        lambda: S7Link(source.host, source.port, source.rack, source.slot, source.timeout_s),
    )

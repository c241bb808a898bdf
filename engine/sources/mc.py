"""A Mitsubishi controller."""

from __future__ import annotations

from engine.plant import McSource, Plant
from engine.sources.polled import polling
from streams.connectors.mc import McLink
from streams.connectors.mc_frames import Route
from streams.connectors.mc_places import LIMITS
from streams.connectors.polling import PollingConnector


def build(source: McSource, plant: Plant) -> PollingConnector:
    """Return its connector."""
    places = [point.place(source.inputs) for point in source.points]
    route = Route(*source.route.model_dump().values())
    device = f"The controller at {source.host}:{source.port}"
    return polling(
        source,
        plant,
        device,
        places,
        LIMITS,
        lambda: McLink(source.host, source.port, route, source.timeout_s),
    )

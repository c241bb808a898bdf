"""An MTConnect agent."""

from __future__ import annotations

from engine.plant import MTConnectSource, Plant
from streams.connectors.contact import Contact
from streams.connectors.mtconnect import MTConnectConnector
from streams.connectors.mtconnect_http import Agent
from streams.connectors.points import Point, texts


def build(source: MTConnectSource, plant: Plant) -> MTConnectConnector:
    """Return its connector."""
    catalog = plant.catalog()
    bound = [
        Point(f"{one.device}/{tag.name}", one.machine, tag.name)
        for one in source.devices
        for tag in catalog.machine(one.machine).tags
    ]
    points = bound + [point.build() for point in source.points]
    machines = [catalog.machine(name) for name in dict.fromkeys(point.machine for point in points)]
    contact = Contact(machines, {(point.machine, point.tag) for point in points}, plant.clock())
    return MTConnectConnector(
        agent(source),
        points,
        texts(points, machines),
        contact,
        source.interval_s,
        plant.clock(),
        source.zone(),
    )


def agent(source: MTConnectSource) -> Agent:
    """Return the agent, which is asked over TLS where its address says so."""
    return Agent(source.url, source.tls.build() if source.tls else None)

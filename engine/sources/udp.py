"""An address for datagrams."""

from __future__ import annotations

from engine.plant import Plant, UdpSource
from streams.connectors.udp import UdpConnector


def build(source: UdpSource, plant: Plant) -> UdpConnector:
    """Return its connector."""
    return UdpConnector(source.host, source.port, plant.catalog().machines, plant.clock(), source.zone())

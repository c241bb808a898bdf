"""An MTConnect adapter."""

from __future__ import annotations

from engine.plant import Plant, ShdrSource
from streams.connectors.shdr import ShdrConnector


def build(source: ShdrSource, plant: Plant) -> ShdrConnector:
    """Return its connector."""
    machine = plant.catalog().machine(source.machine)
    zone = source.zone()
    return ShdrConnector(machine, source.host, source.port, plant.clock(), source.silence_s, zone)

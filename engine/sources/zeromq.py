"""A ZeroMQ endpoint."""

from __future__ import annotations

from engine.plant import Plant, ZmqSource
from streams.connectors.zeromq import ZmqConnector


def build(source: ZmqSource, _plant: Plant) -> ZmqConnector:
    """Return its connector."""
    return ZmqConnector(source.endpoint)

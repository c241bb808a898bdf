"""A ZeroMQ endpoint."""

from __future__ import annotations

from engine.keys import server_keys
from engine.plant import Plant, ZmqSource
from streams.connectors.zeromq import ZmqConnector


def build(source: ZmqSource, plant: Plant) -> ZmqConnector:
    """Return its connector; the key file is read when it runs."""
    curve = source.curve
    keys = None if curve is None else lambda: server_keys(curve)
    return ZmqConnector(source.endpoint, keys, plant.clock(), source.zone())

"""A ZeroMQ endpoint."""

from __future__ import annotations

from engine.plant import Plant, ZmqSource
from engine.plant.sources.zeromq import CurveSection
from streams.connectors.curve import ServerKeys, read_secret
from streams.connectors.zeromq import ZmqConnector


def build(source: ZmqSource, _plant: Plant) -> ZmqConnector:
    """Return its connector; the key file is read when it runs."""
    curve = source.curve
    return ZmqConnector(source.endpoint, None if curve is None else lambda: server_keys(curve))


def server_keys(curve: CurveSection) -> ServerKeys:
    """Return the keys of an endpoint.

    Raises
    ------
    KeyFileError
        The secret key cannot be used.
    """
    return ServerKeys(read_secret(curve.secret_key), {key: name for name, key in curve.clients.items()})

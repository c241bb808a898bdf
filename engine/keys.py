"""Keys as the plant file names them, read from their files."""

from __future__ import annotations

from engine.plant.keys import CurveClientSection, CurveSection
from streams.connectors.curve import ClientKeys, ServerKeys, read_secret


def server_keys(curve: CurveSection) -> ServerKeys:
    """Return the keys of an endpoint.

    Raises
    ------
    KeyFileError
        The secret key cannot be used.
    """
    return ServerKeys(read_secret(curve.secret_key), {key: name for name, key in curve.clients.items()})


def client_keys(curve: CurveClientSection | None) -> ClientKeys | None:
    """Return the keys of the end that connects, None where none are asked.

    Raises
    ------
    KeyFileError
        The secret key cannot be used.
    """
    return None if curve is None else ClientKeys(read_secret(curve.secret_key), curve.server.encode())

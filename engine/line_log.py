"""The log of a line, wherever it is kept."""

from __future__ import annotations

from engine.keys import client_keys
from engine.paths import Home
from engine.plant import Plant
from streams.log.abc import LogView
from streams.log.reader import FileLogReader
from streams.log.remote import RemoteLog


def open_view(plant: Plant, home: Home) -> LogView:
    """Return the log of the plant's shard, to be read and to be closed.

    Raises
    ------
    KeyFileError
        The secret key for another node's log cannot be used.
    """
    if (remote := plant.log.remote) is not None:
        return RemoteLog(remote.endpoint, plant.shard, client_keys(remote.curve))
    return FileLogReader(home.log / plant.shard)

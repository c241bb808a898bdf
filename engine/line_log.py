"""The log of a line, wherever it is kept."""

from __future__ import annotations

from engine.paths import Home
from engine.plant import Plant
from streams.log.abc import LogView
from streams.log.reader import FileLogReader


def open_view(plant: Plant, home: Home) -> LogView:
    """Return the log of the plant's shard, to be read and to be closed."""
    return FileLogReader(home.log / plant.shard)

"""Where a log ends, for those who start beside it."""

from __future__ import annotations

from pathlib import Path

from streams.log.abc import Entry
from streams.log.marks import DURABLE, Mark
from streams.log.reader import FileLogReader


def last_entry(folder: Path) -> Entry | None:
    """Return the newest entry that is safe on disk, None where there is none yet."""
    if not folder.is_dir():
        return None
    mark, reader = Mark(folder / DURABLE), FileLogReader(folder)
    try:
        durable = mark.read()
        return reader.read(durable - 1, 1)[0] if durable else None
    finally:
        reader.close()
        mark.close()

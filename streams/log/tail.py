"""Where a log ends, for those who start beside it."""

from __future__ import annotations

from pathlib import Path

from streams.log.abc import Entry
from streams.log.reader import FileLogReader


def last_entry(folder: Path) -> Entry | None:
    """Return the newest entry that is safe on disk, None where there is none yet."""
    if not folder.is_dir():
        return None
    reader = FileLogReader(folder)
    try:
        return reader.read(reader.end - 1, 1)[0] if reader.end else None
    finally:
        reader.close()

"""Small files that hold one log position each: how far it is durable, consumed, committed."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from zlib import crc32

FORM = struct.Struct("<QI")
DURABLE = "durable"
CONSUMED = "consumed"
COMMITTED = "committed"
"""What follows from entries up to here is in the database, though a restart may still read them."""
ARCHIVED = "archived"
"""Readings of entries up to here stand in the archive's files."""


class Mark:
    """A position that one process writes and others read at any time.

    It is never synced to disk: after a power cut it may be older than the truth, never newer.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, position: int) -> None:
        """Publish a position."""
        raw = position.to_bytes(8, "little")
        os.pwrite(self._file, raw + crc32(raw).to_bytes(4, "little"), 0)

    def read(self) -> int:
        """Return the position, 0 when there is none (or its writing is just under way)."""
        raw = os.pread(self._file, FORM.size, 0)
        if len(raw) < FORM.size:
            return 0
        position, crc = FORM.unpack(raw)
        return int(position) if crc == crc32(raw[:8]) else 0

    @property
    def written(self) -> bool:
        """Whether a position was ever published."""
        return os.fstat(self._file).st_size >= FORM.size

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def mark_consumed(folder: Path, position: int) -> None:
    """Allow the appender to remove entries up to ``position`` when it needs the room.

    Everything that a restart would still read must stand behind it: a shard passes the position of
    the oldest snapshot it keeps.
    """
    write_mark(folder, CONSUMED, position)


def write_mark(folder: Path, name: str, position: int) -> None:
    """Publish a position under a name."""
    mark = Mark(folder / name)
    try:
        mark.write(position)
    finally:
        mark.close()

"""The case that is tried now, in a file that outlives a process which never comes back from it."""

from __future__ import annotations

from mmap import mmap
from pathlib import Path
from struct import Struct

FILE = "tried"
SIZE = Struct("<I")
LONGEST = 1 << 16
"""Bytes of a case at the most."""


class Tried:
    """Note a case before it is tried: a copy in memory that the system writes down."""

    def __init__(self, folder: Path) -> None:
        with (folder / FILE).open("wb+") as file:
            file.truncate(SIZE.size + LONGEST)
            self._noted = mmap(file.fileno(), 0)

    def note(self, data: bytes) -> None:
        """Take note of a case."""
        SIZE.pack_into(self._noted, 0, len(data))
        self._noted[SIZE.size : SIZE.size + len(data)] = data


def keep(folder: Path, failed: Path) -> None:
    """Write the case that was tried last among those that failed, if there was one."""
    if (folder / FILE).exists():
        noted = (folder / FILE).read_bytes()
        (failed / "last").write_bytes(noted[SIZE.size :][: SIZE.unpack_from(noted)[0]])

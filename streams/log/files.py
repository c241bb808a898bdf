"""The files of one partition: segments named by their first position, and the lock of their owner."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from streams.log.errors import LogBusy

SUFFIX = ".seg"


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment."""

    first: int
    path: Path
    size: int


class OpenSegment:
    """The segment that is written to."""

    def __init__(self, folder: Path, first: int, size: int = 0) -> None:
        self.first, self.size = first, size
        self.path = path_of(folder, first)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, data: bytes) -> None:
        """Add bytes and wait until they are on disk; when that fails, leave nothing of them."""
        try:
            _write_all(self._file, data, self.size)
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(data)

    def finish(self) -> Segment:
        """Close the file and return what it is now."""
        os.close(self._file)
        return Segment(self.first, self.path, self.size)


def path_of(folder: Path, first: int) -> Path:
    """Return where the segment that begins with position ``first`` stands."""
    return folder / f"{first:020d}{SUFFIX}"


def segments(folder: Path) -> list[Segment]:
    """Return the segments of a folder, oldest first."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            found.append(Segment(int(path.stem), path, path.stat().st_size))
        except FileNotFoundError:
            continue
    return sorted(found, key=lambda segment: segment.first)


def sync_folder(folder: Path) -> None:
    """Make created, renamed and removed files of a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(folder: Path, name: str = "lock", owner: str = "appender") -> int:
    """Own a folder, or what else the name stands for, until the returned file is closed.

    Raises
    ------
    LogBusy
        Another process owns it.
    """
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(file)
        raise LogBusy(f"Another {owner} writes to {folder}; stop it before starting this one.") from exc
    return file


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, offset)
        view, offset = view[done:], offset + done

"""A pack: pictures one after the other in one file, each behind a header with its size and its SHA-256.

A pack is only ever appended to, by the process that began it. What was taken away is a hole where its bytes
were; its header stays, so that a pack can be walked through from its beginning.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".pack"
HEADER = struct.Struct(">4sI32s")
"""Mark, bytes of the picture, its SHA-256."""
MARK = b"pic1"
KEEP_SIZE, PUNCH_HOLE = 1, 2
"""Flags of Linux's fallocate(2)."""
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture's bytes lie."""

    pack: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """Return the first byte behind it."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class Pack:
    """One file of pictures in a folder."""

    folder: Path
    number: int

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.folder / f"{self.number:08d}{SUFFIX}"

    def read(self, place: Place) -> bytes:
        """Return a picture's bytes, fewer where the file was cut.

        Raises
        ------
        OSError
            The file is not there or cannot be read.
        """
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), place.size, place.start)

    def walk(self, start: int, checked: bool) -> Iterator[tuple[bytes, Place]]:
        """Yield the hash and place of each picture from a header on, up to where the file was cut.

        Parameters
        ----------
        checked
            Whether its bytes are compared with its hash; else only its first eight are looked at: no
            picture begins with as many zeros, a hole does.
        """
        with self.path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            while len(header := os.pread(file.fileno(), HEADER.size, start)) == HEADER.size:
                mark, size, name = HEADER.unpack(header)
                place = Place(self.number, start + HEADER.size, size)
                if mark != MARK or place.end > end:
                    return
                content = os.pread(file.fileno(), size if checked else 8, place.start)
                if hashlib.sha256(content).digest() == name if checked else any(content):
                    yield name, place
                start = place.end

    def punch(self, place: Place) -> None:
        """Give a picture's bytes back to the disk, where the file system can; they read as zeros then."""
        with suppress(FileNotFoundError), self.path.open("rb+") as file:
            sizes = ctypes.c_int64(place.start), ctypes.c_int64(place.size)
            if _libc.fallocate(file.fileno(), PUNCH_HOLE | KEEP_SIZE, *sizes):
                os.pwrite(file.fileno(), bytes(min(place.size, 8)), place.start)


class Appending:
    """A pack that this process has begun, and appends to.

    Raises
    ------
    OSError
        The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.number = max(numbers(folder), default=0)
        self._file = -1
        while self._file < 0:
            self.number += 1
            path = Pack(folder, self.number).path
            with suppress(FileExistsError):
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.end = 0

    def append(self, items: Sequence[tuple[bytes, bytes]]) -> list[Place]:
        """Append pictures by hash and return where they lie when they are on disk.

        Raises
        ------
        OSError
            The disk is full or cannot be written; the pack is as it was.
        """
        places, at = [], self.end
        try:
            for name, content in items:
                header = HEADER.pack(MARK, len(content), name)
                self._write(header, at)
                self._write(content, at + len(header))
                places.append(Place(self.number, at + len(header), len(content)))
                at = places[-1].end
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.end)
            raise
        self.end = at
        return places

    def _write(self, content: bytes, at: int) -> None:
        left = memoryview(content)
        while left:
            done = os.pwrite(self._file, left, at)
            left, at = left[done:], at + done

    def close(self) -> None:
        """Append nothing more."""
        os.close(self._file)


def numbers(folder: Path) -> list[int]:
    """Return the numbers of a folder's packs, in order."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())

"""Where a backup is written to: a folder, or one tar file; every file is hashed on its way."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.backup.errors import BackupError

SUMS = "SHA256SUMS"
"""Names and hashes of all files, as ``sha256sum -c`` reads them."""
PARTIAL = ".partial"


class Hashed(io.RawIOBase):
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of the data."""
        self._digest.update(data)
        self._file.write(data)
        return len(data)

    @property
    def hexdigest(self) -> str:
        """Return the hash so far."""
        return self._digest.hexdigest()


class Place(Protocol):
    """What keeps the files of a backup until it is whole."""

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give a file to write; it is kept when the block ends."""

    def finish(self) -> None:
        """Put everything on disk under its final name."""

    def abandon(self) -> None:
        """Leave nothing behind."""


class Folder:
    """Files below a folder, which has another name until all are there."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._draft = target.with_name(target.name + PARTIAL)
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(parents=True)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give a file of the folder."""
        path = self._draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            yield file

    def finish(self) -> None:
        """Wait for the disk, then take the final name."""
        os.sync()
        self._draft.rename(self._target)

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._draft, ignore_errors=True)


class Tar:
    """Members of a tar file, which has another name until all are there."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._draft = target.with_name(target.name + PARTIAL)
        self._draft.parent.mkdir(parents=True, exist_ok=True)
        self._tar = tarfile.open(self._draft, "w")  # noqa: SIM115

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give a file that becomes a member: a member's size stands before its bytes."""
        with tempfile.TemporaryFile(dir=self._draft.parent) as file:
            yield file
            member = tarfile.TarInfo(name)
            member.size = file.tell()
            file.seek(0)
            self._tar.addfile(member, file)

    def finish(self) -> None:
        """Wait for the disk, then take the final name."""
        self._tar.close()
        os.sync()
        self._draft.rename(self._target)

    def abandon(self) -> None:
        """Remove what was written."""
        self._tar.close()
        self._draft.unlink(missing_ok=True)


class Sink:
    """Write the files of one backup; the last one lists the hashes of all others.

    Raises
    ------
    BackupError
        There is something under the name already.
    """

    def __init__(self, target: Path) -> None:
        if target.exists():
            raise BackupError(f"{target} exists already; name a file or folder that does not.")
        self._place: Place = Tar(target) if target.suffix == ".tar" else Folder(target)
        self._sums: list[str] = []
        self.bytes = 0

    @property
    def files(self) -> int:
        """How many files were written."""
        return len(self._sums)

    @contextmanager
    def open(self, name: str) -> Iterator[Hashed]:
        """Give a file of the backup to write."""
        with self._place.open(name) as file:
            hashed = Hashed(file)
            yield hashed
            self.bytes += file.tell()
            self._sums.append(f"{hashed.hexdigest}  {name}\n")

    def copy(self, name: str, source: Path) -> None:
        """Copy a file into the backup."""
        with source.open("rb") as file, self.open(name) as out:
            shutil.copyfileobj(file, out, 1 << 20)

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the backup."""
        with self.open(name) as out:
            out.write(data)

    def finish(self) -> None:
        """Write the hashes and give the backup its name: from now on it is one."""
        with self._place.open(SUMS) as file:
            file.write("".join(sorted(self._sums, key=lambda line: line[66:])).encode())
        self._place.finish()

    def abandon(self) -> None:
        """Leave nothing of it."""
        self._place.abandon()

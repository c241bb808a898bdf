"""Find evidence by its hash among the packs of all stations, and take it away when its days are over."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vision.evidence.disk import write_file
from vision.evidence.index import FILE, Index
from vision.evidence.pack import Pack, Place
from vision.evidence.store import failure

FRESH = 3600.0
"""Real seconds in which evidence that was just kept is not taken away: its verdict is on its way."""
_HASH = re.compile(r"[0-9a-f]{64}")


def digest(frame_hash: str) -> bytes:
    """Return a SHA-256 as bytes.

    Raises
    ------
    ValueError
        The text is not a SHA-256.
    """
    if not _HASH.fullmatch(frame_hash):
        raise ValueError(f"{frame_hash!r} is not a SHA-256 in lower case hexadecimal")
    return bytes.fromhex(frame_hash)


def path(archive: Path, frame_hash: str) -> Path:
    """Return where evidence lies in an archive, a file each: ``archive/ab/abcdef...``.

    Raises
    ------
    ValueError
        The text is not a SHA-256.
    """
    digest(frame_hash)
    return archive / frame_hash[:2] / frame_hash


def read(root: Path, frame_hash: str) -> bytes:
    """Return evidence of a plant or of an archive, checked against its name.

    Raises
    ------
    OSError
        It is not there.
    ValueError
        It was changed since, or the hash is none.
    """
    with closing(Shelf(root)) as shelf:
        return shelf.read(frame_hash)


@dataclass(frozen=True, slots=True)
class Found:
    """A picture in one station's packs."""

    folder: Path
    index: Index
    place: Place

    def read(self) -> bytes:
        """Return its bytes."""
        return Pack(self.folder, self.place.pack).read(self.place)


class Shelf:
    """The packs of all stations below one folder. For one thread at a time.

    Raises
    ------
    OSError
        An index cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._indexes: dict[Path, Index] = {}
        try:
            for file in sorted(root.glob(f"*/{FILE}")):
                self._indexes[file.parent] = Index(file.parent)
        except sqlite3.Error as exc:
            self.close()
            raise failure(exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the indexes."""
        for index in self._indexes.values():
            index.close()

    def read(self, frame_hash: str) -> bytes:
        """Return evidence, checked against its name.

        Raises
        ------
        OSError
            It is not there.
        ValueError
            It was changed since, or the hash is none.
        """
        archived = path(self._root, frame_hash)
        content = archived.read_bytes() if archived.is_file() else None
        for found in self._find(digest(frame_hash)) if content is None else ():
            content = found.read()
            if hashlib.sha256(content).hexdigest() == frame_hash:
                return content
        if content is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), frame_hash)
        if hashlib.sha256(content).hexdigest() != frame_hash:
            raise ValueError(f"the evidence {frame_hash} was changed after it was written")
        return content

    def size(self, frame_hash: str) -> int:
        """Return the bytes that evidence takes, 0 where it is not there."""
        return sum(found.place.size for found in self._find(digest(frame_hash)))

    def take_away(self, hashes: Sequence[str], archive: Path | None = None) -> list[int | None]:
        """Delete evidence, or move it to files of an archive, and return the bytes of each.

        0 where it is not there, None where it was kept within the last hour and stays. What is on its way
        out is first marked, on disk: a station that keeps the same bytes meanwhile writes them anew.

        Raises
        ------
        OSError
            The disk cannot be written; what was marked goes with the next call.
        """
        try:
            leaving = self._mark(hashes)
            for name, places in leaving.items():
                for found in places:
                    self._give_back(name, found, archive)
            self._forget(leaving)
            stays = {name for name in hashes if self.size(name)}
        except sqlite3.Error as exc:
            raise failure(exc) from exc
        return [
            None if name in stays else sum(found.place.size for found in leaving[name]) for name in hashes
        ]

    def _find(self, name: bytes) -> Iterator[Found]:
        """Yield where a picture lies; an index that cannot be read is told when all others were asked."""
        trouble: OSError | None = None
        for folder, index in self._indexes.items():
            try:
                place = index.find(name)
            except sqlite3.Error as exc:
                trouble, place = failure(exc), None
            if place:
                yield Found(folder, index, place)
        if trouble:
            raise trouble

    def _mark(self, hashes: Sequence[str]) -> dict[str, list[Found]]:
        """Mark what is not fresh as on its way out, in every station's packs, and return where it lies."""
        leaving: dict[str, list[Found]] = {name: [] for name in hashes}
        for folder, index in self._indexes.items():
            with index.change(durable=True):
                for name, places in leaving.items():
                    if place := index.going(digest(name), FRESH):
                        places.append(Found(folder, index, place))
        return leaving

    def _give_back(self, name: str, found: Found, archive: Path | None) -> None:
        """Move one picture's bytes; what another call has moved already is a hole."""
        content = b"" if archive is None else found.read()
        if archive is not None and hashlib.sha256(content).hexdigest() == name:
            write_file(path(archive, name), content)
        Pack(found.folder, found.place.pack).punch(found.place)

    def _forget(self, leaving: Mapping[str, Sequence[Found]]) -> None:
        for folder, index in self._indexes.items():
            with index.change():
                for name, places in leaving.items():
                    for found in places:
                        if found.folder == folder:
                            index.gone(digest(name), found.place)

"""Keep evidence: one append and one sync for all pictures of a moment."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from vision.evidence.disk import sync_folders
from vision.evidence.index import open_index
from vision.evidence.pack import Appending

PACK_BYTES = 256 << 20
"""A pack that has as much is followed by another."""


class EvidenceStore:
    """Keep the pictures of one station in packs below ``root``.

    What `keep` returned from survives a power cut. Keeping the same bytes twice writes them once. For one
    thread at a time.

    Raises
    ------
    OSError
        The folder cannot be written.
    """

    def __init__(self, root: Path, station: str) -> None:
        self._folder = root / quote(station, safe="")
        self._folder.mkdir(parents=True, exist_ok=True)
        sync_folders((root,))
        try:
            self._index = open_index(self._folder)
        except sqlite3.Error as exc:
            raise failure(exc) from exc
        self._pack: Appending | None = None

    def keep(self, items: Mapping[str, bytes]) -> None:
        """Write bytes by their SHA-256 and return when they are on disk.

        Raises
        ------
        OSError
            The disk is full or cannot be written: nothing may be said that rests on these bytes.
        """
        by_name = {bytes.fromhex(name): content for name, content in items.items()}
        try:
            with self._index.change():
                if names := self._index.renew(list(by_name)):
                    places = self._open().append([(name, by_name[name]) for name in names])
                    self._index.enter(names, places)
        except sqlite3.Error as exc:
            raise failure(exc) from exc

    def _open(self) -> Appending:
        if self._pack is None or self._pack.end >= PACK_BYTES:
            self._end_pack()
            self._pack = Appending(self._folder)
            sync_folders((self._folder,))
        return self._pack

    def _end_pack(self) -> None:
        if self._pack is not None:
            self._pack.close()
            self._pack = None

    def close(self) -> None:
        """Let go of pack and index."""
        self._end_pack()
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def failure(exc: sqlite3.Error) -> OSError:
    """Return what a caller is told when the index cannot be written."""
    full = getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return OSError(errno.ENOSPC if full else errno.EIO, f"the index of the pictures: {exc}")

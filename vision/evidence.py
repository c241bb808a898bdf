"""Evidence: the exact bytes inspected, kept under their SHA-256, on disk before anyone hears a verdict."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{64}")


def path(root: Path, frame_hash: str) -> Path:
    """Return where evidence lies: ``root/ab/abcdef...``.

    Raises
    ------
    ValueError
        The text is not a SHA-256.
    """
    if not _HASH.fullmatch(frame_hash):
        raise ValueError(f"{frame_hash!r} is not a SHA-256 in lower case hexadecimal")
    return root / frame_hash[:2] / frame_hash


def read(root: Path, frame_hash: str) -> bytes:
    """Return evidence, checked against its name.

    Raises
    ------
    OSError
        It is not there.
    ValueError
        It was changed since, or the hash is none.
    """
    content = path(root, frame_hash).read_bytes()
    if hashlib.sha256(content).hexdigest() != frame_hash:
        raise ValueError(f"the evidence {frame_hash} was changed after it was written")
    return content


class EvidenceStore:
    """Keep evidence below one folder; what `keep` returned from survives a power cut.

    Keeping the same bytes twice writes them once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[str] = set()

    def keep(self, items: Mapping[str, bytes]) -> None:
        """Write bytes by their SHA-256 and return when files and folders are on disk.

        Raises
        ------
        OSError
            The disk is full or cannot be written: nothing may be said that rests on these bytes.
        """
        self._make_folders({name[:2] for name in items})
        written = [self._write(name, content) for name, content in items.items() if not self._has(name)]
        for descriptor, draft, final in written:
            _settle(descriptor, draft, final)
        sync_folders({self.root / name[:2] for name in items})

    def _has(self, name: str) -> bool:
        return path(self.root, name).exists()

    def _make_folders(self, names: set[str]) -> None:
        missing = names - self._folders
        for name in missing:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        if missing:
            sync_folders((self.root,))
            self._folders |= missing

    def _write(self, name: str, content: bytes) -> tuple[int, Path, Path]:
        final = path(self.root, name)
        draft = final.with_name(f".{name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        return descriptor, draft, final


def _settle(descriptor: int, draft: Path, final: Path) -> None:
    os.fsync(descriptor)
    os.close(descriptor)
    draft.rename(final)


def sync_folders(folders: Iterable[Path]) -> None:
    """Put the names in folders on disk."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Put on disk what must survive a power cut: the names in a folder, one file as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def sync_folders(folders: Iterable[Path | str]) -> None:
    """Put the names in folders on disk."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_file(place: Path, content: bytes) -> None:
    """Write a file whole or not at all, and its name.

    Raises
    ------
    OSError
        The disk is full or cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(place)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folders((place.parent,))

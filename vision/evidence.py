"""Evidence: the exact bytes inspected, kept under their SHA-256, on disk before anyone hears a verdict."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{64}")
FRESH = 3600.0
"""Real seconds in which evidence that was just kept is not taken away: its verdict is on its way."""


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
        self._root = root
        for number in range(256):
            (root / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        sync_folders((root,))

    def keep(self, items: Mapping[str, bytes]) -> None:
        """Write bytes by their SHA-256 and return when files and folders are on disk.

        Raises
        ------
        OSError
            The disk is full or cannot be written: nothing may be said that rests on these bytes.
        """
        places = [(str(path(self._root, name)), content) for name, content in items.items()]
        new = [(place, content) for place, content in places if not _renewed(place)]
        with ExitStack() as files:
            drafts = [(files.enter_context(write_draft(place, content)), place) for place, content in new]
            for draft, _ in drafts:
                os.fsync(draft.file)
            for draft, place in drafts:
                os.rename(draft.name, place)  # noqa: PTH104
        sync_folders({os.path.dirname(place) for place, _ in places})  # noqa: PTH120


def _renewed(place: str) -> bool:
    """Return whether evidence is there already, which then counts as kept just now."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def take_away(root: Path, frame_hash: str, archive: Path | None = None) -> int | None:
    """Delete evidence, or move it to the same place below ``archive``, and return its bytes.

    Returns 0 when it is not there, None when it was kept within the last hour and stays. It is first
    put aside under a name that no station sees: one that keeps the same bytes meanwhile writes them anew.

    Raises
    ------
    OSError
        The disk cannot be written; the evidence is where it was or goes with the next call.
    """
    place = path(root, frame_hash)
    aside = place.with_name(f".{frame_hash}.going")
    try:
        place.rename(aside)
    except FileNotFoundError:
        if not aside.exists():
            return 0
    found = aside.stat()
    if time.time() - found.st_mtime < FRESH:
        aside.rename(place)
        return None
    if archive is not None:
        _keep_copy(path(archive, frame_hash), aside.read_bytes())
    aside.unlink()
    return found.st_size


def _keep_copy(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with write_draft(str(place), content) as draft:
        os.fsync(draft.file)
        Path(draft.name).rename(place)
    sync_folders((place.parent,))


@dataclass(frozen=True, slots=True)
class Draft:
    """An open file beside its final place, under a name that nobody takes for evidence."""

    file: int
    name: str


@contextmanager
def write_draft(place: str, content: bytes) -> Iterator[Draft]:
    """Write a draft of a file and keep it open for syncing; a failure leaves none behind.

    Plain descriptors and names, not paths and file objects: a station does this for every frame.
    """
    folder, _, name = place.rpartition("/")
    draft = f"{folder}/.{name}.{os.getpid()}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
        yield Draft(file, draft)
    except BaseException:
        with suppress(FileNotFoundError):  # it has its final name already
            os.unlink(draft)  # noqa: PTH108
        raise
    finally:
        os.close(file)


def sync_folders(folders: Iterable[Path | str]) -> None:
    """Put the names in folders on disk."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

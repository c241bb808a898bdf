"""The part of a running log that a backup needs: from the oldest snapshot on to what is safe on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.backup.errors import BackupError
from engine.backup.sinks import Sink
from streams.log.files import Segment, segments
from streams.log.marks import DURABLE, Mark
from streams.log.segments import scan
from streams.log.sequences import SIDECAR

TRIES = 5


ASIDE = ".backup-"
"""Begins the name of a folder in which a backup holds segments; its process id ends it."""


@dataclass(frozen=True, slots=True)
class HeldLog:
    """Segments of one partition that stay, whatever its appender removes meanwhile."""

    partition: str
    segments: list[Segment]
    end: int
    """The last position that is safe on disk; what follows is left out."""
    sidecar: bytes | None

    def save(self, sink: Sink) -> None:
        """Write the segments, the last of them up to the end, and what a restart looks for beside them."""
        folder = f"log/{self.partition}"
        for segment in self.segments[:-1]:
            sink.copy(f"{folder}/{segment.path.name}", segment.path)
        for segment in self.segments[-1:]:
            sink.write(f"{folder}/{segment.path.name}", upto(segment, self.end))
        if self.sidecar is not None:
            sink.write(f"{folder}/{SIDECAR}", self.sidecar)


def _clear_up(folder: Path) -> None:
    """Let go of what backups hold that were killed."""
    for left in folder.glob(f"{ASIDE}*"):
        process = left.name.removeprefix(ASIDE)
        if process == str(os.getpid()) or not Path("/proc", process).exists():
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def held(folder: Path, needed: int) -> Iterator[HeldLog]:
    """Hold a partition's segments from the one with entry ``needed`` on, by second names of their files.

    Raises
    ------
    BackupError
        Entries that are needed were removed already.
    """
    aside = folder / f"{ASIDE}{os.getpid()}"
    _clear_up(folder)
    aside.mkdir()
    try:
        yield _hold(folder, aside, needed)
    finally:
        shutil.rmtree(aside)


def _hold(folder: Path, aside: Path, needed: int) -> HeldLog:
    sidecar = folder / SIDECAR
    producers = sidecar.read_bytes() if sidecar.exists() else None  # before the end: it must not be ahead
    end = durable(folder)
    for segment in segments(folder):
        if segment.first <= end:
            _link(segment.path, aside / segment.path.name)
    found = segments(aside)
    if found and found[0].first > max(needed, 1):
        raise BackupError(f"The log {folder} was cleared up meanwhile; take the backup again.")
    older = [segment for segment in found if segment.first <= needed]
    return HeldLog(folder.name, found[max(len(older) - 1, 0) :], end, producers)


def durable(folder: Path) -> int:
    """Return the last position that is safe on disk; read again when it is just being written."""
    mark = Mark(folder / DURABLE)
    try:
        return max(mark.read() for _ in range(TRIES))
    finally:
        mark.close()


def _link(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except FileNotFoundError:  # removed in this moment: whether it was needed shows in what is left
        return


def upto(segment: Segment, end: int) -> bytes:
    """Return a segment's bytes up to the entry at position ``end``."""
    content = segment.path.read_bytes()
    size = 0
    for record in scan(memoryview(content), segment.first):
        if record.entry.position > end:
            break
        size = record.end
    return content[:size]

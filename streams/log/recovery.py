"""Find out where a log ended: cut a torn tail off, learn the last position, stamp and sequences."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from streams.log.errors import LogDamaged
from streams.log.files import Segment, path_of, segments
from streams.log.marks import DURABLE, Mark
from streams.log.segments import scan
from streams.log.sequences import Sequences


@dataclass(slots=True)
class Found:
    """The state of a log on disk: ``size`` is the last segment's length up to its last whole entry."""

    finished: list[Segment]
    last: Segment
    sequences: Sequences
    position: int
    received: int
    size: int = 0


def recover(folder: Path) -> Found:
    """Read what a restart needs: the segments since the producers were last saved.

    Raises
    ------
    LogDamaged
        An entry that had been accepted is unreadable: this is no torn tail.
    """
    sequences = Sequences()
    saved, received = sequences.load(folder)
    files = segments(folder) or [Segment(1, path_of(folder, 1), 0)]
    found = Found(files[:-1], files[-1], sequences, files[-1].first - 1, received)
    for segment in _needed(files, saved):
        _read(segment, found)
    if found.position < (accepted := _accepted(folder)):
        raise LogDamaged(
            f"{found.last.path} ends at entry {found.position}, but {accepted} were accepted: "
            f"restore the file; a new log can only begin with a new shard name or a new database."
        )
    _cut(found)
    return found


def _needed(files: list[Segment], saved: int) -> list[Segment]:
    return [segment for segment in files if segment.first > saved] or files[-1:]


def _read(segment: Segment, found: Found) -> None:
    found.size = 0
    if not segment.size:
        return
    for entry, sequence, end in scan(memoryview(segment.path.read_bytes()), segment.first):
        found.position, found.received, found.size = entry.position, entry.received, end
        found.sequences.note(entry.producer, sequence)
    found.sequences.keep()
    if found.size < segment.size and segment is not found.last:
        raise LogDamaged(f"{segment.path} is damaged behind byte {found.size}: restore the file.")


def _accepted(folder: Path) -> int:
    mark = Mark(folder / DURABLE)
    try:
        return mark.read()
    finally:
        mark.close()


def _cut(found: Found) -> None:
    if found.last.size > found.size:
        with found.last.path.open("r+b") as file:
            file.truncate(found.size)
            os.fsync(file.fileno())

"""Read a log from its files, beside the process that writes them."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from streams.log.abc import Entry
from streams.log.errors import LogDamaged, LogGap
from streams.log.files import Segment, path_of, segments
from streams.log.marks import COMMITTED, DURABLE, Mark, mark_consumed, write_mark
from streams.log.segments import HEAD, decode, scan, size_at, stamp_of


class FileLogReader:
    """Deliver the entries of a partition's folder in order, only those that are safe on disk.

    It is at its best when read on and on; another place is found by walking one segment.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._mark = Mark(folder / DURABLE)
        self._durable = 0
        self._file = -1
        self._next = 0
        self._offset = 0

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return entries behind position ``after``, of about ``limit`` bytes at the most; never wait.

        Raises
        ------
        LogGap
            The wanted entries were removed already.
        LogDamaged
            They are there, but unreadable.
        """
        if after >= self._durable:
            self._durable = self._mark.read()
        if after >= self._durable:
            return ()
        if after + 1 != self._next:
            self._seek(after + 1)
        found = self._take(limit)
        if not found:
            self._open(self._next)
            found = self._take(limit)
        if not found:
            raise self._damaged()
        return found

    @property
    def first(self) -> int:
        """The position of the oldest entry that is there; one behind `end` where there is none."""
        found = segments(self._folder)
        return found[0].first if found else self.end + 1

    @property
    def end(self) -> int:
        """The last position that is safe on disk, 0 for an empty log."""
        return self._mark.read()

    def find(self, received: int) -> int:
        """Return the position of the last entry that was stamped before a time (microseconds UTC).

        Raises
        ------
        LogGap
            The entries there were removed in this moment.
        """
        try:
            return self._find(received)
        except FileNotFoundError as exc:
            raise self._gap(self.first) from exc

    def _find(self, received: int) -> int:
        end = self.end
        found = [segment for segment in segments(self._folder) if segment.first <= end]
        if not (begun := bisect_left(found, received, key=_stamp)):
            return self.first - 1
        segment = found[begun - 1]
        position = segment.first - 1
        for record in scan(memoryview(segment.path.read_bytes()), segment.first):
            if record.entry.received >= received or record.entry.position > end:
                break
            position = record.entry.position
        return position

    def consumed(self, position: int) -> None:
        """Allow entries up to ``position`` to be removed: no restart reads them again."""
        mark_consumed(self._folder, position)

    def committed(self, position: int) -> None:
        """Tell that what follows from entries up to ``position`` is in the database."""
        write_mark(self._folder, COMMITTED, position)

    def close(self) -> None:
        """Close the files."""
        self._leave()
        self._mark.close()

    def _take(self, limit: int) -> list[Entry]:
        """Return entries of the open segment from where it stands; empty at the segment's end."""
        view = memoryview(os.pread(self._file, max(limit, HEAD.size), self._offset))
        wanted = size_at(view, 0)
        if wanted > len(view):
            view = memoryview(os.pread(self._file, wanted, self._offset))
        if not view:
            return []
        return self._parse(view, limit)

    def _parse(self, view: memoryview, limit: int) -> list[Entry]:
        found: list[Entry] = []
        offset = 0
        while self._next + len(found) <= self._durable and offset < max(limit, 1):
            record = decode(view, offset)
            if record is None:
                break
            found.append(record.entry)
            offset = record.end
        if not found or found[0].position != self._next:
            raise self._damaged()
        self._next += len(found)
        self._offset += offset
        return found

    def _seek(self, position: int) -> None:
        firsts = [segment.first for segment in segments(self._folder) if segment.first <= position]
        if not firsts:
            raise self._gap(position)
        self._open(firsts[-1])
        while self._next < position:
            head = memoryview(os.pread(self._file, HEAD.size, self._offset))
            if not (size := size_at(head, 0)):
                raise self._damaged()
            self._next, self._offset = self._next + 1, self._offset + size

    def _open(self, first: int) -> None:
        """Stand at the start of the segment that begins with position ``first``."""
        try:
            file = os.open(path_of(self._folder, first), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as exc:
            raise self._gap(first) from exc
        self._leave()
        self._file, self._next, self._offset = file, first, 0

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file, self._next = -1, 0

    def _gap(self, position: int) -> LogGap:
        return LogGap(f"Entry {position} was removed from {self._folder}: start from a newer snapshot.")

    def _damaged(self) -> LogDamaged:
        return LogDamaged(f"Entry {self._next} in {self._folder} is unreadable: restore its segment.")


def _stamp(segment: Segment) -> int:
    """Return when the first entry of a segment was stamped."""
    with segment.path.open("rb") as file:
        return stamp_of(file.read(HEAD.size))

"""Append entries to the log of one partition, a group at a time, each group safe on disk at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from streams.clock import Clock
from streams.log.abc import Entry, Kind
from streams.log.errors import LogError, LogFull
from streams.log.files import OpenSegment, Segment, lock, sync_folder
from streams.log.losses import (
    APPENDER,
    FrameTeller,
    Loss,
    LossMark,
    finish_dropping,
    joined,
    lost_of,
    no_frames,
)
from streams.log.marks import ARCHIVED, COMMITTED, CONSUMED, DURABLE, Mark
from streams.log.recovery import recover
from streams.log.segments import encode
from streams.log.stamps import Stamps

GIB = 1 << 30
MIB = 1 << 20
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SEGMENTS_AT_LEAST = 4
CATCHES_UP = "shard catches up"


class LogWriter:
    """The one writer of a log folder: `append` several entries, then `commit` them.

    Parameters
    ----------
    folder
        Where the partition lives; made if it is not there.
    clock
        Stamps every entry (`Entry.received`); the stamps never fall, whatever the clock does (`Stamps`).
    max_bytes
        Room for all segments. When it is used up, the oldest consumed segments go; what nobody
        consumed stays, and new entries are refused, unless they are to be dropped. Ticks alone may go
        one segment beyond: time goes on for a shard that has caught up, it snapshots, and what it gives
        up makes room again.
    segment_bytes
        Size at which a new segment begins (at most a quarter of ``max_bytes``).
    dropped
        Called with each loss. Where it is given, a full log drops its oldest segments, consumed or not,
        and puts what nobody had committed on record, as an entry of rejects.
    unarchived
        Given where an archive keeps the log: only segments that it has kept go, as only consumed ones do.
        Called with what a full log that drops took from it. An archive begins with all that the log
        holds, of a log that is full with its newer half.
    frames
        Says how the frames ended of which dropped entries told: that becomes entries, too.

    Raises
    ------
    LogBusy
        Another process writes to the folder.
    LogDamaged
        Accepted entries are unreadable. A torn tail, which nobody was told to be accepted, is cut off.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        max_bytes: int = 20 * GIB,
        segment_bytes: int = 64 * MIB,
        dropped: Callable[[Loss], None] | None = None,
        unarchived: Callable[[Loss], None] | None = None,
        frames: FrameTeller = no_frames,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._max_bytes = folder, max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // SEGMENTS_AT_LEAST)
        self._lock = lock(folder)
        self._dropped, self._unarchived, self._frames = dropped, unarchived, frames
        try:
            finish_dropping(folder)
            found = recover(folder)
            self._open = OpenSegment(folder, found.last.first, found.size)
        except BaseException:
            os.close(self._lock)
            raise
        self.position, self.received = found.position, found.received
        self._finished, self._sequences = found.finished, found.sequences
        self._pending: list[bytes] = []
        self._only_ticks = True
        self._stamps = Stamps(clock, self.received)
        self._durable, self._consumed = Mark(folder / DURABLE), Mark(folder / CONSUMED)
        self._committed, self._losses = Mark(folder / COMMITTED), LossMark(folder)
        self._archived = self._begin_archive()
        self._durable.write(self.position)
        sync_folder(folder)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._finished) + self._open.size

    def last_sequence(self, producer: str) -> int | None:
        """Return the last sequence number taken from a producer, None for one never heard of."""
        return self._sequences.last(producer)

    def append(self, kind: Kind, payload: bytes, producer: str = "", sequence: int = 0) -> int | None:
        """Stamp an entry for the next group and return its position, None when it is a repeat."""
        if producer and sequence <= (self.last_sequence(producer) or 0):
            return None
        position = self.position + len(self._pending) + 1
        entry = Entry(position, kind, self._stamps.next(), producer, payload)
        self._pending.append(encode(entry, sequence))
        self._only_ticks &= kind == Kind.TICK
        self._sequences.note(producer, sequence)
        return entry.position

    def commit(self) -> int:
        """Put the group on disk and return the last position that is safe there.

        Raises
        ------
        LogFull
            No entry of the group was kept; the same entries may come again.
        LogError
            The disk failed.
        """
        if self._pending:
            limit = self._max_bytes + (self._segment_bytes if self._only_ticks else 0)
            self._put(lambda data: self._write(data, limit))
            self._record_loss()
        return self.position

    def close(self) -> None:
        """Close all files and give the folder free; entries not committed are forgotten."""
        self._open.finish()
        for mark in (self._durable, self._consumed, self._committed, self._archived, self._losses):
            if mark is not None:
                mark.close()
        os.close(self._lock)

    def _put(self, write: Callable[[bytes], None]) -> None:
        group, self._pending, self._only_ticks = self._pending, [], True
        try:
            write(b"".join(group))
        except (LogError, OSError):
            self._sequences.drop()
            self._stamps.last = self.received
            raise
        self._sequences.keep()
        self.position, self.received = self.position + len(group), self._stamps.last
        self._durable.write(self.position)

    def _record_loss(self) -> None:
        """Append what was dropped as a group of its own; where there is no room yet, behind a later one."""
        if (loss := self._losses.pending) is None:
            return
        try:
            if loss.last > (self.last_sequence(APPENDER) or 0):  # else the record is there already
                for payload in self._losses.frames:
                    self.append(Kind.FRAMES, payload)
                self.append(Kind.REJECTS, loss.payload(), APPENDER, loss.last)
                self._put(self._try_write)
        except OSError as exc:
            if exc.errno in NO_ROOM:
                return
            raise LogError(f"The log {self._folder} cannot be written: {exc.strerror}.") from exc
        self._losses.clear()

    def _write(self, data: bytes, limit: int) -> None:
        while self.size + len(data) > limit:
            self._remove_oldest(f"it holds {self.size} of {self._max_bytes} bytes")
        while True:
            try:
                return self._try_write(data)
            except OSError as exc:
                if exc.errno not in NO_ROOM:
                    raise LogError(f"The log {self._folder} cannot be written: {exc.strerror}.") from exc
                self._remove_oldest(str(exc.strerror))

    def _try_write(self, data: bytes) -> None:
        if self._open.size and self._open.size + len(data) > self._segment_bytes:
            self._roll()
        self._open.write(data)

    def _roll(self) -> None:
        self._sequences.save(self._folder, self.position, self.received)
        fresh = OpenSegment(self._folder, self.position + 1)
        sync_folder(self._folder)
        self._finished.append(self._open.finish())
        self._open = fresh

    def _remove_oldest(self, why: str) -> None:
        following = [segment.first for segment in self._finished[1:]] + [self._open.first]
        needed = self._needed(following[0] - 1)
        if not self._finished or (needed and not self._dropped):
            raise LogFull(
                f"The log {self._folder} takes no more entries ({why}) until its "
                f"{needed or CATCHES_UP} or there is room on the disk."
            )
        self._note_loss(self._finished[0], following[0] - 1)
        self._note_unarchived(self._finished[0], following[0] - 1)
        self._finished.pop(0).path.unlink()

    def _needed(self, last: int) -> str:
        """Return what must happen before entries up to one may go; nothing where they may."""
        if last > self._consumed.read():
            return CATCHES_UP
        return "archive is written" if self._archived and last > self._archived.read() else ""

    def _begin_archive(self) -> Mark | None:
        """Tell an archive that is new, or was left out meanwhile, where to begin; without one, nobody."""
        if self._unarchived is None:
            (self._folder / ARCHIVED).unlink(missing_ok=True)
            return None
        mark = Mark(self._folder / ARCHIVED)
        if not mark.written:
            begin, room = self._open.first - 1, self._max_bytes // 2 - self._open.size
            for segment in reversed(self._finished):
                if (room := room - segment.size) < 0:
                    break
                begin = segment.first - 1
            mark.write(begin)
        return mark

    def _note_unarchived(self, segment: Segment, last: int) -> None:
        if self._unarchived and self._archived and last > (kept := self._archived.read()):
            entries = lost_of(segment, kept, last).entries
            if entries and entries.readings:
                self._unarchived(entries)

    def _note_loss(self, segment: Segment, last: int) -> None:
        landed = max(self._consumed.read(), self._committed.read())
        if not self._dropped or last <= landed:
            return
        lost = lost_of(segment, landed, last)
        if loss := joined(lost.entries, lost.recorded):
            self._losses.note(loss, self._frames(lost.framed, self._stamps.last))
        if lost.entries:
            self._dropped(lost.entries)

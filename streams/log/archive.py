"""Keep a log's readings for good, in the files that `streams.log.export` writes: each reading in one of them.

The log's appender gives up no segment before the mark ``archived`` has passed it. A file says in its footer
which entries it holds: whoever begins anew finds out what is kept, also where a kill came between a file
and the mark.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet

from streams.clock import DAY, Clock
from streams.log.abc import Entry
from streams.log.errors import LogGap
from streams.log.export import HOLDERS, DayFile, name_of, read_behind
from streams.log.files import lock, segments
from streams.log.marks import ARCHIVED, Mark
from streams.log.reader import FileLogReader

KEY = b"seamline"
PARTS = 8
"""So manieth of the log's room is kept at a time where it is short: the appender waits for no more."""
RESERVE = 4
"""Segments for which the archive leaves room where it shares the log's disk."""


class Interrupted(Exception):
    """The archive was told to stop; what it was writing is written anew."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself: the log, its first and last entry, the latter's stamp.

    ``missing`` are entries before the first that the log dropped before they were kept.
    """

    log: str
    first: int
    last: int
    received: int
    missing: tuple[int, int] | None = None

    def footer(self) -> dict[str, str]:
        """Return it as it stands in the file."""
        return {KEY.decode(): json.dumps(asdict(self))}

    @classmethod
    def of(cls, place: Path) -> Self | None:
        """Read it from a file; None where it is none of ours."""
        try:
            raw = (pa.parquet.read_schema(place).metadata or {}).get(KEY)
            return None if raw is None else cls(**json.loads(raw))
        except (OSError, pa.ArrowException, TypeError, ValueError):
            return None


class Piece(NamedTuple):
    """Entries of one day: those behind ``after`` up to ``last``, to the end of the day or not."""

    after: int
    last: int
    day: int
    whole: bool


class Kept(NamedTuple):
    """Entries that need not be kept any more: the file with their readings, None where there were none."""

    place: Path | None
    rows: int
    missing: tuple[int, int] | None


class Archive:
    """Write each day of a log that is over, and sooner what the log will not hold until then.

    Sooner is when half of the log's room is taken by what is not kept yet, or its disk is nearly full: then
    the oldest finished segments go into a numbered file of the day, and what follows into the next. In
    the order of their names the files are in the order of the log.

    Parameters
    ----------
    folder : of the log, whose appender is told by a mark what it may remove.
    out : where the files go; made if it is not there.
    clock : the log's, which tells when a day may be over; that it is, the log tells itself.
    max_bytes, segment_bytes : of the log.

    Raises
    ------
    LogBusy
        Another process archives this log.
    OSError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, out: Path, clock: Clock, max_bytes: int, segment_bytes: int) -> None:
        for made in (out, folder):
            made.mkdir(parents=True, exist_ok=True)
        self._folder, self._out, self._clock = folder, out, clock
        self._max_bytes, self._reserve = max_bytes, RESERVE * segment_bytes
        self.position = 0
        """The last entry that is kept."""
        self._looked = (-1, -1)
        """From where to where nothing was due."""
        self._day = (-1, 0)
        """A position, and when the day of the entry behind it began."""
        self._lock = lock(folder, "archive.lock", "archive")
        try:
            self._view, self._mark = FileLogReader(folder), Mark(folder / ARCHIVED)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Find out what is kept already, and remove what a kill left half written."""
        for draft in self._out.glob(".readings-*.draft"):
            draft.unlink()
        self.position = self._kept()

    def close(self) -> None:
        """Close the files."""
        self._view.close()
        self._mark.close()
        os.close(self._lock)

    @property
    def waiting(self) -> int:
        """Bytes of the segments that hold what is not kept yet."""
        found = segments(self._folder)
        ends = [segment.first - 1 for segment in found[1:]]
        kept = sum(end <= self.position for end in ends)
        return sum(segment.size for segment in found[kept:])

    def step(self, stop: threading.Event) -> Kept | None:
        """Keep the next piece that is due; None where none is.

        Raises
        ------
        OSError
            The file cannot be written; nothing of it is left.
        Interrupted
            Told to stop.
        LogError
            The log cannot be read.
        """
        try:
            piece = self._due()
            return None if piece is None else self._keep(piece, stop)
        except LogGap:
            return None  # dropped while we looked: the next step goes on behind it

    def _due(self) -> Piece | None:
        if not self._mark.written:
            return None  # its appender has not told yet where to begin
        self._move(max(self.position, self._mark.read()))
        after, end = max(self.position, self._view.first - 1), self._view.end
        if after >= end or (after, end) == self._looked:
            return None
        day, pressed = self._day_behind(after), self._pressed()
        if self._clock.now() < day + DAY and not pressed:
            return None
        last = self._view.find(day + DAY)
        if pressed and after < (cut := self._cut(after)) < last:
            return Piece(after, cut, day, whole=False)
        if after < last < end:
            return Piece(after, last, day, whole=True)
        self._looked = after, end
        return None

    def _cut(self, after: int) -> int:
        """Return where finished segments behind a position end that take a part of the log's room."""
        found, size = segments(self._folder), 0
        for segment, following in pairwise(found):
            size += segment.size if following.first - 1 > after else 0
            if size >= self._max_bytes // PARTS:
                return following.first - 1
        return found[-1].first - 1

    def _day_behind(self, after: int) -> int:
        if self._day[0] != after:
            self._day = after, read_behind(self._view, after)[0].received // DAY * DAY
        return self._day[1]

    def _pressed(self) -> bool:
        free = shutil.disk_usage(self._folder).free
        return self.waiting > self._max_bytes // 2 or free < 2 * self._reserve

    def _keep(self, piece: Piece, stop: threading.Event) -> Kept:
        known, place, rows = self.position, None, 0
        missing = (known + 1, piece.after) if known < piece.after else None
        entries = self._entries(piece, stop)
        if (first := next(entries, None)) is not None:
            stamp = read_behind(self._view, piece.last - 1)[0].received
            facts = Facts(self._folder.name, piece.after + 1, piece.last, stamp, missing)
            place, rows = DayFile(self._place(piece), facts.footer()).write(chain([first], entries))
        self._move(piece.last)
        return Kept(place, rows, missing)

    def _move(self, position: int) -> None:
        """Go on behind a position; the appender may give up what is before."""
        self.position = position
        if self._mark.read() < position:
            self._mark.write(position)

    def _entries(self, piece: Piece, stop: threading.Event) -> Iterator[Entry]:
        after = piece.after
        while after < piece.last:
            if stop.is_set():
                raise Interrupted
            self._leave_room()
            for entry in read_behind(self._view, after):
                after = entry.position
                if after <= piece.last and entry.kind in HOLDERS:
                    yield entry

    def _leave_room(self) -> None:
        """See that the log keeps some of the disk that both are on.

        Raises
        ------
        OSError
            It would not.
        """
        shared = self._out.stat().st_dev == self._folder.stat().st_dev
        if shared and shutil.disk_usage(self._out).free < self._reserve:
            raise OSError(errno.ENOSPC, "the log needs what is left of its disk")

    def _place(self, piece: Piece) -> Path:
        """Return a free name: of the day for its end, numbered for what comes before, which sorts before."""
        name, number = name_of(piece.day), 1
        place = self._out / f"{name}.parquet"
        while place.exists() or not (piece.whole or number > 1):
            place = self._out / f"{name}.{number:04d}.parquet"
            number += 1
        return place

    def _kept(self) -> int:
        """Return up to where files hold this log; those of another log of its name do not count."""
        found = [facts for place in self._out.glob("readings-*.parquet") if (facts := Facts.of(place))]
        ours = [facts for facts in found if facts.log == self._folder.name and self._holds(facts)]
        return max((facts.last for facts in ours), default=0)

    def _holds(self, facts: Facts) -> bool:
        if facts.last > self._view.end:
            return False
        try:
            return read_behind(self._view, facts.last - 1)[0].received == facts.received
        except LogGap:
            return True  # it was removed, as only what is kept is

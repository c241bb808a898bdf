"""Entries that were dropped because the log was full: counted, and put on record in the log itself.

The record is written beside the segments before they are removed, into room that was kept for it, and
becomes an entry with the next group: a crash in between loses neither the drop nor its record.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np

from streams.connectors.stamps import iso, stamp
from streams.log import mixed
from streams.log.abc import Entry, Kind
from streams.log.files import Segment, segments, sync_folder
from streams.log.segments import scan
from streams.records import Rejects, decode, encode

FILE = "dropped"
FORM = struct.Struct("<6qI")
APPENDER = "appender"
"""Who says what the log lost."""
REASON = "dropped"
WHY = "the log was full"


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries that left the log before anybody had committed what follows from them."""

    first: int
    """Position of the first of them."""
    last: int
    """Position of the last of them."""
    entries: int
    """How many they are, ticks not counted."""
    readings: int
    """How many readings they held."""
    since: int
    """Stamp of the first of them, microseconds UTC."""
    until: int
    """Stamp of the last of them."""

    def __add__(self, other: Loss) -> Loss:
        """Return both as one."""
        return Loss(
            min(self.first, other.first),
            max(self.last, other.last),
            self.entries + other.entries,
            self.readings + other.readings,
            min(self.since, other.since),
            max(self.until, other.until),
        )

    def payload(self) -> bytes:
        """Return the entry of rejects that puts it on record."""
        told = {"from": iso(self.since), "to": iso(self.until), "why": WHY, "lost": self.readings}
        raw = json.dumps(told | {"entries": self.entries, "first": self.first, "last": self.last})
        return encode(replace(Rejects.of(REASON, [raw]), ts=np.array([self.since])).to_arrow())


def lost_of(segment: Segment, after: int, last: int) -> tuple[Loss | None, Loss | None]:
    """Count what a segment, which ends at ``last``, holds behind ``after``; None where there is nothing.

    Returns
    -------
    tuple
        What its entries were, ticks aside, and the earlier losses that it has on record: a record that
        is dropped itself goes on in the next.
    """
    entries: Loss | None = None
    recorded: Loss | None = None
    for entry, *_ in scan(memoryview(segment.path.read_bytes()), segment.first):
        if entry.position <= after or entry.kind == Kind.TICK:
            continue
        if entry.producer == APPENDER:
            recorded = joined(recorded, replace(recorded_in(entry), last=last))
        else:
            received, readings = entry.received, readings_in(entry)
            entries = joined(entries, Loss(entry.position, last, 1, readings, received, received))
    return entries, recorded


def joined(one: Loss | None, other: Loss | None) -> Loss | None:
    """Return two losses as one, None where there is neither."""
    return one + other if one and other else one or other


def recorded_in(entry: Entry) -> Loss:
    """Return the loss that an entry of the appender has on record."""
    raw = json.loads(str(mixed.rejects(entry.payload).raw.to_list()[0]))
    since, until = (stamp(raw[name]) or 0 for name in ("from", "to"))
    return Loss(raw["first"], raw["last"], raw["entries"], raw["lost"], since, until)


def readings_in(entry: Entry) -> int:
    """Return how many readings an entry holds; none where it cannot be read."""
    try:
        if entry.kind == Kind.READINGS:
            return int(decode(entry.payload).num_rows)
        return len(mixed.unpack(entry.payload)[0]) if entry.kind == Kind.MIXED else 0
    except ValueError:
        return 0


class LossMark:
    """The file that holds the loss which is not in the log yet; its room is taken at the start."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.pending = self._read()
        if self.pending is None:
            self._write(bytes(FORM.size))

    def note(self, loss: Loss) -> None:
        """Add a loss, on disk when this returns."""
        self.pending = self.pending + loss if self.pending else loss
        numbers = astuple(self.pending)
        raw = FORM.pack(*numbers, 0)
        self._write(FORM.pack(*numbers, crc32(raw)))

    def clear(self) -> None:
        """Forget the loss: it is in the log."""
        self.pending = None
        self._write(bytes(FORM.size))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, raw: bytes) -> None:
        os.pwrite(self._file, raw, 0)
        os.fdatasync(self._file)

    def _read(self) -> Loss | None:
        raw = os.pread(self._file, FORM.size, 0)
        if len(raw) < FORM.size:
            return None
        *numbers, crc = FORM.unpack(raw)
        return Loss(*numbers) if any(numbers) and crc == crc32(FORM.pack(*numbers, 0)) else None


def finish_dropping(folder: Path) -> None:
    """Remove segments whose loss is noted already: a crash came between."""
    mark = LossMark(folder)
    for segment, following in pairwise(segments(folder)):
        if mark.pending is not None and following.first - 1 <= mark.pending.last:
            segment.path.unlink()
    mark.close()
    sync_folder(folder)

"""Entries that were dropped because the log was full: counted, and put on record in the log itself.

The record is written beside the segments before they are removed, into room that was kept for it, and
becomes an entry with the next group: a crash in between loses neither the drop nor its record.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
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
HEAD = struct.Struct("<QII")
ROOM, PLACES = 1 << 16, 2
"""Bytes of a loss in its file, and how many stand there."""
APPENDER = "appender"
"""Who says what the log lost."""
REASON = "dropped"
WHY = "the log was full"
FRAMED = (Kind.VERDICT, Kind.FRAMES)
"""Entries that tell how frames of cameras ended."""

FrameTeller = Callable[[Sequence[Entry], int], list[bytes]]
"""Says, as payloads of kind FRAMES, how the frames ended of which entries are lost, at a stamp."""


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


@dataclass(slots=True)
class Lost:
    """What a segment held that nobody had committed, ticks aside."""

    entries: Loss | None = None
    recorded: Loss | None = None
    """The earlier losses that it has on record: a record that is dropped itself goes on in the next."""
    framed: list[Entry] = field(default_factory=list)
    """Entries that tell of frames; those of earlier losses among them."""


def lost_of(segment: Segment, after: int, last: int) -> Lost:
    """Count what a segment, which ends at ``last``, holds behind ``after``."""
    lost = Lost()
    for entry, *_ in scan(memoryview(segment.path.read_bytes()), segment.first):
        if entry.position <= after or entry.kind == Kind.TICK:
            continue
        if entry.kind in FRAMED:
            lost.framed.append(entry)
        if entry.producer == APPENDER:
            lost.recorded = joined(lost.recorded, replace(recorded_in(entry), last=last))
        elif entry.producer or entry.kind != Kind.FRAMES:  # else the appender itself told of them
            received, readings = entry.received, readings_in(entry)
            loss = Loss(entry.position, last, 1, readings, received, received)
            lost.entries = joined(lost.entries, loss)
    return lost


def joined(one: Loss | None, other: Loss | None) -> Loss | None:
    """Return two losses as one, None where there is neither."""
    return one + other if one and other else one or other


def no_frames(framed: Sequence[Entry], stamp: int) -> list[bytes]:
    """Tell of no frames: the log has none."""
    return []


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
    """The file that holds the loss which is not in the log yet; its room is taken at the start.

    It is written to two places in turn, so that a crash leaves the former one whole.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._turn = 0
        self.pending: Loss | None = None
        self.frames: list[bytes] = []
        """Payloads of kind FRAMES that are to become entries with it."""
        for place in range(PLACES):
            self._read(place)
        with suppress(OSError):  # a full disk: there will be room for a small one
            os.posix_fallocate(self._file, 0, PLACES * ROOM)

    def note(self, loss: Loss, frames: Sequence[bytes] = ()) -> None:
        """Add a loss, on disk when this returns; its oldest frames go where there is no room for all."""
        self.pending = self.pending + loss if self.pending else loss
        self.frames += frames
        while not self._written(self.pending):
            del self.frames[: len(self.frames) // 16 + 1]

    def clear(self) -> None:
        """Forget the loss: it is in the log."""
        self.pending, self.frames = None, []
        self._written(None)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _written(self, loss: Loss | None) -> bool:
        """Write the loss, False where there is no room for all of its frames."""
        told = {"loss": loss and astuple(loss), "frames": [frame.decode() for frame in self.frames]}
        data = json.dumps(told).encode()
        if len(data) > ROOM - HEAD.size and self.frames:
            return False
        self._turn += 1
        head = HEAD.pack(self._turn, len(data), crc32(data))
        try:
            os.pwrite(self._file, head + data, self._turn % PLACES * ROOM)
            os.fdatasync(self._file)
        except OSError:
            if not self.frames:
                raise
            return False
        return True

    def _read(self, place: int) -> None:
        raw = os.pread(self._file, ROOM, place * ROOM)
        if len(raw) < HEAD.size:
            return
        turn, size, crc = HEAD.unpack_from(raw)
        data = raw[HEAD.size : HEAD.size + size]
        if turn <= self._turn or len(data) < size or crc32(data) != crc:
            return
        told = json.loads(data)
        self._turn, self.frames = turn, [frame.encode() for frame in told["frames"]]
        self.pending = Loss(*told["loss"]) if told["loss"] else None


def finish_dropping(folder: Path) -> None:
    """Remove segments whose loss is noted already: a crash came between."""
    mark = LossMark(folder)
    for segment, following in pairwise(segments(folder)):
        if mark.pending is not None and following.first - 1 <= mark.pending.last:
            segment.path.unlink()
    mark.close()
    sync_folder(folder)

"""How entries stand in a segment file: header, producer, payload, under one CRC-32. Pure.

Little-endian header of 40 bytes: magic, checksum of all that follows it, length of the payload and
of the producer's name, kind, position, received, sequence.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from streams.log.abc import Entry, Kind
from streams.log.errors import LogDamaged

MAGIC = b"SEAM"
HEAD = struct.Struct("<4sIIHBxQqQ")
CHECKED_FROM = 8
KINDS = {int(kind): kind for kind in Kind}


class Record(NamedTuple):
    """One entry as found in a buffer."""

    entry: Entry
    sequence: int
    """The producer's own number of the entry; 0 where it has none."""
    end: int
    """Offset behind the entry."""


def encode(entry: Entry, sequence: int) -> bytes:
    """Return the bytes of one entry."""
    producer = entry.producer.encode()
    head = HEAD.pack(
        MAGIC, 0, len(entry.payload), len(producer), entry.kind, entry.position, entry.received, sequence
    )
    body = b"".join((head[CHECKED_FROM:], producer, entry.payload))
    return b"".join((MAGIC, crc32(body).to_bytes(4, "little"), body))


def size_at(buffer: memoryview, offset: int) -> int:
    """Return how many bytes the entry at an offset says to have, 0 when no header stands there."""
    if len(buffer) - offset < HEAD.size or buffer[offset : offset + 4] != MAGIC:
        return 0
    _, _, length, name, *_ = HEAD.unpack_from(buffer, offset)
    return int(HEAD.size + name + length)


def stamp_of(head: bytes) -> int:
    """Return when the entry with a header was stamped; the header is not checked."""
    return int(HEAD.unpack(head)[6])


def decode(buffer: memoryview, offset: int) -> Record | None:
    """Return the entry at an offset, None where it is cut off or damaged.

    Raises
    ------
    LogDamaged
        It is whole, and another version's: nothing may be cut off there.
    """
    if len(buffer) - offset < HEAD.size:
        return None
    magic, crc, length, name, kind, position, received, sequence = HEAD.unpack_from(buffer, offset)
    body = offset + HEAD.size + name
    end = body + length
    if magic != MAGIC or end > len(buffer) or crc32(buffer[offset + CHECKED_FROM : end]) != crc:
        return None
    try:
        producer, known = _name(bytes(buffer[offset + HEAD.size : body])), KINDS[kind]
    except (KeyError, UnicodeDecodeError) as exc:
        raise LogDamaged(
            f"Entry {position} is of kind {kind}, which this version cannot read: run the one that wrote it."
        ) from exc
    return Record(Entry(position, known, received, producer, bytes(buffer[body:end])), sequence, end)


def scan(buffer: memoryview, position: int) -> Iterator[Record]:
    """Yield entries from the start of a segment whose first one has ``position``; stop at a torn tail."""
    offset = 0
    while (record := decode(buffer, offset)) is not None and record.entry.position == position:
        yield record
        offset, position = record.end, position + 1


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    return raw.decode()

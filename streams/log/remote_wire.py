"""Messages between the appender of a node and those who read its log from another. Pure.

A request is four frames: its number, the partition, an order, its argument. An answer is three: the
number of its request, a word, a body. Entries travel as they stand in a segment, checksums included.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from streams.log.abc import Entry
from streams.log.segments import decode, encode

READ, EXTENT, FIND, CONSUMED, COMMITTED = b"read", b"extent", b"find", b"consumed", b"committed"
ARGUMENTS = {
    READ: struct.Struct("<QI"),
    EXTENT: struct.Struct(""),
    FIND: struct.Struct("<q"),
    CONSUMED: struct.Struct("<Q"),
    COMMITTED: struct.Struct("<Q"),
}
"""Position and bytes; nothing; a time; a position; a position."""
OK, GAP, FAILED = b"ok", b"gap", b"failed"
WORDS = (OK, GAP, FAILED)
NUMBER = struct.Struct("<Q")
PAIR = struct.Struct("<QQ")


class Request(NamedTuple):
    """What a reader asks."""

    number: int
    partition: str
    order: bytes
    arguments: tuple[int, ...] = ()


class Reply(NamedTuple):
    """What it is answered."""

    number: int
    word: bytes
    body: bytes = b""


def pack(request: Request) -> list[bytes]:
    """Return the frames of a request."""
    arguments = ARGUMENTS[request.order].pack(*request.arguments)
    return [NUMBER.pack(request.number), request.partition.encode(), request.order, arguments]


def unpack(frames: Sequence[bytes]) -> Request:
    """Read the frames of a request.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != len(Request._fields) or len(frames[0]) != NUMBER.size:
        raise ValueError(f"{len(frames)} frames are no request")
    number, partition, order, arguments = frames
    form = ARGUMENTS.get(order)
    if form is None or len(arguments) != form.size:
        raise ValueError(f"{order!r} with {len(arguments)} bytes is no order")
    return Request(NUMBER.unpack(number)[0], partition.decode(), order, form.unpack(arguments))


def pack_reply(reply: Reply) -> list[bytes]:
    """Return the frames of an answer."""
    return [NUMBER.pack(reply.number), reply.word, reply.body]


def unpack_reply(frames: Sequence[bytes]) -> Reply:
    """Read the frames of an answer.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != len(Reply._fields) or len(frames[0]) != NUMBER.size or frames[1] not in WORDS:
        raise ValueError(f"{len(frames)} frames are no answer")
    return Reply(NUMBER.unpack(frames[0])[0], frames[1], frames[2])


def pack_entries(entries: Sequence[Entry]) -> bytes:
    """Return entries one behind the other."""
    return b"".join(encode(entry, 0) for entry in entries)


def unpack_entries(body: bytes) -> list[Entry]:
    """Read entries.

    Raises
    ------
    ValueError
        One of them is cut off or damaged.
    """
    view, offset, found = memoryview(body), 0, list[Entry]()
    while offset < len(view):
        if (record := decode(view, offset)) is None:
            raise ValueError(f"the entry at byte {offset} is damaged")
        found.append(record.entry)
        offset = record.end
    return found

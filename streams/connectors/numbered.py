"""Messages that carry their sender's name and number, and the answers to them. Pure.

A message is four frames: its kind (`streams.connectors.messages`), the sender's name, a head of two
unsigned 64-bit big-endian integers (number of the message, and the highest number of which the sender
knows that all up to it is on disk), the payload. An answer is three: a number in 8 bytes, a verdict, a
reason.

=========== ======================================================================================
verdict     meaning
=========== ======================================================================================
``ok``      all up to this number is on disk: forget it
``wait``    this one and all behind it were not taken (why): send them again
``refused`` this one cannot be read (why); it is on disk, in quarantine under its number, so go on
=========== ======================================================================================
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

MESSAGE_LIMIT = 8 << 20
"""Bytes of one message; the connection of whoever sends a larger frame is cut by ZeroMQ itself."""
FRAMES = 4
HEAD = struct.Struct(">QQ")
NUMBER = struct.Struct(">Q")
NAME = re.compile(r"[\w.:@/+-]{1,64}")
OK, WAIT, REFUSED = b"ok", b"wait", b"refused"
VERDICTS = (OK, WAIT, REFUSED)


class Numbered(NamedTuple):
    """A message on its way."""

    kind: bytes
    sender: str
    number: int
    floor: int
    payload: bytes


class Reply(NamedTuple):
    """An answer on its way."""

    number: int
    verdict: bytes
    reason: str = ""


def pack(message: Numbered) -> list[bytes]:
    """Return the frames of a message."""
    head = HEAD.pack(message.number, message.floor)
    return [message.kind, message.sender.encode(), head, message.payload]


def unpack(frames: Sequence[bytes]) -> Numbered:
    """Read the frames of a message.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != FRAMES or len(frames[2]) != HEAD.size:
        raise ValueError(f"{len(frames)} frames are no numbered message")
    kind, name, head, payload = frames
    sender, (number, floor) = name.decode(), HEAD.unpack(head)
    if not NAME.fullmatch(sender):
        raise ValueError("the sender's name is not 1 to 64 letters, digits or .:@/+-")
    if number <= floor:
        raise ValueError(f"message {number} is said to be on disk, up to {floor}")
    return Numbered(kind, sender, number, floor, payload)


def pack_reply(reply: Reply) -> list[bytes]:
    """Return the frames of an answer."""
    return [NUMBER.pack(reply.number), reply.verdict, reply.reason.encode()]


def unpack_reply(frames: Sequence[bytes]) -> Reply:
    """Read the frames of an answer.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != len(Reply._fields) or len(frames[0]) != NUMBER.size or frames[1] not in VERDICTS:
        raise ValueError(f"{len(frames)} frames are no answer")
    number, verdict, reason = frames
    return Reply(NUMBER.unpack(number)[0], verdict, reason.decode())

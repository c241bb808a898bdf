"""Messages between producers and the appender. Pure.

An entry travels as four frames: partition, producer, head (kind, sequence, floor), payload. ``floor``
is the highest sequence number that the producer knows to be on disk, so an appender that never heard
of it can tell its next entry from one that overtook others. Answers are an acknowledgement of
everything up to a sequence number, or the refusal of an entry and all behind it; they name the
producer, for one connection may carry many. A mark is an entry of no producer: it is kept nowhere, and
its number comes back once all that came before it on its connection was taken from there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from streams.log.abc import Kind

HEAD = struct.Struct("<BQQ")
ANSWER = struct.Struct("<?Q")
FRAMES, ANSWER_FRAMES = 4, 3


class Message(NamedTuple):
    """An entry on its way."""

    partition: str
    producer: str
    kind: Kind
    sequence: int
    floor: int
    payload: bytes


class Answer(NamedTuple):
    """What the appender says: a refusal has a reason."""

    sequence: int
    reason: str = ""
    producer: str = ""


def mark(partition: str, number: int) -> Message:
    """Return a mark."""
    return Message(partition, "", Kind.TICK, number, 0, b"")


def pack(message: Message) -> list[bytes]:
    """Return the frames of an entry."""
    head = HEAD.pack(message.kind, message.sequence, message.floor)
    return [message.partition.encode(), message.producer.encode(), head, message.payload]


def unpack(frames: Sequence[bytes]) -> Message:
    """Read the frames of an entry.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != FRAMES or len(frames[2]) != HEAD.size:
        raise ValueError(f"{len(frames)} frames are no entry")
    partition, producer, head, payload = frames
    kind, sequence, floor = HEAD.unpack(head)
    return Message(partition.decode(), producer.decode(), Kind(kind), sequence, floor, payload)


def pack_answer(answer: Answer) -> list[bytes]:
    """Return the frames of an answer."""
    return [
        ANSWER.pack(not answer.reason, answer.sequence),
        answer.reason.encode(),
        answer.producer.encode(),
    ]


def unpack_answer(frames: Sequence[bytes]) -> Answer:
    """Read the frames of an answer.

    Raises
    ------
    ValueError
        They are none.
    """
    if len(frames) != ANSWER_FRAMES or len(frames[0]) != ANSWER.size:
        raise ValueError(f"{len(frames)} frames are no answer")
    head, reason, producer = frames
    return Answer(ANSWER.unpack(head)[1], reason.decode(), producer.decode())

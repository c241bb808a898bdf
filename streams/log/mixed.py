"""One message, one entry: what a message holds of readings and rejects becomes a single payload. Pure."""

from __future__ import annotations

import struct

import pyarrow as pa

from streams.log.abc import Kind
from streams.records import Readings, Rejects, decode, encode

LENGTH = struct.Struct("<I")


def pack(readings: Readings, refused: Rejects) -> tuple[Kind, bytes]:
    """Return the one entry that keeps what a message said, also one that said nothing."""
    if not len(refused):
        return Kind.READINGS, encode(readings.to_arrow())
    if not len(readings):
        return Kind.REJECTS, encode(refused.to_arrow())
    first = encode(readings.to_arrow())
    return Kind.MIXED, b"".join((LENGTH.pack(len(first)), first, encode(refused.to_arrow())))


def unpack(payload: bytes) -> tuple[Readings, Rejects]:
    """Read the payload of a mixed entry.

    Raises
    ------
    ValueError
        It is none.
    """
    if len(payload) < LENGTH.size:
        raise ValueError("the payload ends before its length")
    behind = LENGTH.size + LENGTH.unpack_from(payload)[0]
    readings = Readings.from_arrow(decode(payload[LENGTH.size : behind]))
    return readings, rejects(payload[behind:])


def rejects(payload: bytes) -> Rejects:
    """Read the payload of an entry of rejects.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        return Rejects.from_arrow(decode(payload))
    except (KeyError, pa.ArrowException) as exc:
        raise ValueError(f"the batch does not have the columns of rejects: {exc}") from exc

"""Frames of the MELSEC communication protocol, 3E, binary: batch read and its answer. Pure.

A request is subheader, route, length of the rest, monitoring timer, command, subcommand, head device,
device code, number of points. Its answer is subheader, the same route, length of the rest, end code,
and words of two bytes, low byte first, or bits of half a byte, the first one high. Source: MELSEC
Communication Protocol Reference Manual, SH(NA)-080008.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from streams.connectors.blocks import Block
from streams.connectors.mc_places import DEVICES
from streams.connectors.polling import Lost, Refused

REQUEST, ANSWER = b"\x50\x00", b"\xd0\x00"
BATCH_READ = 0x0401
HEAD = struct.Struct("<2s5sH")
"""Of request and answer: subheader, route, bytes that follow."""
END = struct.Struct("<H")
LARGEST = END.size + 1920
"""Bytes that follow the head of the longest answer, 960 words."""
MEANINGS = {
    0xC050: "it expects ASCII codes; set it to binary",
    0xC051: "too many words at once",
    0xC052: "too many bits at once",
    0xC056: "beyond its range",
    0xC059: "it does not know the command",
    0xC05B: "that device cannot be read",
    0xC05C: "it does not know the request",
    0xC201: "locked by a remote password",
    0x4031: "beyond its range",
}


class Route(NamedTuple):
    """Which station of the network is meant; the usual one is the CPU that has the connection."""

    network: int = 0
    pc: int = 0xFF
    module: int = 0x3FF
    station: int = 0

    def encode(self) -> bytes:
        """Return its five bytes."""
        return struct.pack("<BBHB", *self)


def ask(block: Block, route: Route, timer: int) -> bytes:
    """Return the request for a block; ``timer`` quarters of a second are the CPU's patience."""
    device = DEVICES[block.area]
    rest = struct.pack("<HHH", timer, BATCH_READ, int(device.is_bit))
    rest += block.first.to_bytes(3, "little") + struct.pack("<BH", device.code, block.count)
    return HEAD.pack(REQUEST, route.encode(), len(rest)) + rest


def rest_of(head: bytes, route: Route) -> int:
    """Return how many bytes follow the head of an answer.

    Raises
    ------
    Lost
        It is no answer, or not one of this station.
    """
    subheader, way, length = HEAD.unpack(head)
    if subheader != ANSWER or way != route.encode():
        raise Lost(f"the answer begins with {head.hex(' ')}, which is no answer in 3E frames and binary")
    if not END.size <= length <= LARGEST:
        raise Lost(f"the answer says to have {length} bytes more, which none can have")
    return int(length)


def payload(rest: bytes, block: Block) -> bytes:
    """Return the data of an answer: two bytes a word, or one a bit.

    Raises
    ------
    Refused
        Its end code tells of an error.
    Lost
        It is of another length than was asked for.
    """
    (code,), data = END.unpack_from(rest), rest[END.size :]
    if code:
        raise Refused(
            f"{MEANINGS[code]} (end code {code:04X})" if code in MEANINGS else f"end code {code:04X}"
        )
    is_bit = DEVICES[block.area].is_bit
    wanted = -(-block.count // 2) if is_bit else 2 * block.count
    if len(data) != wanted:
        raise Lost(f"the answer to {block} holds {len(data)} bytes, not {wanted}")
    return b"".join(bytes((pair >> 4 & 1, pair & 1)) for pair in data)[: block.count] if is_bit else data

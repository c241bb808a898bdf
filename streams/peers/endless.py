"""A ZeroMQ sender whose message has no end, written byte by byte: no library sends one."""

from __future__ import annotations

import socket
import struct

PATIENCE = 60.0
"""Seconds that a window may stay closed: the kernel asks ever less often whether it is open again."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def connect(address: tuple[str, int], kind: bytes) -> socket.socket:
    """Connect as a socket of a kind, DEALER or PUSH, would; whoever sends before both are ready is cut."""
    link = socket.create_connection(address, PATIENCE)
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    link.sendall(GREETING + b"\x04" + bytes([len(body)]) + body)
    with link.makefile("rb") as heard:
        heard.read(len(GREETING))
        _, size = heard.read(2)
        heard.read(size)
    return link


def pour(link: socket.socket, most: int, size: int = 1 << 20) -> int:
    """Send parts of one message, a MiB at a time, until the connection is cut; return how many MiB went."""
    part = b"\x03" + struct.pack(">Q", size) + bytes(size)
    for sent in range(most):
        try:
            link.sendall(part * ((1 << 20) // size))
        except OSError:
            return sent
    return most

"""The plug of a TCP connection, to be pulled: the peer that is gone without a word."""

from __future__ import annotations

import ctypes
import socket
import struct

ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of Linux, which Python does not name."""
TAKE_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A filter of one instruction: return 0 bytes of every segment."""


def unplug(link: socket.socket) -> None:
    """Let one end of a connection take no segment any more, so that it acknowledges none either."""
    code = ctypes.create_string_buffer(TAKE_NOTHING)
    link.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(code)))

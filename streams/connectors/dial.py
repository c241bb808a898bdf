"""A TCP connection whose peer may be silent for hours, and whose cable may be pulled meanwhile.

A peer that goes says so, one that is unplugged does not: the kernel asks it for a sign of life, and a
connection without one ends as any other does, with an OSError in `recv`.
"""

from __future__ import annotations

import socket

IDLE, EVERY, ASKED = 4, 2, 3
"""Seconds of silence before the peer's machine is asked, between two questions, and how many it may miss."""


def dial(address: tuple[str, int], timeout: float) -> socket.socket:
    """Connect within ``timeout`` seconds; a peer that is unplugged then is noticed after ten.

    Raises
    ------
    OSError
        Nobody is there.
    """
    link = socket.create_connection(address, timeout)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, ASKED)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * (IDLE + EVERY * ASKED))
    return link


def hear(link: socket.socket, size: int) -> bytes | None:
    """Return what comes within the socket's time, none at the end of the connection, None where nothing does.

    Raises
    ------
    OSError
        The connection broke.
    """
    try:
        return link.recv(size)
    except TimeoutError as exc:
        if exc.errno is not None:  # the kernel's own, which asked in vain
            raise
        return None

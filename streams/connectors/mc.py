"""Read a Mitsubishi controller over TCP: batch reads in 3E frames. It can read, and nothing else."""

from __future__ import annotations

import socket
import time

from streams.connectors import mc_frames
from streams.connectors.blocks import Block
from streams.connectors.mc_frames import Route
from streams.connectors.polling import Lost

QUARTERS = 4
"""The CPU's patience is counted in quarters of a second, and ends before ours."""


class McLink:
    """One connection to one controller.

    Frames carry no number: an answer that is late would be taken for the next one's, so a connection on
    which one did not come in time is given up.

    Raises
    ------
    OSError
        Nobody answers.
    """

    def __init__(self, host: str, port: int, route: Route, timeout: float) -> None:
        self._link = socket.create_connection((host, port), timeout)
        self._route, self._timeout = route, timeout
        self._timer = max(1, int(timeout * QUARTERS) - 1)

    def read(self, block: Block) -> bytes:
        """Return two bytes for a word, low byte first, one for a bit.

        Raises
        ------
        Refused
            The end code tells of an error.
        Lost, OSError
            It did not answer in time, or not what was asked.
        """
        deadline = time.monotonic() + self._timeout
        self._link.settimeout(self._timeout)
        self._link.sendall(mc_frames.ask(block, self._route, self._timer))
        head = self._receive(mc_frames.HEAD.size, deadline)
        return mc_frames.payload(self._receive(mc_frames.rest_of(head, self._route), deadline), block)

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _receive(self, size: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            if (left := deadline - time.monotonic()) <= 0:
                raise Lost(f"no whole answer within {self._timeout:g} s")
            self._link.settimeout(left)
            try:
                chunk = self._link.recv(size - len(received))
            except TimeoutError:
                continue
            if not chunk:
                raise Lost("it ended the connection")
            received += chunk
        return bytes(received)

"""Take JSON lines over UDP: what a microcontroller or a small PLC sends when it can send nothing else."""

from __future__ import annotations

import socket
import struct
import threading
import time

from streams.abc import Outlet
from streams.connectors.json_lines import decode_lines
from streams.records import Rejects

LINGER = 0.05
"""Seconds for which datagrams are collected into one batch."""
BATCH_BYTES = 1 << 18
LARGEST = 1 << 16
SO_RXQ_OVFL = 40
"""Linux tells with each datagram how many it has dropped so far, four bytes."""


class UdpConnector:
    """Listen on an address. Nobody can repeat over UDP: how many datagrams found no room is a reject."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self.trouble = ""

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Receive until told to stop."""
        self._dropped = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            link.bind(self._address)
            while not stop.is_set():
                readings, rejects = decode_lines(self._collect(link, outlet))
                if len(readings):
                    outlet.readings(readings)
                if len(rejects):
                    outlet.rejects(rejects)

    def _collect(self, link: socket.socket, outlet: Outlet) -> bytes:
        """Return the datagrams of a moment, one line after another."""
        collected, due = bytearray(), time.monotonic() + LINGER
        while (wait := due - time.monotonic()) > 0 and len(collected) < BATCH_BYTES:
            link.settimeout(wait)
            try:
                datagram, notes, *_ = link.recvmsg(LARGEST, socket.CMSG_SPACE(4))
            except TimeoutError:
                break
            for note in notes:
                self._note_dropped(struct.unpack("I", note[2])[0], outlet)
            collected += datagram + b"\n"
        return bytes(collected)

    def _note_dropped(self, dropped: int, outlet: Outlet) -> None:
        if dropped > self._dropped:
            outlet.rejects(Rejects.of("datagrams_dropped", [str(dropped - self._dropped)]))
            self._dropped = dropped

"""Take JSON lines over UDP: what a microcontroller or a small PLC sends when it can send nothing else."""

from __future__ import annotations

import socket
import threading
import time

from streams.abc import Outlet
from streams.clock import Clock
from streams.connectors.drops import SO_RXQ_OVFL, Drops
from streams.connectors.json_lines import decode_lines
from streams.connectors.speakers import Machines, Speakers
from streams.connectors.zones import Zone

LINGER = 0.05
"""Seconds for which datagrams are collected into one batch."""
BATCH_BYTES, LARGEST = 1 << 18, 1 << 16


class UdpConnector:
    """Listen on an address. Nobody can repeat over UDP: what was not heard is a gap of all who speak here."""

    def __init__(self, host: str, port: int, machines: Machines, clock: Clock, zone: Zone = None) -> None:
        self._address, self._clock, self._zone = (host, port), clock, zone
        self._speakers = Speakers(machines, clock)
        self.trouble = ""

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Receive until told to stop."""
        listening = self._speakers.listening(outlet, stop)
        with listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            drops = Drops(self._speakers)
            link.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            link.bind(self._address)
            while not stop.is_set():
                readings, rejects = decode_lines(_collect(link, drops), self._clock.now(), self._zone)
                drops.tell(outlet)
                if len(readings):
                    self._speakers.heard(readings, outlet)
                    outlet.readings(readings)
                if len(rejects):
                    outlet.rejects(rejects)


def _collect(link: socket.socket, drops: Drops) -> bytes:
    """Return the datagrams of a moment, one line after another."""
    collected, due = bytearray(), time.monotonic() + LINGER
    while (wait := due - time.monotonic()) > 0 and len(collected) < BATCH_BYTES:
        link.settimeout(wait)
        try:
            datagram, notes, *_ = link.recvmsg(LARGEST, socket.CMSG_SPACE(4))
        except TimeoutError:
            break
        drops.note(notes)
        collected += datagram + b"\n"
    return bytes(collected)

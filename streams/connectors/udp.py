"""Take JSON lines over UDP: what a microcontroller or a small PLC sends when it can send nothing else."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterable

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import FAILED, STOPPED
from streams.connectors.json_lines import decode_lines
from streams.connectors.speakers import Speakers

LINGER = 0.05
"""Seconds for which datagrams are collected into one batch."""
BATCH_BYTES = 1 << 18
LARGEST = 1 << 16
SO_RXQ_OVFL = 40
"""Linux tells with each datagram how many it has dropped so far, four bytes."""
DROPPED = "the socket had no room; whose datagrams were lost nobody knows"
TELL_SECONDS = 1.0
"""Drops are told no more often: each is a row for every machine."""


class UdpConnector:
    """Listen on an address.

    Nobody can repeat over UDP: that nobody listened, and how many datagrams found no room, is on record as
    a gap of every machine that speaks here.
    """

    def __init__(self, host: str, port: int, machines: Iterable[Machine], clock: Clock) -> None:
        self._address = (host, port)
        self._speakers, self._clock = Speakers(machines, clock), clock
        self.trouble = ""

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Receive until told to stop."""
        self._dropped = self._told = 0
        self._due = 0.0
        self._speakers.recall(outlet)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
                link.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
                link.bind(self._address)
                while not stop.is_set():
                    self._take(self._collect(link), outlet)
        finally:
            self._speakers.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def _take(self, lines: bytes, outlet: Outlet) -> None:
        readings, rejects = decode_lines(lines, self._clock.now())
        if self._dropped > self._told and time.monotonic() >= self._due:
            self._speakers.skipped(outlet, DROPPED, self._dropped - self._told)
            self._told, self._due = self._dropped, time.monotonic() + TELL_SECONDS
        if len(readings):
            self._speakers.heard(readings, outlet)
            outlet.readings(readings)
        if len(rejects):
            outlet.rejects(rejects)

    def _collect(self, link: socket.socket) -> bytes:
        """Return the datagrams of a moment, one line after another."""
        collected, due = bytearray(), time.monotonic() + LINGER
        while (wait := due - time.monotonic()) > 0 and len(collected) < BATCH_BYTES:
            link.settimeout(wait)
            try:
                datagram, notes, *_ = link.recvmsg(LARGEST, socket.CMSG_SPACE(4))
            except TimeoutError:
                break
            for note in notes:
                self._dropped = max(self._dropped, struct.unpack("I", note[2])[0])
            collected += datagram + b"\n"
        return bytes(collected)

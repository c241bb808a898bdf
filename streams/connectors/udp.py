"""Take JSON lines over UDP: what a microcontroller or a small PLC sends when it can send nothing else."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator

import numpy as np

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import FAILED, STOPPED, Contact, gap
from streams.connectors.json_lines import decode_lines
from streams.records import NULL, Readings

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


class Speakers:
    """The machines heard where anybody may speak: a contact with each by itself, from its first word on.

    Nobody says beforehand what a machine tells here: it vouches for its state once it has told that.
    """

    def __init__(self, machines: Iterable[Machine], clock: Clock) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self._clock = clock
        self._contacts: dict[str, Contact] = {}

    def recall(self, outlet: Outlet) -> None:
        """Take those that a former gateway heard to be away until they are heard again."""
        for name in sorted(self._machines.keys() & outlet.memory.names):
            before = outlet.memory.recall(name)
            contact = self._of(name)
            contact.tells(before.told if before else ())
            contact.recall(outlet)

    def heard(self, readings: Readings, outlet: Outlet) -> None:
        """Note that the machines of readings are heard now; what is no machine has no contact."""
        for name, told in self._said(readings):
            contact = self._of(name)
            contact.tells(told)
            contact.heard(outlet)

    def lost(self, outlet: Outlet, why: str) -> None:
        """Note that nobody listens."""
        for contact in self._contacts.values():
            contact.lost(outlet, why)

    def skipped(self, outlet: Outlet, why: str, lost: int) -> None:
        """Put on record that something of somebody was lost."""
        for contact in self._contacts.values():
            contact.skipped(outlet, why, lost)
        if not self._contacts:
            outlet.rejects(gap([None], NULL, self._clock.now(), why, lost))

    def _said(self, readings: Readings) -> Iterator[tuple[str, set[tuple[str, str]]]]:
        """Yield each machine of readings, and by which tags it tells its state."""
        codes = np.unique(readings.machine.codes)
        for code in codes[codes >= 0].tolist():
            machine = self._machines.get(readings.machine.values[code])
            if machine is not None:
                words = np.unique(readings.tag.codes[readings.machine.codes == code]).tolist()
                yield machine.name, {(machine.name, readings.tag.values[word]) for word in words}

    def _of(self, name: str) -> Contact:
        if name not in self._contacts:
            self._contacts[name] = Contact([self._machines[name]], (), self._clock, name)
        return self._contacts[name]

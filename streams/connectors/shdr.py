"""Connect to an MTConnect adapter over TCP, again and again, and hand over what it says (SHDR)."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import FAILED, STOPPED, Contact
from streams.connectors.dial import dial, hear
from streams.connectors.shdr_lines import LineBuffer, ShdrDecoder
from streams.connectors.zones import Zone, zoned_lines
from streams.records import Rejects

CHUNK = 1 << 16
LINGER = 0.05
"""Seconds for which lines are collected into one batch."""
BATCH = 1 << 18
"""Bytes of lines that are decoded at a time."""
PATIENCE = 0.1
CONNECT_TIMEOUT = 5.0
BACKOFF = (0.1, 5.0)
MISSED_HEARTBEATS = 2
ENDED = "the connection ended"


class ShdrConnector:
    """The client of one machine's adapter.

    The adapter cannot repeat what it said, so a lost connection is put on record: as a gap, a line cut
    in two is rejected, and the machine's availability tag, if it has one, reads UNAVAILABLE from that
    moment on. The adapter is the machine's word: it says itself when that is available again.

    Parameters
    ----------
    silence
        Seconds without a word after which it is given up and connected to anew; None: it may be silent.
    zone
        Of times that name none; None: UTC.
    """

    def __init__(
        self,
        machine: Machine,
        host: str,
        port: int,
        clock: Clock,
        silence: float | None = None,
        zone: Zone = None,
    ) -> None:
        self._machine, self._clock, rule = machine, clock, machine.state_rule
        self._silence, self._mute, self._zone = silence, False, zone
        self._address = (host, port)
        told = {(machine.name, name) for name in (*(tag.name for tag in machine.tags), rule.execution)}
        self._contact = Contact([machine], told | {(machine.name, rule.availability)}, clock)
        self.connections = 0
        """How often the adapter was reached."""
        self.trouble = f"{self._adapter} has not answered yet."

    @property
    def _adapter(self) -> str:
        return f"The adapter at {self._address[0]}:{self._address[1]}"

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        pause, longest = BACKOFF
        try:
            while not stop.is_set():
                if self._visit(outlet, stop):
                    pause = BACKOFF[0]
                stop.wait(pause)
                pause = min(2 * pause, longest)
        finally:
            self._contact.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def _visit(self, outlet: Outlet, stop: threading.Event) -> bool:
        """Connect once and stay as long as it lasts; False when nobody answers."""
        try:
            link = dial(self._address, CONNECT_TIMEOUT)
        except OSError as exc:
            self._gone(outlet, f"{self._adapter} does not answer: {exc.strerror or exc}.")
            return False
        self.connections += 1
        with link:
            if not self._mute:
                self._heard(outlet)
            decoder = ShdrDecoder(self._machine, self._clock.now(), self._contact.away_since)
            told = partial(self._heard, outlet)
            session = Session(link, decoder, told, outlet, self._clock, self._silence, self._zone)
            why = session.run(stop)
            session.hand_over()
            if session.buffer.rest:
                cut = session.buffer.rest.decode(errors="replace")
                outlet.rejects(Rejects.of("cut_line", [cut], self._machine.name))
        self._mute |= session.mute
        ended = f"{self._adapter} is gone: {why}."
        self._gone(outlet, ended, STOPPED if stop.is_set() else ended)
        return True

    def _heard(self, outlet: Outlet) -> None:
        """Note that it is there; one that was given up for its silence has to say something first."""
        self.trouble, self._mute = "", False
        self._contact.heard(outlet)

    def _gone(self, outlet: Outlet, trouble: str, why: str = "") -> None:
        self.trouble = trouble
        self._contact.lost(outlet, why or trouble)


class Session:
    """One connection: receive, collect lines for a moment, decode, hand over, keep the heartbeat.

    Parameters
    ----------
    told
        Called whenever the adapter says something.
    silence
        Seconds that it may say nothing; None: as long as it likes.
    zone
        Of times that name none; None: UTC.
    """

    def __init__(
        self,
        link: socket.socket,
        decoder: ShdrDecoder,
        told: Callable[[], None],
        outlet: Outlet,
        clock: Clock,
        silence: float | None = None,
        zone: Zone = None,
    ) -> None:
        self._zone = zone
        self._link, self._decoder, self._told = link, decoder, told
        self._outlet, self._clock, self._silence = outlet, clock, silence
        self._lines = bytearray()
        self._due = 0.0
        self._heard = self._pinged = time.monotonic()
        self.buffer = LineBuffer()
        self.mute = False
        """Whether it was given up because it said nothing."""

    def run(self, stop: threading.Event) -> str:
        """Work until told to stop or the adapter goes away; return why it ended."""
        try:
            self._ping()
            while not stop.is_set():
                if (chunk := self._receive()) == b"":
                    return ENDED
                if chunk:
                    self._told()
                    self._collect(self.buffer.feed(chunk))
                if self._lines and (len(self._lines) >= BATCH or time.monotonic() >= self._due):
                    self.hand_over()
                self._ping_in_time()
                if chunk is None and (why := self._overdue()):
                    self.mute = True
                    return why
        except OSError as exc:
            return _broke(exc)
        return ENDED

    def hand_over(self) -> None:
        """Decode the lines collected so far and give them away."""
        lines = zoned_lines(bytes(self._lines), self._zone)
        self._lines.clear()
        readings, rejects = self._decoder.decode(lines, self._clock.now())
        if len(readings):
            self._outlet.readings(readings)
        if len(rejects):
            self._outlet.rejects(rejects)

    def _collect(self, lines: bytes) -> None:
        self._heard = time.monotonic()
        if not self._lines:
            self._due = self._heard + LINGER
        self._lines += lines

    def _receive(self) -> bytes | None:
        """Return the next bytes, none at the end of the connection, None when nothing came for a while."""
        wait = self._due - time.monotonic() if self._lines else PATIENCE
        self._link.settimeout(max(wait, 0.001))
        return hear(self._link, CHUNK)

    def _overdue(self) -> str:
        """Return why the adapter is given up, if it was silent for too long."""
        silent, interval = time.monotonic() - self._heard, self._decoder.heartbeat
        if self._silence is not None and silent > self._silence:
            return f"it said nothing for {self._silence:g} s"
        missed = interval is not None and silent > MISSED_HEARTBEATS * interval
        return "it missed its heartbeats" if missed else ""

    def _ping_in_time(self) -> None:
        interval = self._decoder.heartbeat
        if interval is not None and time.monotonic() - self._pinged >= interval:
            self._ping()

    def _ping(self) -> None:
        self._pinged = time.monotonic()
        self._link.settimeout(CONNECT_TIMEOUT)
        self._link.sendall(b"* PING\n")


def _broke(failure: OSError) -> str:
    """Return why a connection broke; one that was reset is as much at its end as one that was closed."""
    return "its machine is unplugged or switched off" if failure.errno == errno.ETIMEDOUT else ENDED

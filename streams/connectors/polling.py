"""Ask a device for its values again and again: what all protocols share that cannot tell by themselves.

A protocol brings a `Link`, which reads one block of memory, and the `Place` of every point.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Protocol

from streams.abc import Outlet
from streams.clock import Clock
from streams.connectors.batch import Batch
from streams.connectors.blocks import Block
from streams.connectors.contact import FAILED, STOPPED, Contact
from streams.connectors.points import Binding
from streams.records import UNTIMED

BACKOFF = (0.1, 5.0)
REFUSED = "refused_by_device"


class Refused(Exception):
    """The device will not give a block; the message is its reason. It gives others."""


class Lost(Exception):
    """The device cannot be heard, or what it says is no answer; the message says why."""


class Link(Protocol):
    """A connection to a device."""

    def read(self, block: Block) -> bytes:
        """Return the bytes of all the block's units, each of as many bytes.

        Raises
        ------
        Refused
            The device will not give it.
        Lost, OSError
            The connection is of no use any more.
        """

    def close(self) -> None:
        """Give the connection up."""


class PollingConnector:
    """Read blocks at an interval; their times are those of receipt, as the device has no clock for them.

    A block that the device refuses is rejected once, for every point in it, and asked for again each
    time; the others go on. While the device is away nothing is known: that is put on record as a gap.

    Parameters
    ----------
    device
        What the source is called in sentences.
    dial
        Connects to it; raises `Lost` or OSError.
    interval
        Seconds from one reading to the next; a device that takes longer is asked again at once.
    """

    def __init__(
        self,
        device: str,
        dial: Callable[[], Link],
        blocks: Sequence[Block],
        binding: Binding,
        contact: Contact,
        clock: Clock,
        interval: float,
    ) -> None:
        self._device, self._dial = device, dial
        self.blocks = blocks
        """What is read each time, in order."""
        self._binding, self._contact, self._clock = binding, contact, clock
        self._interval = interval
        self._refused: dict[Block, str] = {}
        self.trouble = f"{device} has not answered yet."

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        try:
            self._keep(outlet, stop)
        finally:
            self._contact.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def _keep(self, outlet: Outlet, stop: threading.Event) -> None:
        pause, longest = BACKOFF
        while not stop.is_set():
            begun = time.monotonic()
            try:
                with closing(self._dial()) as link:
                    self._stay(link, outlet, stop)
            except (Lost, OSError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
                self.trouble = f"{self._device} cannot be read: {reason}."
                self._contact.lost(outlet, self.trouble)
                pause = BACKOFF[0] if time.monotonic() - begun > longest else pause
                stop.wait(pause)
                pause = min(2 * pause, longest)

    def _stay(self, link: Link, outlet: Outlet, stop: threading.Event) -> None:
        self._binding.forget()
        self._refused.clear()
        due = time.monotonic()
        while not stop.is_set():
            self._poll(link, outlet)
            due = max(due + self._interval, time.monotonic())
            stop.wait(due - time.monotonic())

    def _poll(self, link: Link, outlet: Outlet) -> None:
        """Read every block once; what was read before a connection is lost is handed over, too."""
        batch = Batch()
        try:
            for block in self.blocks:
                self._read(link, block, batch)
                self._contact.heard(outlet)
        finally:
            readings, rejects = batch.build()
            if len(readings):
                outlet.readings(readings)
            if len(rejects):
                outlet.rejects(rejects)
        self.trouble = self._refusals()

    def _read(self, link: Link, block: Block, batch: Batch) -> None:
        try:
            payload = link.read(block)
        except Refused as exc:
            self._refuse(block, str(exc), batch)
            return
        self._refused.pop(block, None)
        now = self._clock.now()
        for address, value in block.values(payload):
            self._binding.add(batch, address, value, now, UNTIMED)

    def _refuse(self, block: Block, reason: str, batch: Batch) -> None:
        if self._refused.get(block) == reason:
            return
        self._refused[block] = reason
        now = self._clock.now()
        for place in block.places:
            point = self._binding.points[place.address]
            raw = f"{place.address}, read with {block}: {reason}"
            batch.reject(REFUSED, raw, point.machine, point.tag, now)

    def _refusals(self) -> str:
        told = [f"{block} ({reason})" for block, reason in self._refused.items()]
        return f"{self._device} refuses {', '.join(told)}." if told else ""

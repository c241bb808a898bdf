"""Stay connected to an MQTT broker, again and again, and acknowledge what is on disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from streams.abc import Outlet, Ticket
from streams.connectors.contact import FAILED, STOPPED
from streams.connectors.mqtt_session import Broker, BrokerError, Message, Session, Will
from streams.connectors.mqtt_window import Window

BACKOFF = (0.2, 5.0)
WAIT, BUSY = 0.2, 0.01
"""Seconds to wait for messages: while nothing waits for the disk, and while something does."""
HELD = 4
"""Windows of messages that may wait for the disk before nothing more is read."""


class Listener(Protocol):
    """Who wants what a broker delivers."""

    def will(self) -> Will | None:
        """Return what the broker is to say when we are gone."""

    def opened(self, session: Session, outlet: Outlet) -> None:
        """Say what is wanted: the broker is there, again perhaps."""

    def take(self, messages: Sequence[Message], outlet: Outlet) -> list[Ticket]:
        """Hand over what messages say; they are safe when all tickets are. There may be none."""

    def lost(self, outlet: Outlet, why: str) -> None:
        """Note that the broker is away, or that we go."""

    def closing(self, session: Session) -> None:
        """Say goodbye: we were told to stop."""


class Link:
    """The way to one broker.

    Parameters
    ----------
    keeps
        Whether the broker is asked to keep what comes while we are away.
    """

    def __init__(self, broker: Broker, listener: Listener, keeps: bool) -> None:
        self._broker, self._listener, self._keeps = broker, listener, keeps
        self.window = Window()
        self.connections = 0
        """How often the broker was reached."""
        self.trouble = f"{broker} has not answered yet."

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        try:
            self._stay(outlet, stop)
        finally:
            self._listener.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def _stay(self, outlet: Outlet, stop: threading.Event) -> None:
        pause, longest = BACKOFF
        while not stop.is_set():
            before = self.connections
            try:
                self._visit(outlet, stop)
            except BrokerError as exc:
                self.trouble = str(exc)
                self._listener.lost(outlet, self.trouble)
            pause = BACKOFF[0] if self.connections > before else min(2 * pause, longest)
            stop.wait(pause)

    def _visit(self, outlet: Outlet, stop: threading.Event) -> None:
        """Connect once and stay as long as it lasts."""
        session = Session(self._broker, self._listener.will(), self._keeps)
        session.connect()
        self.window.renew(session.kept)
        self._listener.opened(session, outlet)
        self.connections += 1
        self.trouble = ""
        while not stop.is_set():
            self._step(session, outlet)
        self._listener.closing(session)
        session.close()

    def _step(self, session: Session, outlet: Outlet) -> None:
        if len(self.window) > HELD * self._broker.window:
            session.rest()
            self.window.settle(session.acknowledge, WAIT)
            return
        messages = session.receive(BUSY if len(self.window) else WAIT)
        fresh = [message for message in messages if not self.window.is_repeat(message)]
        self.window.hold(messages, self._listener.take(fresh, outlet))
        self.window.settle(session.acknowledge)

"""Follow an MTConnect agent over HTTP: its state once, then every event by its sequence number."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from contextlib import closing

from streams.abc import Outlet
from streams.clock import Clock
from streams.connectors.batch import Decoded
from streams.connectors.contact import FAILED, STOPPED, Contact
from streams.connectors.mtconnect_http import Agent, AgentError, TooLong
from streams.connectors.mtconnect_items import Items
from streams.connectors.mtconnect_xml import Document, DocumentError, parse
from streams.connectors.points import Point
from streams.connectors.zones import Zone
from streams.records import NULL, RAW_LIMIT, Rejects

BACKOFF = (0.2, 5.0)
PATIENCE = 10.0
HEARTBEAT = 1.0
"""Seconds after which an agent says that it has nothing to say: so soon we notice that it is gone."""
MISSED = 4
COUNT = 2000


class MTConnectConnector:
    """The client of one agent and its devices.

    An agent keeps a buffer of what it said: after an interruption the client goes on where it was, and
    nothing is missing. Where the agent was started anew, or its buffer has run over, there is a gap.

    Parameters
    ----------
    interval
        Seconds that the agent may collect before it sends.
    zone
        Of times that name none; None: UTC.
    """

    def __init__(
        self,
        agent: Agent,
        points: Sequence[Point],
        texts: Collection[str],
        contact: Contact,
        interval: float,
        clock: Clock,
        zone: Zone = None,
    ) -> None:
        self._agent, self._contact, self._clock, self._interval = agent, contact, clock, interval
        self._items = Items(points, texts, zone)
        self._instance = self._next = 0
        self._lost = NULL
        self.connections = 0
        """How often the agent was reached."""
        self.trouble = f"{agent} has not answered yet."

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Follow the agent until told to stop."""
        try:
            self._stay(outlet, stop)
        finally:
            self._contact.lost(outlet, STOPPED if stop.is_set() else FAILED)

    def _stay(self, outlet: Outlet, stop: threading.Event) -> None:
        pause, longest = BACKOFF
        while not stop.is_set():
            before = self.connections
            try:
                self._visit(outlet, stop)
            except AgentError as exc:
                self._gone(outlet, str(exc))
            except DocumentError as exc:
                self._gone(outlet, f"{self._agent} sent a document that is refused: {exc}.")
            except TooLong as exc:
                self._refuse(outlet, "too_long", exc.args[0])
                self._gone(outlet, f"{self._agent} sent a document that is too long.")
            pause = BACKOFF[0] if self.connections > before else min(2 * pause, longest)
            stop.wait(pause)

    def _visit(self, outlet: Outlet, stop: threading.Event) -> None:
        """Catch up and follow the agent as long as the connection lasts."""
        opened = self._clock.now()
        state = self._read(self._agent.ask("current", PATIENCE), outlet)
        if state.errors:
            raise AgentError(f"{self._agent} has no state to tell: {', '.join(state.errors)}.")
        self._open(state, opened, outlet)
        while not stop.is_set():
            question = (
                f"sample?from={self._next}&count={COUNT}"
                f"&interval={round(self._interval * 1000)}&heartbeat={round(HEARTBEAT * 1000)}"
            )
            with closing(self._agent.listen(question, MISSED * HEARTBEAT + self._interval)) as documents:
                for data in documents:
                    self._follow(self._read(data, outlet), outlet)
                    if stop.is_set():
                        return
            stop.wait(self._interval)

    def _open(self, state: Document, opened: int, outlet: Outlet) -> None:
        """Tell the state; say whether everything since the last connection is still to be had."""
        whole = state.instance == self._instance and state.first <= self._next <= state.next
        if self._instance and not whole:
            anew = state.instance != self._instance
            why = "was started anew" if anew else "no longer has what came meanwhile"
            self._contact.lost(outlet, f"{self._agent} {why}.")
        self.connections += 1
        self.trouble = ""
        self._contact.heard(outlet, whole)
        self._items.binding.forget()
        before = self._next if whole else 0
        lost = max(self._lost, self._contact.away_since)
        self._hand_over(self._items.snapshot(state, opened, before, lost), outlet)
        self._instance, self._next = state.instance, before or state.next

    def _follow(self, document: Document, outlet: Outlet) -> None:
        """Take events that follow what we have.

        Raises
        ------
        AgentError
            They do not: the state must be asked for again.
        """
        if document.errors:
            raise AgentError(f"{self._agent} cannot go on from {self._next}: {', '.join(document.errors)}.")
        if document.instance != self._instance:
            raise AgentError(f"{self._agent} was started anew.")
        self._hand_over(self._items.decode(document), outlet)
        self._next = max(self._next, document.next)
        self._contact.heard(outlet)

    def _read(self, data: bytes, outlet: Outlet) -> Document:
        try:
            return parse(data)
        except DocumentError as exc:
            self._refuse(outlet, str(exc), data)
            raise

    def _gone(self, outlet: Outlet, why: str) -> None:
        self._lost = self._clock.now()
        self.trouble = why
        self._contact.lost(outlet, why)

    @staticmethod
    def _refuse(outlet: Outlet, reason: str, data: bytes) -> None:
        outlet.rejects(Rejects.of(reason, [data[:RAW_LIMIT].decode(errors="backslashreplace")]))

    @staticmethod
    def _hand_over(decoded: Decoded, outlet: Outlet) -> None:
        if len(decoded.readings):
            outlet.readings(decoded.readings)
        if len(decoded.rejects):
            outlet.rejects(decoded.rejects)

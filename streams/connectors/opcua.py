"""Subscribe to values of an OPC UA server, again and again, and hand over what changes."""

from __future__ import annotations

import asyncio
import threading

from streams.abc import Outlet
from streams.clock import Clock
from streams.connectors.contact import FAILED, STOPPED, Contact
from streams.connectors.opcua_client import OpcUaError, Server, connected
from streams.connectors.opcua_session import Pace, Session
from streams.connectors.opcua_values import Decoder
from streams.connectors.points import Binding

BACKOFF = (0.1, 5.0)


class OpcUaConnector:
    """The client of one server.

    While the log holds us back, the server is not asked for more: it keeps the newest values of each
    address and says when it lost some, which is put on record.
    """

    def __init__(self, server: Server, binding: Binding, contact: Contact, clock: Clock, pace: Pace) -> None:
        self._server, self._binding, self._contact = server, binding, contact
        self._clock, self._pace = clock, pace
        self.connections = 0
        """How often the server was reached."""
        self.trouble = f"{server} has not answered yet."

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        try:
            asyncio.run(self._stay(outlet, stop))
        finally:
            self._contact.lost(outlet, STOPPED if stop.is_set() else FAILED)

    async def _stay(self, outlet: Outlet, stop: threading.Event) -> None:
        pause, longest = BACKOFF
        while not stop.is_set():
            before = self.connections
            try:
                await self._visit(outlet, stop)
            except OpcUaError as exc:
                self.trouble = str(exc)
                self._contact.lost(outlet, self.trouble)
            pause = BACKOFF[0] if self.connections > before else min(2 * pause, longest)
            await asyncio.to_thread(stop.wait, pause)

    async def _visit(self, outlet: Outlet, stop: threading.Event) -> None:
        """Connect once and stay as long as it lasts."""
        async with connected(self._server) as client:
            self._binding.forget()
            decoder = Decoder(self._binding, self._clock.now())
            session = Session(client, decoder, self._contact, outlet, self._clock, self._pace)
            await session.subscribe()
            self.connections += 1
            await session.last(stop, self._tell)

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble

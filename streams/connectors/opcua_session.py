"""One connection to an OPC UA server: its subscription, what it brings, and whether it lives."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from streams.abc import Outlet
from streams.clock import Clock
from streams.connectors.batch import Batch
from streams.connectors.contact import Contact
from streams.connectors.opcua_client import OpcUaError
from streams.connectors.opcua_nodes import node
from streams.connectors.opcua_values import Decoder, Told, overflowed

PATIENCE = 0.1
KEEP_ALIVE = 2.0
"""Seconds after which a server with nothing to tell says so."""
MISSED = 4
"""Keep-alives that may fail to come."""
LIFETIME = 600.0
"""Seconds for which a server keeps the subscription while we hold back."""
NOTIFICATIONS = 2000
"""Values in one message."""
AT_ONCE = 500
"""Addresses in one request."""
RETRY = 30.0
"""Seconds until addresses that the server refused are asked for again."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a server looks at values and tells them, in milliseconds; how many it keeps till then."""

    sampling: float = 100.0
    publishing: float = 200.0
    queue: int = 100


class Session:
    """Subscribe over one connection and hand over what comes, in order, one message at a time.

    The next message is asked for when the last one was handed over: so a log that holds back holds the
    server back.
    """

    def __init__(
        self, client: Client, decoder: Decoder, contact: Contact, outlet: Outlet, clock: Clock, pace: Pace
    ) -> None:
        self._client, self._decoder, self._contact = client, decoder, contact
        self._outlet, self._clock, self._pace = outlet, clock, pace
        self._handles = dict(enumerate(decoder.binding.points, 1))
        self._refused: dict[str, str] = {}
        self._sequence: int | None = None
        self._subscription = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._moved = time.monotonic()
        self._failure: Exception | None = None
        self._over = ""

    async def subscribe(self) -> None:
        """Ask for all addresses; what the server refuses of them is rejected, and asked for again later."""
        self._client.connection_lost_callback = self._lost
        per_second = 1000 / self._pace.publishing
        wanted = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._pace.publishing,
            RequestedMaxKeepAliveCount=max(1, int(KEEP_ALIVE * per_second)),
            RequestedLifetimeCount=max(3, int(LIFETIME * per_second)),
            MaxNotificationsPerPublish=NOTIFICATIONS,
            PublishingEnabled=True,
        )
        made = await self._client.uaclient.create_subscription(wanted, self._take)
        self._subscription = made.SubscriptionId
        revised = made.RevisedPublishingInterval * made.RevisedMaxKeepAliveCount / 1000
        self._silence = min(MISSED * revised, LIFETIME)
        await self._monitor(self._handles)
        await asyncio.to_thread(self._reject_refused)

    async def last(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Stay till told to stop, or till the connection ends.

        Raises
        ------
        OpcUaError
            It ended.
        """
        due = time.monotonic() + RETRY
        while not stop.is_set() and not self._why():
            tell(self._refusal())
            if self._refused and time.monotonic() > due:
                await self._monitor([key for key, value in self._handles.items() if value in self._refused])
                due = time.monotonic() + RETRY
            await asyncio.sleep(PATIENCE)
        why, self._over = self._why(), "told to stop"
        await self._idle.wait()
        if self._failure:
            raise self._failure
        if why:
            raise OpcUaError(why)

    def _why(self) -> str:
        """Say why the connection is over; nothing while it lives."""
        silent = self._idle.is_set() and time.monotonic() - self._moved > self._silence
        return self._over or (f"{self._where} sends nothing more, not even that it lives." if silent else "")

    @property
    def _where(self) -> str:
        return f"The OPC UA server at {self._client.server_url.geturl()}"

    async def _lost(self, exc: Exception) -> None:
        self._over = self._over or f"{self._where} is gone: {exc or type(exc).__name__}."

    async def _monitor(self, handles: Iterable[int]) -> None:
        """Ask for values of addresses by their handles, and note those that are refused."""
        namespaces = await self._client.get_namespace_array()
        wanted = iter([(handle, node(self._handles[handle], namespaces)) for handle in handles])
        while chunk := list(itertools.islice(wanted, AT_ONCE)):
            known = [(handle, found) for handle, found in chunk if found is not None]
            self._refused |= {
                self._handles[handle]: "no such namespace" for handle, found in chunk if not found
            }
            parameters = ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[self._item(handle, found) for handle, found in known],
            )
            results = await self._client.uaclient.create_monitored_items(parameters) if known else []
            for (handle, _), result in zip(known, results, strict=True):
                self._refused.pop(self._handles[handle], None)
                if not result.StatusCode.is_good():
                    self._refused[self._handles[handle]] = result.StatusCode.name

    def _item(self, handle: int, found: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=found, AttributeId=AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle,
                SamplingInterval=self._pace.sampling,
                QueueSize=self._pace.queue,
                DiscardOldest=True,
            ),
        )

    def _refusal(self) -> str:
        if not self._refused:
            return ""
        shown = ", ".join(
            f"{address} ({why})" for address, why in itertools.islice(self._refused.items(), SHOWN)
        )
        more = ", ..." if len(self._refused) > SHOWN else ""
        return f"{self._where} refuses {len(self._refused)} of {len(self._handles)} points: {shown}{more}."

    def _reject_refused(self) -> None:
        batch = Batch()
        for address, why in self._refused.items():
            point = self._decoder.binding.points[address]
            batch.reject("refused_address", f"{address}: {why}", point.machine, point.tag)
        if self._refused:
            self._outlet.rejects(batch.build().rejects)

    async def _take(self, result: ua.PublishResult) -> None:
        """Hand over one message; what goes wrong ends the session."""
        if self._over:
            return
        self._idle.clear()
        try:
            await asyncio.to_thread(self._hand_over, result.NotificationMessage)
        except Exception as exc:  # the caller would only log it
            self._failure, self._over = exc, str(exc) or type(exc).__name__
        finally:
            self._moved = time.monotonic()
            self._idle.set()

    def _hand_over(self, message: ua.NotificationMessage) -> None:
        begun, now = time.monotonic(), self._clock.now()
        told = list(self._told(message))
        if lost := self._lost_of(message, told):
            self._contact.skipped(self._outlet, lost)
        self._contact.heard(self._outlet)
        batch = Batch()
        for one in told:
            self._decoder.add(batch, one, now)
        decoded = batch.build()
        if len(decoded.readings):
            self._outlet.readings(decoded.readings)
        if len(decoded.rejects):
            self._outlet.rejects(decoded.rejects)
        room = self._pace.queue * self._pace.sampling / 1000
        if (held := time.monotonic() - begun) > room:
            why = f"the log held back for {held:.0f} s, the server keeps {room:.0f} s"
            self._contact.skipped(self._outlet, why)

    def _told(self, message: ua.NotificationMessage) -> Iterator[Told]:
        for notice in message.NotificationData or []:
            if isinstance(notice, ua.StatusChangeNotification):
                self._over = f"{self._where} ended the subscription: {notice.Status.name}."
            for item in getattr(notice, "MonitoredItems", None) or []:
                if item.ClientHandle in self._handles and item.Value is not None:
                    yield Told(self._handles[item.ClientHandle], item.Value)

    def _lost_of(self, message: ua.NotificationMessage, told: list[Told]) -> str:
        """Say what was lost between the last message and this one, if anything."""
        if not message.NotificationData:
            return ""
        before, self._sequence = self._sequence, message.SequenceNumber
        if before is not None and self._sequence > before + 1:
            return f"{self._sequence - before - 1} messages were lost or cannot be read"
        over = [self._decoder.binding.points[one.address].tag for one in told if overflowed(one.data)]
        return f"the server's queue overflowed: {', '.join(dict.fromkeys(over))}" if over else ""

"""A connection to NATS for threads that know nothing of asyncio; made again when it is lost."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from streams.clock import SECOND
from streams.log.abc import Entry, Kind
from streams.log.errors import LogAway, LogDamaged, LogError
from streams.log.segments import Record, decode

CONNECT_SECONDS = 2.0
CLOSE_SECONDS = 0.5
PING_SECONDS = 5
HEARTBEAT = 1.0
QUIET_SECONDS = 2.0
"""Seconds without a message after which a subscription is made anew: its server may have forgotten it."""
PAYLOAD_AT_LEAST = 16 << 20
"""What a server must take in one message; NATS' own limit is 1 MB."""
FRAME_BYTES = 8 << 10
"""Of a message are the headers, the entry's own head and its producer's name."""
FOREIGN = "nats/foreign"
"""Who sent what is no entry: somebody else published it, and it has a position all the same."""
EXACT = (
    "subjects",
    "storage",
    "retention",
    "num_replicas",
    "max_bytes",
    "discard",
    "deny_delete",
    "no_ack",
    "sealed",
    "mirror",
    "sources",
)
"""What a stream must have as it would be made."""
AWAY = (NatsError, OSError, asyncio.TimeoutError)

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """Where a partition lies."""

    servers: tuple[str, ...]
    name: str
    replicas: int = 1
    max_bytes: int = -1
    user: str = ""
    password: str = ""
    ca: Path | None = None
    """The certificate that the servers' are signed with; None where they speak without TLS."""

    @property
    def subject(self) -> str:
        """What its messages are published to."""
        return f"seamline.log.{self.name}"

    def config(self) -> StreamConfig:
        """Return how the stream is made: bounded, and no message of it can be taken out of the middle."""
        return StreamConfig(
            name=self.name,
            subjects=[self.subject],
            storage=StorageType.FILE,
            num_replicas=self.replicas,
            max_bytes=self.max_bytes,
            discard=DiscardPolicy.NEW,
            deny_delete=True,
            retention=RetentionPolicy.LIMITS,
        )


class Extent(NamedTuple):
    """What a stream holds."""

    first: int
    last: int
    size: int


class Link:
    """A thread with an event loop and one connection; calls come from any thread.

    Parameters
    ----------
    stream
        The stream, made if it is not there.
    keeps
        Whether a stream that is there is to be made as ``stream`` says: its appender does so.
    """

    def __init__(self, stream: Stream, keeps: bool = False) -> None:
        self.stream, self._keeps = stream, keeps
        self.loop = asyncio.new_event_loop()
        self.room = PAYLOAD_AT_LEAST - FRAME_BYTES
        """How many bytes of payload an entry may have, as the server said last."""
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._thread = threading.Thread(target=self.loop.run_forever, name=f"nats {stream.name}", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Do something in the loop and return what came of it.

        Raises
        ------
        LogAway
            No server answers in time, or none knows what to do; the next call connects anew.
        """
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout), self.loop)
        try:
            return future.result()
        except AWAY as exc:
            self.drop()
            raise LogAway(f"NATS at {self.places} does not answer: {exc or type(exc).__name__}.") from exc

    @property
    def places(self) -> str:
        """The servers, for people."""
        return ", ".join(self.stream.servers)

    async def context(self) -> JetStreamContext:
        """Return a connection on which the stream is known to exist.

        Raises
        ------
        LogError
            The server takes no messages as large as entries, or keeps the stream otherwise than it must.
        """
        async with self._opening:
            if self._client is None or self._client.is_closed:
                self._client = await self._prepared()
            return self._client.jetstream()

    async def extent(self) -> Extent:
        """Return what the stream holds."""
        js = await self.context()
        state = (await js.stream_info(self.stream.name)).state
        return Extent(state.first_seq or state.last_seq + 1, state.last_seq, state.bytes)

    async def entry(self, position: int) -> Record | None:
        """Return one entry, None where somebody else has published something."""
        js = await self.context()
        raw = await js.get_msg(self.stream.name, position)
        return record_of(position, raw.data or b"")

    async def follow(self, start: int) -> AsyncGenerator[Record, None]:
        """Yield entries as they come, from position ``start`` or the oldest behind it.

        Raises
        ------
        asyncio.TimeoutError
            Nothing came for a while.
        """
        js = await self.context()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30.0,
        )
        found = await js.subscribe(
            self.stream.subject,
            stream=self.stream.name,
            config=config,
            manual_ack=True,
            flow_control=True,
            idle_heartbeat=HEARTBEAT,
        )
        try:
            while True:
                yield record(await found.next_msg(timeout=QUIET_SECONDS))
        finally:
            with suppress(*AWAY):
                await found.unsubscribe()

    def drop(self) -> None:
        """Give the connection up; what it has not sent is never sent."""
        client, self._client = self._client, None
        if client is not None:
            asyncio.run_coroutine_threadsafe(_closed(client), self.loop)

    def close(self) -> None:
        """End the connection, and the thread."""
        with suppress(*AWAY):
            asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(CONNECT_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _end(self) -> None:
        if self._client is not None:
            await _closed(self._client)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=CLOSE_SECONDS)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _prepared(self) -> Client:
        client = Client()
        try:
            await self._connect(client)
            await self._prepare(client)
        except BaseException:
            await _closed(client)
            raise
        return client

    async def _connect(self, client: Client) -> None:
        settings: dict[str, Any] = {}
        if self.stream.user:
            settings |= {"user": self.stream.user, "password": self.stream.password}
        if self.stream.ca is not None:
            settings["tls"] = ssl.create_default_context(cafile=str(self.stream.ca))
        await client.connect(list(self.stream.servers), **ONCE, **settings)

    async def _prepare(self, client: Client) -> None:
        if client.max_payload < PAYLOAD_AT_LEAST:
            raise LogError(
                f"NATS at {self.places} takes messages of {client.max_payload} bytes; set max_payload: 16MB "
                "in the servers' configuration."
            )
        self.room = client.max_payload - FRAME_BYTES
        js = client.jetstream()
        try:
            found = await js.stream_info(self.stream.name)
        except NotFoundError:
            await js.add_stream(self.stream.config())
        else:
            await self._agree(js, found)

    async def _agree(self, js: JetStreamContext, found: StreamInfo) -> None:
        """See that a stream that was there is as the plant file has it; only its appender may change it."""
        other = differing(found.config, self.stream.config()) if self._keeps else {}
        if not other:
            return
        if "num_replicas" in other and found.cluster is None:  # it would say that it had them
            raise self._unlike(other, "it is alone")
        try:
            wanted = {name: value for name, (_, value) in other.items()}
            await js.update_stream(replace(found.config, **wanted))
        except APIError as exc:
            raise self._unlike(other, exc.description or type(exc).__name__) from exc

    def _unlike(self, other: dict[str, tuple[Any, Any]], why: str) -> LogError:
        said = ", ".join(f"{name} {there} instead of {wanted}" for name, (there, wanted) in other.items())
        return LogError(
            f"The stream {self.stream.name} at {self.places} has {said}, and NATS does not change that"
            f" ({why}): mend the plant file, or begin with a new stream."
        )


def differing(found: StreamConfig, wanted: StreamConfig) -> dict[str, tuple[Any, Any]]:
    """Return by name what a stream has and should have, where that differs.

    What it costs and who may read it is its owner's affair.
    """
    unlimited = dict.fromkeys(("max_msgs", "max_msgs_per_subject", "max_msg_size"), -1)
    exact = {name: getattr(wanted, name) for name in EXACT} | unlimited | {"max_age": 0}
    exact |= {name: value.value for name, value in exact.items() if isinstance(value, Enum)}
    return {
        name: (getattr(found, name), value)
        for name, value in exact.items()
        if (getattr(found, name) or 0) != (value or 0)
    }


def record(message: Msg) -> Record:
    """Return the entry that a message is."""
    told = message.metadata
    if (found := record_of(told.sequence.stream, message.data)) is not None:
        return found
    stamp = int(told.timestamp.timestamp() * SECOND)
    return Record(Entry(told.sequence.stream, Kind.REJECTS, stamp, FOREIGN, message.data), 0, 0)


def record_of(position: int, data: bytes) -> Record | None:
    """Return the entry that stands at a position, None where somebody else has published something.

    Raises
    ------
    LogDamaged
        It stood at another position once.
    """
    found = decode(memoryview(data), 0)
    if found is not None and found.entry.position != position:
        raise LogDamaged(
            f"Entry {found.entry.position} stands at {position} of its stream: begin with a new stream."
        )
    return found


async def _closed(client: Client) -> None:
    with suppress(*AWAY):
        await client.close()


async def _silent(_: Exception) -> None:
    """Leave it to whoever calls: every call that fails says why."""


ONCE: dict[str, Any] = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": 0.05,
    "connect_timeout": CONNECT_SECONDS,
    "ping_interval": PING_SECONDS,
    "error_cb": _silent,
}
"""A connection is never mended but made anew: what a lost one had not sent must not come later."""

"""Read a partition that is a stream: entries come by themselves and wait here until they are read."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing

from streams.log.abc import Entry
from streams.log.errors import LogAway, LogGap
from streams.log.jetstream.link import AWAY, Extent, Link, Stream

HELD_BYTES = 32 << 20
"""Entries that wait to be read; the server then holds the others back."""
ASK_SECONDS = 3.0
PLACE_SECONDS = 2.0
"""How long a read at another place waits for its first entry."""
RETRY_SECONDS = 0.2
EXTENT_SECONDS = 0.5
"""How old a known extent may be."""


class JetStreamLog:
    """A stream as its shard sees it. The servers may go away and come back: `read` then gives nothing.

    Parameters
    ----------
    stream
        The stream, made if it is not there.
    """

    def __init__(self, stream: Stream) -> None:
        self._link = Link(stream)
        self._changed = threading.Condition()
        self._held: deque[Entry] = deque()
        self._bytes = 0
        self._next = 0
        self._turn = 0
        self._gap = False
        self._failure: Exception | None = None
        self._extent: tuple[float, Extent] | None = None
        self._room = asyncio.Event()
        self._fetching: asyncio.Task[None] | None = None
        self._pump = asyncio.run_coroutine_threadsafe(self._fetch_on(), self._link.loop)

    @property
    def first(self) -> int:
        """The position of the oldest entry that is there; one behind `end` where there is none.

        Raises
        ------
        LogAway
            No server answers.
        """
        return self._link.run(self._link.extent(), ASK_SECONDS).first

    @property
    def end(self) -> int:
        """The last position that the servers have acknowledged, as far as it was heard.

        Raises
        ------
        LogAway
            No server has ever answered.
        """
        known = self._extent
        if known is None or time.monotonic() > known[0] + EXTENT_SECONDS:
            try:
                extent = self._link.run(self._link.extent(), ASK_SECONDS)
            except LogAway:
                if known is None:
                    raise
                extent = known[1]
            known = self._extent = (time.monotonic(), extent)
        return known[1].last

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return entries behind position ``after``, of about ``limit`` bytes at the most; never wait.

        Only at another place than where the last read ended it waits for a moment.

        Raises
        ------
        LogGap
            The wanted entries were removed already.
        LogError
            They cannot be read.
        """
        with self._changed:
            if after + 1 != self._next:
                self._place(after + 1)
                self._changed.wait_for(lambda: self._held or self._gap or self._failure, PLACE_SECONDS)
            found = self._take(limit)
        self._link.loop.call_soon_threadsafe(self._room.set)
        return found

    def find(self, received: int) -> int:
        """Return the position of the last entry that was stamped before a time (microseconds UTC).

        Raises
        ------
        LogAway
            No server answers.
        """
        extent = self._link.run(self._link.extent(), ASK_SECONDS)
        low, high = extent.first, extent.last + 1
        while low < high:
            middle = (low + high) // 2
            found = self._link.run(self._link.entry(middle), ASK_SECONDS)
            if found is None or found.entry.received < received:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def consumed(self, position: int) -> None:
        """Allow entries up to ``position`` to be removed: they go once the stream is half full."""
        try:
            self._link.run(self._remove(position), ASK_SECONDS)
        except LogAway:  # the next snapshot tells again
            return

    def committed(self, position: int) -> None:
        """Know it: nothing that is not consumed is ever removed."""

    def close(self) -> None:
        """End the connection."""
        self._pump.cancel()
        self._link.close()

    def _place(self, position: int) -> None:
        self._next, self._turn = position, self._turn + 1
        self._held.clear()
        self._bytes, self._gap, self._failure = 0, False, None
        self._link.loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        """Fetch from another place."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _take(self, limit: int) -> list[Entry]:
        found: list[Entry] = []
        size = 0
        while self._held and (not found or size < limit):
            found.append(self._held.popleft())
            size += len(found[-1].payload)
        if not found and self._gap:
            raise LogGap(f"Entry {self._next} was removed from {self._link.stream.name}; start anew.")
        if not found and self._failure:
            raise self._failure
        self._next += len(found)
        self._bytes -= size
        return found

    async def _remove(self, position: int) -> None:
        extent, limit = await self._link.extent(), self._link.stream.max_bytes
        if 0 < limit < 2 * extent.size and position >= extent.first:
            js = await self._link.context()
            await js.purge_stream(self._link.stream.name, seq=position + 1)

    async def _fetch_on(self) -> None:
        while True:
            self._fetching = asyncio.create_task(self._fetch(self._turn))
            try:
                await asyncio.wait([self._fetching])
            finally:
                self._fetching.cancel()
                (outcome,) = await asyncio.gather(self._fetching, return_exceptions=True)
            if isinstance(outcome, Exception):  # a fetch that was called off for another place is none
                await self._failed(outcome)

    async def _failed(self, failure: Exception) -> None:
        """Say what no repetition mends, and try again all the same."""
        if isinstance(failure, AWAY):
            self._link.drop()
        else:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()
        await asyncio.sleep(RETRY_SECONDS)

    async def _fetch(self, turn: int) -> None:
        """Fetch entries behind those that are held."""
        with self._changed:
            start = self._next + len(self._held)
        if not start:
            await self._rest()
            return
        async with aclosing(self._link.follow(start)) as records:
            async for record in records:
                if not self._put(turn, record.entry):
                    return
                while self._bytes > HELD_BYTES:
                    await self._rest()

    def _put(self, turn: int, entry: Entry) -> bool:
        """Hold an entry for the next read; False when it is not the one that comes next."""
        with self._changed:
            if turn != self._turn:
                return False
            expected = self._next + len(self._held)
            self._gap = entry.position > expected
            if entry.position == expected:
                self._held.append(entry)
                self._bytes += len(entry.payload)
            self._changed.notify_all()
            return entry.position == expected

    async def _rest(self) -> None:
        self._room.clear()
        try:
            await asyncio.wait_for(self._room.wait(), RETRY_SECONDS)
        except TimeoutError:
            return

"""Read a log that the appender of another node serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import zmq

from streams.connectors.curve import ClientKeys
from streams.log import remote_wire as wire
from streams.log.abc import Entry
from streams.log.errors import LogDamaged, LogError, LogGap
from streams.log.remote_wire import Reply, Request

SILENCE = 1.0
"""Seconds without an answer after which a reader goes on without, and asks again with its next call."""
PATIENCE = 30.0
"""Seconds for which a question that must be answered is asked again."""


class RemoteLog:
    """A partition on another node; it may go away and come back. Safe to use from several threads.

    `read` then gives nothing, as at the end of the log. Only where nothing was ever heard, and where no
    answer can be guessed, calls wait and fail at last.

    Parameters
    ----------
    endpoint
        Where the other node's appender serves it.
    partition
        The log to read (a shard's id).
    keys
        For an endpoint that speaks CURVE.
    """

    def __init__(self, endpoint: str, partition: str, keys: ClientKeys | None = None) -> None:
        self._endpoint, self._partition, self._keys = endpoint, partition, keys
        self._lock = threading.Lock()
        self._context = zmq.Context()
        self._socket = self._connected()
        self._number = 0
        self._end: int | None = None

    @property
    def first(self) -> int:
        """The position of the oldest entry that is there; one behind `end` where there is none.

        Raises
        ------
        LogError
            The other node does not answer.
        """
        return self._extent()[0]

    @property
    def end(self) -> int:
        """The last position that is safe on disk, as far as it was heard.

        Raises
        ------
        LogError
            The other node has never answered.
        """
        if self._end is None:
            return self._extent()[1]
        if (reply := self._ask(wire.EXTENT)) is not None:
            _, self._end = wire.PAIR.unpack(_body(reply))
        return self._end

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return entries behind position ``after``, of about ``limit`` bytes at the most, if there is word.

        Raises
        ------
        LogGap
            The wanted entries were removed already.
        LogError
            The other node has never answered, or its log cannot be read.
        """
        if self._end is None:
            self._extent()
        reply = self._ask(wire.READ, after, limit)
        try:
            return () if reply is None else wire.unpack_entries(_body(reply))
        except ValueError as exc:
            raise LogDamaged(f"What {self._endpoint} sends is damaged: {exc}; restart its node.") from exc

    def find(self, received: int) -> int:
        """Return the position of the last entry that was stamped before a time (microseconds UTC).

        Raises
        ------
        LogError
            The other node does not answer.
        """
        return int(wire.NUMBER.unpack(self._insist(wire.FIND, received))[0])

    def consumed(self, position: int) -> None:
        """Allow entries up to ``position`` to be removed; a word that is lost is followed by the next.

        Raises
        ------
        LogError
            The log does not reach so far, or is another one: nothing of it may be removed by this.
        """
        if (reply := self._ask(wire.CONSUMED, position)) is not None:
            _body(reply)

    def committed(self, position: int) -> None:
        """Tell that what follows from entries up to ``position`` is in the database, as `consumed` does."""
        self._ask(wire.COMMITTED, position)

    def close(self) -> None:
        """Give up the connection."""
        with self._lock:
            self._socket.close()
            self._context.term()

    def _extent(self) -> tuple[int, int]:
        first, self._end = wire.PAIR.unpack(self._insist(wire.EXTENT))
        return first, int(self._end or 0)

    def _insist(self, order: bytes, *arguments: int) -> bytes:
        until = time.monotonic() + PATIENCE
        while (reply := self._ask(order, *arguments)) is None:
            if time.monotonic() > until:
                raise LogError(f"The log at {self._endpoint} does not answer; see that its node runs.")
        return _body(reply)

    def _ask(self, order: bytes, *arguments: int) -> Reply | None:
        """Return the answer to a question, None when there was none in time: the connection is then new."""
        with self._lock:
            self._number += 1
            frames = wire.pack(Request(self._number, self._partition, order, arguments))
            self._socket.send_multipart(frames)
            until = time.monotonic() + SILENCE
            while self._socket.poll(max(0, int(1000 * (until - time.monotonic()))), zmq.POLLIN):
                reply = wire.unpack_reply(self._socket.recv_multipart())
                if reply.number == self._number:
                    return reply
            self._socket.close()
            self._socket = self._connected()
            return None

    def _connected(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        if self._keys is not None:
            self._keys.apply(socket)
        socket.connect(self._endpoint)
        return socket


def _body(reply: Reply) -> bytes:
    if reply.word == wire.GAP:
        raise LogGap(reply.body.decode(errors="replace"))
    if reply.word == wire.FAILED:
        raise LogError(reply.body.decode(errors="replace"))
    return reply.body

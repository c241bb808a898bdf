"""Serve a partition to readers on other nodes, beside the process that appends to it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import zmq

from streams.connectors.curve import Doorman, ServerKeys, Stranger
from streams.connectors.inlet import Inlet
from streams.log import remote_wire as wire
from streams.log.errors import LogError, LogGap
from streams.log.reader import FileLogReader
from streams.log.remote_wire import Reply, Request

POLL_MS = 100
READERS = 16
"""Readers whose place in the log is kept; others find theirs again with each request."""
REPLY_LIMIT = 16 << 20
REQUEST_LIMIT = 4096
WAITING_LIMIT = 64
"""Requests of one reader that may wait: it asks one at a time."""


class RemoteServer:
    """Answer readers until told to stop, in a thread of its own: it never holds the appender up.

    Parameters
    ----------
    endpoint
        Where to listen.
    partition
        The log's name; requests for another fail.
    folder
        Where it lies.
    keys
        Who may read, and say what may be removed; without them everybody who reaches the endpoint.
    refused
        Called with each stranger who comes for the first time.

    Raises
    ------
    LogError
        The endpoint cannot be listened on, at the begin of the block.
    """

    def __init__(
        self,
        endpoint: str,
        partition: str,
        folder: Path,
        keys: ServerKeys | None = None,
        refused: Callable[[Stranger], None] = lambda stranger: None,
    ) -> None:
        self._endpoint, self._partition, self._folder = endpoint, partition, folder
        self._keys, self._refused = keys, refused
        self._readers: OrderedDict[bytes, FileLogReader] = OrderedDict()
        self._stack = ExitStack()
        self._doorman: Doorman | None = None
        self.malformed = 0
        """Messages that were no requests, or did not end."""

    def __enter__(self) -> Self:
        try:
            self._open()
        except zmq.ZMQError as exc:
            self.__exit__()
            raise LogError(f"The log cannot be served at {self._endpoint}: {exc}; choose another.") from exc
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, stop: threading.Event) -> None:
        """Answer until told to stop."""
        poller = zmq.Poller()
        for one in filter(None, (self._socket, self._inlet.events, self._doorman and self._doorman.socket)):
            poller.register(one, zmq.POLLIN)
        while not stop.is_set():
            poller.poll(POLL_MS)
            for stranger in self._doorman.attend() if self._doorman else ():
                self._refused(stranger)
            for (peer, *frames), _ in self._inlet.messages():
                self._attend(peer, *frames)
            self.malformed += len(self._inlet.cut())

    def _open(self) -> None:
        context = self._stack.enter_context(zmq.Context())
        if self._keys is not None:
            self._doorman = Doorman(self._stack.enter_context(context.socket(zmq.REP)), self._keys.clients)
        self._socket = self._stack.enter_context(context.socket(zmq.ROUTER))
        parts = 1 + len(Request._fields)
        self._inlet = self._stack.enter_context(Inlet(self._socket, parts, REQUEST_LIMIT, WAITING_LIMIT))
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, REQUEST_LIMIT)
        if self._keys is not None:
            self._keys.apply(self._socket)
        self._stack.callback(self._forget_all)
        self._socket.bind(self._endpoint)

    def _attend(self, peer: bytes, *frames: bytes) -> None:
        try:
            request = wire.unpack(frames)
        except ValueError:
            self.malformed += 1
            return
        self._socket.send_multipart([peer, *wire.pack_reply(self._answer(peer, request))])

    def _answer(self, peer: bytes, request: Request) -> Reply:
        if request.partition != self._partition:
            reason = f"This appender keeps the log {self._partition!r}, not {request.partition!r}."
            return Reply(request.number, wire.FAILED, reason.encode())
        try:
            return Reply(request.number, wire.OK, self._do(self._reader(peer), request))
        except LogGap as exc:
            return Reply(request.number, wire.GAP, str(exc).encode())
        except LogError as exc:
            return Reply(request.number, wire.FAILED, str(exc).encode())
        except OSError as exc:  # of this request: the next reader may be luckier
            reason = f"The log's disk fails: {exc.strerror or exc}; see to the node that keeps it."
            return Reply(request.number, wire.FAILED, reason.encode())

    def _do(self, reader: FileLogReader, request: Request) -> bytes:
        if request.order == wire.EXTENT:
            return wire.PAIR.pack(reader.first, reader.end)
        if request.order == wire.READ:
            after, limit = request.arguments
            return wire.pack_entries(reader.read(after, min(limit, REPLY_LIMIT)))
        (argument,) = request.arguments
        if request.order == wire.FIND:
            return wire.NUMBER.pack(reader.find(argument))
        if argument > (end := reader.end):
            raise LogError(f"The log ends at {end}, before {argument}; see whose shard and database this is.")
        mark = reader.consumed if request.order == wire.CONSUMED else reader.committed
        mark(argument)
        return b""

    def _reader(self, peer: bytes) -> FileLogReader:
        reader = self._readers.pop(peer, None) or FileLogReader(self._folder)
        self._readers[peer] = reader
        if len(self._readers) > READERS:
            self._readers.popitem(last=False)[1].close()
        return reader

    def _forget_all(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()

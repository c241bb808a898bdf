"""Receive messages of few parts from whoever reaches a ZeroMQ socket, without holding what never ends.

ZeroMQ bounds the size of a part, not their number, and keeps the parts of a message that is not finished,
of which nobody sees any. So the connections are watched: what one has sent beyond the messages that came of
it belongs to one that is not finished, and a connection with more of that than a message may have is cut.
Connections over ipc are not: who comes there is decided by the file's permissions.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Self

import zmq
from zmq.utils.monitor import recv_monitor_message

AT_ONCE = 256
LOOK = 0.1
"""Seconds between looks at the connections."""
BUFFER = 1 << 20
"""Bytes of a connection that the kernel holds; it takes twice as many."""
SLACK = 4 << 20
"""Bytes beyond its limit by which a message may seem larger: what the kernel and ZeroMQ hold."""
FRAMING = 64
"""Bytes that a part costs on the wire beyond its own, at the most: encrypted, it is 33 and 9."""
TCP_INFO, RECEIVED = 136, 128
"""Bytes of Linux's ``tcp_info`` that are asked for, and where ``tcpi_bytes_received`` stands in it."""
RESET = struct.pack("ii", 1, 0)
"""Linger not at all: who still sends is told to stop, instead of waiting for room that never comes."""


class Received(NamedTuple):
    """A message: its first parts, and the name that belongs to the key of its sender."""

    parts: list[bytes]
    user: str = ""


@dataclass(eq=False)
class Connection:
    """One sender's connection."""

    link: socket.socket
    """Our hold on it, beside ZeroMQ's own."""
    told: int = 0
    """Bytes that belong to messages received."""
    is_cut: bool = False
    """ZeroMQ says only later that it has ended."""

    def received(self) -> int:
        """Return how many bytes have come."""
        told = self.link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO)
        count: int = struct.unpack_from("Q", told, RECEIVED)[0]
        return count

    def unfinished(self, received: int) -> int:
        """Return how many of so many bytes belong to no message yet."""
        self.told = min(self.told, self.received())  # FRAMING says too much
        return received - self.told

    def cut(self) -> str:
        """End it, so that its peer hears of it at once; return whose it was."""
        with suppress(OSError):
            host, port, *_ = self.link.getpeername()
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.link.shutdown(socket.SHUT_RDWR)
            return f"{host}:{port}"
        return ""


class Inlet:
    """The receiving side of a socket that is not bound yet.

    Parameters
    ----------
    parts
        How many parts a message has; of one that has more, one more is kept.
    limit
        Bytes that a message may have.
    waiting
        Messages of one sender that may wait in the socket.
    keyed
        Whether senders have keys.
    """

    def __init__(
        self, receiver: zmq.Socket[bytes], parts: int, limit: int, waiting: int, keyed: bool = False
    ) -> None:
        self._socket, self._parts, self._limit = receiver, parts, limit + SLACK
        self._waiting, self._keyed = waiting, keyed
        receiver.setsockopt(zmq.RCVHWM, waiting)
        receiver.setsockopt(zmq.RCVBUF, BUFFER)
        self.events = receiver.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._connections: dict[int, Connection] = {}
        self._seen: dict[Connection, int] = {}
        self._taken, self._due = 0, 0.0
        self._cut: list[str] = []
        self.ended = 0
        """How many connections have ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.disable_monitor()
        self.events.close()
        for connection in self._connections.values():
            connection.link.close()

    def messages(self, most: int = AT_ONCE) -> Iterator[Received]:
        """Yield what is there, and cut connections on which a message does not end."""
        self._look()
        for _ in range(most):
            if not self._socket.poll(0, zmq.POLLIN):
                break
            yield self._receive()
        else:
            self._judge(self._taken >= self._waiting * len(self._connections))
            return
        self._judge(True)

    def cut(self) -> list[str]:
        """Return whose connections were cut since this was asked last."""
        cut, self._cut = self._cut, []
        return cut

    def _receive(self) -> Received:
        self._note()
        parts, size, more = list[bytes](), 0, True
        while more:
            part = self._socket.recv(copy=False)
            size += len(part) + FRAMING
            if len(parts) <= self._parts:
                parts.append(part.bytes)
            more = bool(self._socket.getsockopt(zmq.RCVMORE))
        self._taken += 1
        if self._connections and (found := self._connections.get(int(part.get(zmq.SRCFD)))):
            found.told += size
        return Received(parts, str(part.get("User-Id")) if self._keyed else "")

    def _note(self) -> None:
        """Note whose connections began and ended; before each message, so that its own is known."""
        while self.events.poll(0, zmq.POLLIN):
            event = recv_monitor_message(self.events)
            number = int(event["value"])
            if former := self._connections.pop(number, None):
                former.link.close()
                self._seen.pop(former, None)
            if event["event"] == zmq.EVENT_DISCONNECTED:
                self.ended += 1
            elif event["endpoint"].startswith(b"tcp:"):
                with suppress(OSError):  # it may have ended already
                    self._connections[number] = Connection(_held(number))

    def _look(self) -> None:
        """See how much each connection has brought, when it is time: what of that is whole comes now."""
        self._note()
        if not self._seen and time.monotonic() >= self._due:
            self._due = time.monotonic() + LOOK
            self._taken = 0
            self._seen = {one: one.received() for one in self._connections.values()}

    def _judge(self, all_taken: bool) -> None:
        """Cut where too much is not finished, once all that was whole at the last look has been taken."""
        if not all_taken:
            return
        for connection, received in self._seen.items():
            if not connection.is_cut and connection.unfinished(received) > self._limit:
                connection.is_cut = True
                self._cut.append(connection.cut())
        self._seen = {}


def _held(number: int) -> socket.socket:
    """Return a hold of our own on a connection.

    Raises
    ------
    OSError
        It has ended, and what has its number now is no connection.
    """
    copy = os.dup(number)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise

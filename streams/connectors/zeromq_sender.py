"""The other end of the ZeroMQ connector: send numbered messages until they are known to be on disk."""

from __future__ import annotations

import secrets
import time
from typing import Self

import zmq

from streams.connectors import numbered
from streams.connectors.curve import ClientKeys
from streams.connectors.numbered import MESSAGE_LIMIT, REFUSED, WAIT, Numbered, Reply
from streams.log.window import Window

MIB = 1 << 20
SILENCE = 2.0
"""Seconds without an answer after which everything unanswered is sent again."""
PAUSE = 0.2
"""Seconds to hold back when the gateway asked to wait."""
REMEMBERED = 1000
"""How many messages that could not be read are told of."""


class NameTaken(Exception):
    """Another sender uses the same name: take a new one, for the log would drop messages as repeats."""


class ZmqSender:
    """A connection to a ZeroMQ source; to be used by one thread, which calls `work` again and again.

    A sender that dies forgets what was not answered. One that must not keeps its messages and their
    numbers itself, and goes on under the same name with the ``floor`` that it had reached.

    Parameters
    ----------
    endpoint
        Where the gateway listens.
    name
        Names the sender in the log. Without a ``floor`` each start adds a word of its own to it, for
        its numbers begin anew.
    keys
        For an endpoint that speaks CURVE.
    floor
        The number up to which everything is known to be on disk.
    window, window_bytes
        How much may wait for an answer before the sender is `full`.
    """

    def __init__(
        self,
        endpoint: str,
        name: str,
        keys: ClientKeys | None = None,
        floor: int | None = None,
        window: int = 256,
        window_bytes: int = 32 * MIB,
    ) -> None:
        self.name = f"{name}:{secrets.token_hex(6)}" if floor is None else name
        self._window: Window[bytes] = Window(window, window_bytes, floor or 0)
        self._hold_until = 0.0
        self._progress = time.monotonic()
        self.trouble = ""
        """Why messages wait, as the gateway says; empty when all is well."""
        self.refused: dict[int, str] = {}
        """The newest messages that could not be read, and why; they are in quarantine."""
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        if keys is not None:
            keys.apply(self._socket)
        self._socket.connect(endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection."""
        self._socket.close()
        self._context.term()

    @property
    def full(self) -> bool:
        """Whether no further message should be added now."""
        return self._window.full

    @property
    def waiting(self) -> int:
        """How many messages are not known to be on disk."""
        return len(self._window)

    @property
    def floor(self) -> int:
        """The number up to which everything is on disk."""
        return self._window.floor

    def add(self, kind: bytes, payload: bytes) -> int:
        """Queue a message, ``arrow`` or ``json``, and return its number; `work` sends it.

        Raises
        ------
        ValueError
            It is too large: the gateway would cut the connection, again and again.
        """
        if len(payload) > MESSAGE_LIMIT:
            size = f"{len(payload)} bytes is too large; send it in parts of {MESSAGE_LIMIT} at the most"
            raise ValueError(f"A message of {size}.")
        if not len(self._window):
            self._progress = time.monotonic()
        return self._window.add(kind, payload)

    def work(self, patience: float) -> None:
        """Send what there is, and hear answers for so many seconds at the most.

        Raises
        ------
        NameTaken
            The log has messages of this name that this sender has not sent.
        """
        self._send()
        wait = int(1000 * patience) + 1
        while self._socket.poll(wait, zmq.POLLIN):
            self._hear(numbered.unpack_reply(self._socket.recv_multipart()))
            wait = 0
        if len(self._window) and time.monotonic() - self._progress > SILENCE:
            self._again()

    def flush(self, timeout: float) -> bool:
        """Work until everything is on disk; False when the time ran out."""
        until = time.monotonic() + timeout
        while self.waiting and time.monotonic() < until:
            self.work(0.05)
        return not self.waiting

    def _send(self) -> None:
        while time.monotonic() >= self._hold_until and (sent := self._window.next()) is not None:
            message = Numbered(sent.kind, self.name, sent.sequence, self.floor, sent.payload)
            try:
                self._socket.send_multipart(numbered.pack(message), zmq.NOBLOCK)
            except zmq.Again:
                return
            self._window.sent()

    def _hear(self, reply: Reply) -> None:
        if reply.verdict == REFUSED:
            self._note_refused(reply)
        elif reply.verdict == WAIT:
            self.trouble, self._hold_until = reply.reason, time.monotonic() + PAUSE
            self._again()
        elif reply.number > self.floor + len(self._window):
            raise NameTaken(f"The log knows {self.name} already, up to {reply.number}; take another name.")
        elif self._window.acknowledge(reply.number):
            self.trouble, self._progress = "", time.monotonic()

    def _note_refused(self, reply: Reply) -> None:
        self.refused[reply.number] = reply.reason
        if len(self.refused) > REMEMBERED:
            del self.refused[next(iter(self.refused))]

    def _again(self) -> None:
        self._window.rewind()
        self._progress = time.monotonic()

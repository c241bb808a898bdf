"""Pass entries on to the appender under their senders' own names and numbers; keeps none of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import zmq

from streams.log.abc import Kind
from streams.log.wire import Answer, Message, mark, pack, unpack_answer

AWAY = "The log appender does not answer; send again."
BEHIND = "The log appender does not keep up; send again."
UNDERWAY_BYTES = 64 << 20
"""How much may be on its way to the appender, twice what a sender of ours keeps; one entry always may."""
MARK_BYTES = UNDERWAY_BYTES // 8
"""After how much it is asked how far the appender is."""
MARK_SECONDS = 0.2
"""How often that is asked while there is no room: a question dies with the appender that has it."""


class LogRelay:
    """A connection to the appender for producers elsewhere; to be used by one thread.

    Whoever gets no answer sends again, and the appender drops repeats: so nothing is lost or doubled
    when this end dies, for it knows nothing.

    Parameters
    ----------
    endpoint
        Where the appender listens.
    partition
        The log to append to (a shard's id).
    name
        Goes before the sender's own name: ``name/sender`` is the producer.
    """

    def __init__(self, endpoint: str, partition: str, name: str) -> None:
        self._partition, self._prefix = partition, f"{name}/"
        self._sent = self._marked = self._taken = 0  # bytes since the start
        self._marked_at = 0.0
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._socket.connect(endpoint)

    def close(self) -> None:
        """Give up the connection."""
        self._socket.close()
        self._context.term()

    def send(self, sender: str, sequence: int, floor: int, kind: Kind, payload: bytes) -> str:
        """Pass an entry on; return why it cannot be done now, empty when it was."""
        if self._sent - self._taken >= UNDERWAY_BYTES:
            if time.monotonic() >= self._marked_at + MARK_SECONDS:
                self._mark()
            return BEHIND
        message = Message(self._partition, self._prefix + sender, kind, sequence, floor, payload)
        try:
            self._socket.send_multipart(pack(message), zmq.NOBLOCK)
        except zmq.Again:
            return AWAY
        self._sent += len(payload)
        if self._sent - self._marked >= MARK_BYTES:
            self._mark()
        return ""

    def answers(self) -> Iterator[Answer]:
        """Yield what the appender has answered by now, under the senders' own names."""
        while self._socket.poll(0, zmq.POLLIN):
            answer = unpack_answer(self._socket.recv_multipart())
            if answer.producer:
                yield answer._replace(producer=answer.producer.removeprefix(self._prefix))
            else:
                self._taken = max(self._taken, answer.sequence)

    def _mark(self) -> None:
        """Ask to be told when all that was sent by now is taken: an entry that is dropped has no answer."""
        self._marked_at = time.monotonic()
        with suppress(zmq.Again):
            self._socket.send_multipart(pack(mark(self._partition, self._sent)), zmq.NOBLOCK)
            self._marked = self._sent

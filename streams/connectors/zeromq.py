"""Take readings over ZeroMQ: Arrow batches and JSON lines, answered once they are on disk.

A sender is a DEALER and sends three frames: ``arrow`` or ``json``, a sequence label of its own
choice, the payload. The answer is label, ``ok`` or ``refused``, and a reason. A message without an
answer may be sent again: from a sender that has set its ZeroMQ routing id, a repeat is dropped.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import pyarrow as pa
import zmq

from streams.abc import Outlet, Ticket
from streams.connectors.batch import Decoded
from streams.connectors.json_lines import decode_lines
from streams.records import RAW_LIMIT, Readings, Rejects

FRAMES = 3
REMEMBERED = 10_000
AT_ONCE = 256
BUSY_MS, IDLE_MS = 2, 100

Label = tuple[bytes, bytes]
"""Routing id and sequence label of a message."""


class ZmqConnector:
    """The receiving end of an endpoint.

    Parameters
    ----------
    endpoint
        Where to listen.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._waiting: OrderedDict[Label, tuple[list[Ticket], str]] = OrderedDict()
        self._answered: OrderedDict[Label, str] = OrderedDict()
        self.trouble = ""

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Receive and answer until told to stop."""
        with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
            socket.setsockopt(zmq.LINGER, 200)
            socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
            socket.bind(self._endpoint)
            while not stop.is_set():
                for frames in _arrived(socket, BUSY_MS if self._waiting else IDLE_MS):
                    self._take(socket, frames, outlet)
                self._answer_waiting(socket)

    def _take(self, socket: zmq.Socket[bytes], frames: list[bytes], outlet: Outlet) -> None:
        peer, *message = frames
        if len(message) != FRAMES:
            outlet.rejects(Rejects.of("malformed_message", [_raw(b"|".join(message))]))
            return
        kind, sequence, payload = message
        label = (peer, sequence)
        if label in self._answered:
            self._answer(socket, label, self._answered[label])
        elif label not in self._waiting:
            self._waiting[label] = hand_over(kind, payload, outlet)

    def _answer_waiting(self, socket: zmq.Socket[bytes]) -> None:
        while self._waiting:
            label, (tickets, reason) = next(iter(self._waiting.items()))
            if not all(ticket.wait(0) for ticket in tickets):
                return
            del self._waiting[label]
            self._answered[label] = reason
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
            self._answer(socket, label, reason)

    def _answer(self, socket: zmq.Socket[bytes], label: Label, reason: str) -> None:
        socket.send_multipart([*label, b"refused" if reason else b"ok", reason.encode()])


def hand_over(kind: bytes, payload: bytes, outlet: Outlet) -> tuple[list[Ticket], str]:
    """Decode a message and give away what it holds; a whole message that cannot be read is a reject, too."""
    try:
        decoded = list(decode(kind, payload))
    except ValueError as exc:
        return [outlet.rejects(Rejects.of("unreadable", [_raw(payload)]))], str(exc)
    tickets = [outlet.readings(item.readings) for item in decoded if len(item.readings)]
    tickets += [outlet.rejects(item.rejects) for item in decoded if len(item.rejects)]
    return tickets, ""


def decode(kind: bytes, payload: bytes) -> Iterator[Decoded]:
    """Return what a message says.

    Raises
    ------
    ValueError
        It cannot be read at all.
    """
    if kind == b"json":
        yield decode_lines(payload)
    elif kind == b"arrow":
        for batch in _batches(payload):
            yield Decoded(Readings.from_arrow(batch), NOTHING)
    else:
        raise ValueError(f"a message of kind {kind!r} is neither arrow nor json")


def _batches(payload: bytes) -> list[pa.RecordBatch]:
    try:
        with pa.ipc.open_stream(payload) as reader:
            batches = list(reader)
        for batch in batches:
            batch.validate(full=True)
    except (pa.ArrowException, OSError) as exc:
        raise ValueError(f"the bytes are not Arrow batches: {exc}") from exc
    return batches


def _arrived(socket: zmq.Socket[bytes], wait: int) -> Iterable[list[bytes]]:
    for _ in range(AT_ONCE):
        if not socket.poll(wait, zmq.POLLIN):
            return
        wait = 0
        yield socket.recv_multipart()


def _raw(payload: bytes) -> str:
    return payload[:RAW_LIMIT].decode(errors="backslashreplace")


NOTHING = Rejects.of("", [])

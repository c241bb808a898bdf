"""A sensor gateway: sends batches of readings over ZeroMQ when their time has come, until acknowledged."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import zmq

from streams.clock import Clock
from streams.records import Readings, encode

WINDOW = 256
PATIENCE = 0.1
SILENCE = 5.0
"""Seconds without an answer after which the unanswered messages are sent again."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """What fits no batch of readings, as lines for the other end to judge."""

    due: int
    """When to send them (plant time, microseconds)."""
    payload: bytes


def due_time(item: Readings | JsonLines) -> int | None:
    """Return when to send something (plant time); None for readings without a time, which do not wait."""
    if isinstance(item, JsonLines):
        return item.due
    return int(item.ts.max()) if len(item) else None


class SensorSender:
    """Send Arrow batches and JSON lines to a ZeroMQ endpoint at the pace of a clock.

    Parameters
    ----------
    endpoint
        Where the gateway listens.
    batches
        Readings in the order of their times, each sent when its last time has come; lines in between.
    clock
        The plant's clock.
    """

    def __init__(self, endpoint: str, batches: Iterator[Readings | JsonLines], clock: Clock) -> None:
        self._endpoint, self._batches, self._clock = endpoint, batches, clock
        self._waiting: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self._next = next(self._batches, None)
        self._labels = itertools.count(1)
        self._progress = time.monotonic()
        self.sent = 0
        """Readings sent so far."""
        self.refused: list[str] = []
        """Why messages were refused."""
        self.position = 0
        """Plant time of the last reading sent."""

    @property
    def done(self) -> bool:
        """Whether all batches were sent and answered."""
        return self._next is None and not self._waiting

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop or all is sent and answered."""
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.ROUTING_ID, b"sensors-" + secrets.token_hex(6).encode())
            socket.connect(self._endpoint)
            while not (stop.is_set() or self.done):
                self._send_due(socket)
                self._hear(socket)
                self._repeat(socket)

    def _send_due(self, socket: zmq.Socket[bytes]) -> None:
        now = self._clock.now()
        while self._next is not None and len(self._waiting) < WINDOW:
            due = due_time(self._next) or now
            if due > now:
                return
            self._send(socket, self._next)
            self.position, self._next = due, next(self._batches, None)

    def _send(self, socket: zmq.Socket[bytes], item: Readings | JsonLines) -> None:
        if not self._waiting:
            self._progress = time.monotonic()
        label = next(self._labels).to_bytes(8, "big")
        if isinstance(item, JsonLines):
            frames = [b"json", label, item.payload]
        else:
            self.sent += len(item)
            frames = [b"arrow", label, encode(item.to_arrow())]
        self._waiting[frames[1]] = frames
        socket.send_multipart(frames)

    def _hear(self, socket: zmq.Socket[bytes]) -> None:
        wait = int(1000 * self._patience()) + 1
        while socket.poll(wait, zmq.POLLIN):
            label, verdict, reason = socket.recv_multipart()
            if self._waiting.pop(label, None) is not None and verdict != b"ok":
                self.refused.append(reason.decode())
            self._progress, wait = time.monotonic(), 0

    def _patience(self) -> float:
        due = None if self._next is None else due_time(self._next)
        if due is None:
            return PATIENCE
        ahead = self._clock.wall_seconds(due - self._clock.now())
        return min(max(ahead, 0.0), PATIENCE)

    def _repeat(self, socket: zmq.Socket[bytes]) -> None:
        if self._waiting and time.monotonic() - self._progress > SILENCE:
            self._progress = time.monotonic()
            for frames in self._waiting.values():
                socket.send_multipart(frames)

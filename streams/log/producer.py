"""Hand entries to the appender over ZeroMQ and know which of them are safe."""

from __future__ import annotations

import os
import secrets
import threading
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from streams.log.abc import Kind
from streams.log.errors import LogError
from streams.log.relay import LogRelay
from streams.log.window import Window
from streams.log.wire import Message, pack, unpack_answer

MIB = 1 << 20
IDLE = 1.0
REFUSED_PAUSE = 0.2
SILENCE = 2.0
"""Seconds without any progress after which everything unacknowledged is sent again."""


class ZmqProducer:
    """A connection to the appender that survives it: whatever it never acknowledged is sent again.

    Safe to use from several threads. Entries keep the order of `send`; the appender drops repeats.

    Parameters
    ----------
    endpoint
        Where the appender listens.
    partition
        The log to append to (a shard's id).
    name
        Who sends; every producer adds a session of its own to it (`producer`).
    window, window_bytes
        How much may wait for acknowledgement before `send` blocks.
    """

    def __init__(
        self, endpoint: str, partition: str, name: str, window: int = 1024, window_bytes: int = 32 * MIB
    ) -> None:
        self.producer = f"{name}/{secrets.token_hex(4)}"
        self._endpoint, self._partition, self._name = endpoint, partition, name
        self._window: Window[Kind] = Window(window, window_bytes)
        self._changed = threading.Condition()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = self._released = False
        self._connected = False
        self._refusal = ""
        self._hold_until = 0.0
        self._progress = time.monotonic()
        self._context = zmq.Context()
        self._thread = threading.Thread(target=self._run, name=f"producer {name}", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Return in one sentence why entries are waiting, None when all is well."""
        with self._changed:
            if self._refusal or not len(self._window):
                return self._refusal or None
            return None if self._connected else f"The log appender at {self._endpoint} does not answer."

    @property
    def ended(self) -> bool:
        """Whether it takes nothing any more: it was closed, or its thread has died."""
        return self._closed

    def send(self, kind: Kind, payload: bytes) -> int:
        """Queue one entry and return its sequence number; wait while the window is full.

        Raises
        ------
        LogError
            The producer was closed meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._window.full)
            if self._closed:
                raise LogError("The producer is closed: the entry was not sent.")
            os.eventfd_write(self._wake, 1)
            return self._window.add(kind, payload)

    def acknowledged(self) -> int:
        """Return the highest sequence number up to which everything is on disk (0 at first)."""
        return self._window.floor

    def wait(self, sequence: int, timeout: float) -> bool:
        """Wait until an entry is on disk; False when the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._window.floor >= sequence, timeout)

    def flush(self, timeout: float) -> bool:
        """Wait until everything sent is acknowledged; False when the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: not len(self._window), timeout)

    def relay(self) -> LogRelay:
        """Open a way to the same log for senders that number and repeat their entries themselves."""
        return LogRelay(self._endpoint, self._partition, self._name)

    def close(self) -> None:
        """Give up the connection; unacknowledged entries are reported lost by the caller."""
        with self._changed:
            if self._released:
                return
            self._released = self._closed = True
            os.eventfd_write(self._wake, 1)
            self._changed.notify_all()
        self._thread.join()
        self._context.term()
        os.close(self._wake)

    def _run(self) -> None:
        try:
            self._connect()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _connect(self) -> None:
        with self._context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.IMMEDIATE, 1)
            socket.setsockopt(zmq.RECONNECT_IVL, 50)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
            events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
            with socket.get_monitor_socket(events) as monitor:
                socket.connect(self._endpoint)
                self._serve(socket, monitor)
                socket.disable_monitor()

    def _serve(self, socket: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        for source in (monitor, self._wake):
            poller.register(source, zmq.POLLIN)
        while not self._closed:
            poller.register(socket, zmq.POLLIN | (zmq.POLLOUT if self._sendable() else 0))
            ready = dict(poller.poll(self._patience()))
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if monitor in ready:
                self._connection(recv_monitor_message(monitor)["event"])
            if socket in ready:
                self._receive(socket)
            self._look_after_silence()
            self._send_some(socket)

    def _patience(self) -> int:
        """Return how many milliseconds the loop may sleep."""
        held = self._hold_until - time.monotonic()
        return int(1000 * (held if held > 0 else IDLE)) + 1

    def _sendable(self) -> bool:
        with self._changed:
            return self._window.next() is not None and time.monotonic() >= self._hold_until

    def _connection(self, event: int) -> None:
        with self._changed:
            self._connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._window.rewind()
            self._progress = time.monotonic()

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        while socket.poll(0, zmq.POLLIN):
            answer = unpack_answer(socket.recv_multipart())
            with self._changed:
                if answer.reason:
                    self._refused(answer.reason)
                elif self._window.acknowledge(answer.sequence):
                    self._refusal, self._progress = "", time.monotonic()
                    self._changed.notify_all()

    def _refused(self, reason: str) -> None:
        self._refusal = reason
        self._window.rewind()
        self._progress = time.monotonic()
        self._hold_until = self._progress + REFUSED_PAUSE

    def _look_after_silence(self) -> None:
        with self._changed:
            if len(self._window) and time.monotonic() > self._progress + SILENCE:
                self._window.rewind()
                self._progress = time.monotonic()

    def _send_some(self, socket: zmq.Socket[bytes]) -> None:
        while self._sendable():
            with self._changed:
                entry, floor = self._window.next(), self._window.floor
            if entry is None or not self._offer(
                socket,
                Message(self._partition, self.producer, entry.kind, entry.sequence, floor, entry.payload),
            ):
                return
            with self._changed:
                self._window.sent()

    def _offer(self, socket: zmq.Socket[bytes], message: Message) -> bool:
        try:
            socket.send_multipart(pack(message), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

"""Take entries from producers over ZeroMQ, append them in groups, acknowledge what is on disk, tick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import zmq

from streams.log.abc import Appender, Kind
from streams.log.errors import LogFull
from streams.log.wire import Answer, Message, pack_answer, unpack

TICK = 0.1
GROUP_ENTRIES = 1024
GROUP_BYTES = 8 << 20


def ignore(_trouble: str | None) -> None:
    """Tell nobody."""


class LogServer:
    """One loop: receive what there is, append it and the tick if it is due, commit, answer.

    A group is bounded, so under the heaviest load a tick is late by one group at the most. A tick of a
    group that is refused is appended alone: the full log keeps some room for time.

    Parameters
    ----------
    endpoint
        Where to listen.
    partition
        The log's name; entries for another are refused.
    writer
        The log.
    tell
        Called with one sentence when entries begin to be refused, with None when all is well again.
    """

    def __init__(
        self,
        endpoint: str,
        partition: str,
        writer: Appender,
        tell: Callable[[str | None], None] = ignore,
    ) -> None:
        self._partition, self._writer, self._tell = partition, writer, tell
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self._answers: dict[tuple[bytes, str], int] = {}
        self._next_tick = time.monotonic()
        self._trouble: str | None = None
        self._ticked = self._taken = False
        self.malformed = 0
        """Messages that were no entries."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._context.term()

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop; what was received till then is committed and acknowledged."""
        while not stop.is_set():
            self._receive(max(0.0, self._next_tick - time.monotonic()))
            self._tick()
            self._commit()

    def _receive(self, patience: float) -> None:
        """Take the messages that are there, up to a group; wait for the first one."""
        wait, room = int(patience * 1000) + 1, GROUP_BYTES
        for _ in range(GROUP_ENTRIES):
            if room <= 0 or not self._socket.poll(wait, zmq.POLLIN):
                return
            frames = self._socket.recv_multipart()
            room -= sum(map(len, frames))
            wait = 0
            self._take(frames[0], frames[1:])

    def _take(self, peer: bytes, frames: list[bytes]) -> None:
        try:
            message = unpack(frames)
        except ValueError:
            self.malformed += 1
            return
        if message.partition != self._partition:
            reason = f"This appender keeps the log {self._partition!r}, not {message.partition!r}."
            self._answer(peer, Answer(message.sequence, reason, message.producer))
        elif not message.producer:
            self._answer(peer, Answer(message.sequence))
        else:
            self._append(peer, message)

    def _append(self, peer: bytes, message: Message) -> None:
        last = self._writer.last_sequence(message.producer)
        last = message.floor if last is None else last
        if message.sequence > last + 1:
            return  # Entries before it were refused or overtaken: it will come again behind them.
        if message.sequence == last + 1:
            self._writer.append(message.kind, message.payload, message.producer, message.sequence)
            self._taken = True
        self._answers[peer, message.producer] = max(last, message.sequence)

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_tick:
            self._writer.append(Kind.TICK, b"")
            self._ticked = True
            self._next_tick = max(self._next_tick + TICK, now)

    def _commit(self) -> None:
        answers, self._answers = self._answers, {}
        trouble = None
        try:
            self._writer.commit()
        except LogFull as exc:
            trouble = str(exc)
            self._tick_alone()
        if trouble or self._taken:  # that ticks are taken does not mean that all is well
            self._say(trouble)
        for (peer, producer), sequence in answers.items():
            kept = self._writer.last_sequence(producer) or 0
            refusal = "" if kept >= sequence else trouble or ""
            self._answer(peer, Answer(sequence if refusal else kept, refusal, producer))
        self._ticked = self._taken = False

    def _tick_alone(self) -> None:
        """Append the tick of a refused group again, without the group."""
        if self._ticked and self._taken:
            self._writer.append(Kind.TICK, b"")
            with suppress(LogFull):
                self._writer.commit()

    def _say(self, trouble: str | None) -> None:
        if (trouble is None) != (self._trouble is None):
            self._tell(trouble)
        self._trouble = trouble

    def _answer(self, peer: bytes, answer: Answer) -> None:
        self._socket.send_multipart([peer, *pack_answer(answer)])

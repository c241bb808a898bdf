"""A sensor gateway: sends batches of readings over ZeroMQ when their time has come, until acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from streams.clock import Clock
from streams.connectors.zeromq_sender import ZmqSender
from streams.records import Readings, encode

PATIENCE = 0.1


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
        self._next = next(self._batches, None)
        self._unanswered = 0
        self.sent = 0
        """Readings sent so far."""
        self.refused: list[str] = []
        """Why messages were refused."""
        self.position = 0
        """Plant time of the last reading sent."""

    @property
    def done(self) -> bool:
        """Whether all batches were sent and answered."""
        return self._next is None and not self._unanswered

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop or all is sent and answered."""
        with ZmqSender(self._endpoint, "sensors") as sender:
            while not (stop.is_set() or self.done):
                self._add_due(sender)
                sender.work(self._patience())
                self.refused = list(sender.refused.values())
                self._unanswered = sender.waiting

    def _add_due(self, sender: ZmqSender) -> None:
        now = self._clock.now()
        while self._next is not None and not sender.full:
            due = due_time(self._next) or now
            if due > now:
                return
            self._add(sender, self._next)
            self._unanswered = sender.waiting
            self.position, self._next = due, next(self._batches, None)

    def _add(self, sender: ZmqSender, item: Readings | JsonLines) -> None:
        if isinstance(item, JsonLines):
            sender.add(b"json", item.payload)
        else:
            self.sent += len(item)
            sender.add(b"arrow", encode(item.to_arrow()))

    def _patience(self) -> float:
        due = None if self._next is None else due_time(self._next)
        if due is None:
            return PATIENCE
        ahead = self._clock.wall_seconds(due - self._clock.now())
        return min(max(ahead, 0.0), PATIENCE)

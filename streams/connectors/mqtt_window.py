"""Messages that a broker may repeat, from their arrival until it is told that they are safe."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from streams.abc import Ticket
from streams.connectors.mqtt_session import Message


class Held(NamedTuple):
    """A message that was handed over and is not acknowledged."""

    message: Message
    tickets: Sequence[Ticket]


class Window:
    """Acknowledge messages of QoS 1 in the order of their arrival, each when it is on disk.

    A broker that kept the session repeats what was not acknowledged, under the same number. What is held
    here under that number and is the same came through before: it is not taken again, only acknowledged.
    """

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._waiting: deque[tuple[int, Sequence[Ticket]]] = deque()
        self.repeated = 0
        """How many repeats were not taken again."""

    def __len__(self) -> int:
        return len(self._waiting)

    def renew(self, kept: bool) -> None:
        """Begin with a new connection, whose broker kept the session or not."""
        self._waiting.clear()
        if not kept:
            self._held.clear()

    def is_repeat(self, message: Message) -> bool:
        """Tell whether a message came through before."""
        held = self._held.get(message.mid) if message.repeated and message.qos else None
        return (
            held is not None
            and held.message.topic == message.topic
            and held.message.payload == message.payload
        )

    def hold(self, messages: Iterable[Message], tickets: Sequence[Ticket]) -> None:
        """Hold messages in the order of their arrival; what is no repeat is safe with the tickets."""
        for message in messages:
            if not message.qos:
                continue
            if self.is_repeat(message):
                self.repeated += 1
                self._waiting.append((message.mid, self._held[message.mid].tickets))
            else:
                self._held[message.mid] = Held(message, tickets)
                self._waiting.append((message.mid, tickets))

    def settle(self, acknowledge: Callable[[int], None], patience: float = 0.0) -> None:
        """Acknowledge what is safe; wait so many seconds for the first that is not."""
        while self._waiting:
            mid, tickets = self._waiting[0]
            if not all(ticket.wait(patience) for ticket in tickets):
                return
            patience = 0.0
            acknowledge(mid)
            self._waiting.popleft()
            self._held.pop(mid, None)

"""Take readings and waveforms over ZeroMQ, as Arrow or JSON, answered once they are on disk.

A sender is a DEALER. What it numbers and signs with its name (`streams.connectors.numbered`) is taken
once, whoever dies in between: number and name travel into the log, whose appender drops repeats.

Plain senders send three frames: the kind (`streams.connectors.messages`), a label of their own choice,
the payload. The answer is label, ``ok`` or ``refused``, and a reason. A message without an answer may
be sent again; it may then be taken twice, unless the sender has set its ZeroMQ routing id and this
process did not die.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event

import zmq

from streams.abc import Outlet, Relay, Ticket
from streams.clock import Clock, WallClock
from streams.connectors import numbered
from streams.connectors.curve import Doorman, ServerKeys
from streams.connectors.inlet import Inlet
from streams.connectors.messages import Said, read
from streams.connectors.numbered import MESSAGE_LIMIT, OK, REFUSED, WAIT, Reply
from streams.connectors.zones import Zone
from streams.records import RAW_LIMIT, Rejects

PLAIN_FRAMES = 3
PARTS = 1 + numbered.FRAMES
"""Parts of the longest message: its sender's routing id, and its frames."""
REMEMBERED = 10_000
LABEL_LIMIT = 256
"""Bytes of a plain message's label: it is remembered, and sent back."""
BUSY_MS, IDLE_MS = 2, 100
BUSY_SECONDS = 1.0
"""How long after a numbered message its answer is looked for without rest."""
WAITING_LIMIT = 64
"""Messages of one sender that may wait in memory; the others wait at the sender."""

TOO_LONG = f"a label has {LABEL_LIMIT} bytes at the most"

Label = tuple[bytes, bytes]
"""Routing id and label of a plain message."""


class ZmqConnector:
    """The receiving end of an endpoint.

    Parameters
    ----------
    endpoint
        Where to listen.
    keys
        Returns who may come in, asked at each start; without it everybody who reaches the endpoint.
    clock
        Gives JSON lines without a time that of their receipt; left out, real time.
    zone
        Of their times that name none; None: UTC.
    """

    def __init__(
        self,
        endpoint: str,
        keys: Callable[[], ServerKeys] | None = None,
        clock: Clock | None = None,
        zone: Zone = None,
    ) -> None:
        self._endpoint, self._keys = endpoint, keys
        self._clock, self._zone = clock or WallClock(), zone
        self._plain = PlainSenders(self._clock, zone)
        self._peers: OrderedDict[str, bytes] = OrderedDict()
        self._refusals = Refusals()
        self._busy_until = 0.0
        self.trouble = ""
        self.counters = {"disconnects": 0}
        """How often a sender's connection ended: ZeroMQ does not tell which ones it has cut itself."""

    def run(self, outlet: Outlet, stop: Event) -> None:
        """Receive and answer until told to stop."""
        with ExitStack() as stack:
            keys = None if self._keys is None else self._keys()
            context = stack.enter_context(zmq.Context())
            doorman = keys and Doorman(stack.enter_context(context.socket(zmq.REP)), keys.clients)
            socket = stack.enter_context(context.socket(zmq.ROUTER))
            keyed = keys is not None
            inlet = stack.enter_context(Inlet(socket, PARTS, MESSAGE_LIMIT, WAITING_LIMIT, keyed))
            self._bind(socket, keys)
            relay = stack.enter_context(outlet.relay())
            poller = zmq.Poller()
            for one in filter(None, (socket, inlet.events, doorman and doorman.socket)):
                poller.register(one, zmq.POLLIN)
            before = self.counters["disconnects"]
            while not stop.is_set():
                poller.poll(self._patience())
                for stranger in doorman.attend() if doorman else ():
                    outlet.rejects(Rejects.of("unknown_key", [f"{stranger.address} {stranger.key}"]))
                for frames, user in inlet.messages():
                    self._take(socket, frames, outlet, relay, user)
                for address in inlet.cut():
                    outlet.rejects(Rejects.of("unfinished_message", [address]))
                self.counters["disconnects"] = before + inlet.ended
                self._pass_answers(socket, relay)
                self._plain.answer_safe(socket)

    def _bind(self, socket: zmq.Socket[bytes], keys: ServerKeys | None) -> None:
        socket.setsockopt(zmq.LINGER, 200)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_LIMIT)
        if keys is not None:
            keys.apply(socket)
        socket.bind(self._endpoint)

    def _patience(self) -> int:
        busy = self._plain.waiting or time.monotonic() < self._busy_until
        return BUSY_MS if busy else IDLE_MS

    def _take(
        self, socket: zmq.Socket[bytes], frames: list[bytes], outlet: Outlet, relay: Relay, user: str = ""
    ) -> None:
        peer, *message = frames
        if len(message) == PLAIN_FRAMES:
            self._plain.take(socket, peer, message, outlet)
            return
        try:
            one = numbered.unpack(message)
        except ValueError:
            outlet.rejects(Rejects.of("malformed_message", [_raw(message)]))
            return
        if user and one.sender.partition(":")[0] != user:
            reason = f"the key of {user} sends as {user} or {user}:..., not as {one.sender}"
            _reply(socket, peer, Reply(one.number, WAIT, reason))
            return
        self._remember(one.sender, peer)
        self._relay(socket, peer, one, relay)

    def _relay(self, socket: zmq.Socket[bytes], peer: bytes, one: numbered.Numbered, relay: Relay) -> None:
        said = read(one.kind, one.payload, self._clock.now(), self._zone)
        if away := relay.send(one.sender, one.number, one.floor, said.readings, said.rejects, said.waveforms):
            _reply(socket, peer, Reply(one.number, WAIT, away))
        elif said.refusal:
            self._refusals.note(one.sender, one.number, said.refusal)
        self._busy_until = time.monotonic() + BUSY_SECONDS

    def _remember(self, sender: str, peer: bytes) -> None:
        self._peers[sender] = peer
        self._peers.move_to_end(sender)
        if len(self._peers) > REMEMBERED:
            self._peers.popitem(last=False)

    def _pass_answers(self, socket: zmq.Socket[bytes], relay: Relay) -> None:
        for answer in relay.answers():
            self.trouble = answer.reason
            if (peer := self._peers.get(answer.producer)) is None:
                continue
            if answer.reason:
                _reply(socket, peer, Reply(answer.sequence, WAIT, answer.reason))
                continue
            for number, reason in self._refusals.take(answer.producer, answer.sequence):
                _reply(socket, peer, Reply(number, REFUSED, reason))
            _reply(socket, peer, Reply(answer.sequence, OK))


class Refusals:
    """Why numbered messages cannot be read, until they are on disk: only then a sender may forget them.

    Of too many the oldest senders' are forgotten; they are answered ``ok`` all the same.
    """

    def __init__(self) -> None:
        self._reasons: OrderedDict[str, dict[int, str]] = OrderedDict()
        self._count = 0

    def note(self, sender: str, number: int, reason: str) -> None:
        """Remember a message."""
        reasons = self._reasons.setdefault(sender, {})
        self._count += number not in reasons
        reasons[number] = reason
        while self._count > REMEMBERED:
            self._count -= len(self._reasons.popitem(last=False)[1])

    def take(self, sender: str, number: int) -> list[tuple[int, str]]:
        """Return and forget a sender's messages up to a number, in order."""
        reasons = self._reasons.get(sender, {})
        found = sorted(item for item in reasons.items() if item[0] <= number)
        for one, _ in found:
            del reasons[one]
        self._count -= len(found)
        if found and not reasons:
            del self._reasons[sender]
        return found


class PlainSenders:
    """Messages without name and number: each waits here for the disk, and repeats for their answers."""

    def __init__(self, clock: Clock, zone: Zone = None) -> None:
        self._clock, self._zone = clock, zone
        self._waiting: OrderedDict[Label, tuple[Sequence[Ticket], str]] = OrderedDict()
        self._answered: OrderedDict[Label, str] = OrderedDict()

    @property
    def waiting(self) -> bool:
        """Whether any message is not on disk yet."""
        return bool(self._waiting)

    def take(self, socket: zmq.Socket[bytes], peer: bytes, message: list[bytes], outlet: Outlet) -> None:
        """Hand a message over, unless it is a repeat."""
        kind, name, payload = message
        label = (peer, name)
        if len(name) > LABEL_LIMIT:
            outlet.rejects(Rejects.of("label_too_long", [_raw(message)]))
            self._answer(socket, label, TOO_LONG)
        elif label in self._answered:
            self._answer(socket, label, self._answered[label])
        elif label not in self._waiting:
            said = read(kind, payload, self._clock.now(), self._zone)
            self._waiting[label] = hand_over(said, outlet), said.refusal

    def answer_safe(self, socket: zmq.Socket[bytes]) -> None:
        """Answer all that are on disk, in their order."""
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
        socket.send_multipart([*label, REFUSED if reason else OK, reason.encode()])


def hand_over(said: Said, outlet: Outlet) -> list[Ticket]:
    """Give away what a message holds."""
    if said.waveforms is not None:
        return [outlet.waveforms(said.waveforms)]
    tickets = [outlet.readings(said.readings)] if len(said.readings) else []
    return tickets + ([outlet.rejects(said.rejects)] if len(said.rejects) else [])


def _reply(socket: zmq.Socket[bytes], peer: bytes, reply: Reply) -> None:
    socket.send_multipart([peer, *numbered.pack_reply(reply)])


def _raw(message: Sequence[bytes]) -> str:
    return b"|".join(part[:RAW_LIMIT] for part in message)[:RAW_LIMIT].decode(errors="backslashreplace")

"""What the messages of Sparkplug's edge nodes say, and what has to be asked of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kernels import sparkplug as wire
from streams.connectors.batch import Batch, Decoded
from streams.connectors.mqtt_session import Message
from streams.connectors.mqtt_values import raw
from streams.connectors.points import Point
from streams.connectors.sparkplug_node import ITSELF, UNBORN, Metric, Node
from streams.connectors.sparkplug_points import Bound
from streams.records import Int64

LARGEST = 1 << 23
"""Bytes of a payload that are read; a larger one is refused."""
ROOM, MOST_ROOM = 1 << 13, 1 << 17
"""Metrics for which there is room at first, and at the most in one payload."""
SHOWN = 5
SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits of the data types that have a sign."""
ASK = frozenset({"before_birth", "seq_gap", "no_seq"})
"""Refusals that a birth mends."""
BIRTHS, DATA = frozenset({"NBIRTH", "DBIRTH"}), frozenset({"NDATA", "DDATA"})

NodeName = tuple[str, str]
"""Group and node."""


class News(NamedTuple):
    """A device (or the node itself, which has no name) is heard, or why it is not any more."""

    node: NodeName
    device: str
    gone: str = ""


@dataclass(slots=True)
class Told:
    """What messages turned out to be."""

    decoded: list[Decoded] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    unborn: set[NodeName] = field(default_factory=set)
    """Nodes that must be asked for their births."""
    born: set[NodeName] = field(default_factory=set)
    """Nodes that were born."""


class Refused(Exception):
    """The message cannot be taken; the message of this is the reason in one word."""


class SparkplugDecoder:
    """Read the messages of the nodes to which points are bound.

    Parameters
    ----------
    points
        Addresses are ``group/node/device/metric``; of a node's own metrics, ``group/node//metric``.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.bound = Bound(points)
        self.nodes = {name: Node(slots) for name, slots in self.bound.slots.items()}
        self._rows = np.empty((wire.COLUMNS, ROOM), dtype=np.int64)
        self._head = np.zeros(4, dtype=np.int64)
        self._filled = 0
        self._births: list[int] = []
        self._missed: dict[NodeName, set[str]] = {}
        self._buffer, self._bytes = b"", np.empty(0, dtype=np.uint8)
        self._batch = Batch()
        self._told = Told()

    def forget(self) -> None:
        """Take no node as born any more: what was said meanwhile was not heard."""
        for node in self.nodes.values():
            node.die()

    def decode(self, messages: Sequence[Message], received: int) -> Told:
        """Return what messages say that were received now."""
        self._told, self._batch = Told(), Batch()
        self._buffer = b"".join(message.payload for message in messages)
        self._bytes = np.frombuffer(self._buffer, dtype=np.uint8)
        end = 0
        for message in messages:
            begin, end = end, end + len(message.payload)
            try:
                self._message(message, begin, end, received)
            except (Refused, wire.MalformedError) as exc:
                self._batch.reject(str(exc), raw(message), None)
        self._flush(received)
        self._told.decoded.append(self._batch.build())
        return self._told

    def _message(self, message: Message, begin: int, end: int, received: int) -> None:
        name, kind, device = _address(message.topic)
        if (node := self.nodes.get(name)) is None:
            raise Refused("unasked_topic")
        if message.retained:
            raise Refused("retained_message")
        if len(message.payload) > LARGEST:
            raise Refused("too_long")
        if kind in DATA:
            self._data(name, node, device, message, begin, end, received)
        elif kind in BIRTHS:
            self._birth(name, node, device, message, begin, end, received)
        elif kind == "NDEATH":
            self._node_death(name, node, begin, end, received)
        elif kind == "DDEATH":
            self._device_death(name, node, device, message, begin, end, received)

    def _data(
        self, name: NodeName, node: Node, device: str, message: Message, begin: int, end: int, received: int
    ) -> None:
        metrics = self._read(begin, end, node.known, received)
        self._follows(name, node, device, message.payload)
        for of in sorted(self._missed.pop(name, ())):
            self._told.news.append(News(name, of, "its node was born again without it"))
        self._told.news.append(News(name, device))
        if self._head[wire.STRANGE]:
            self._name(node, device, message, metrics)
        self._filled += metrics

    def _birth(
        self, name: NodeName, node: Node, device: str, message: Message, begin: int, end: int, received: int
    ) -> None:
        metrics = self._read(begin, end, UNBORN, received)
        rows = self._rows[:, self._filled : self._filled + metrics]
        seq = int(self._head[wire.SEQ])
        told = list(self._metrics(rows))
        if device:
            self._follows(name, node, ITSELF, message.payload)
            self._missed.get(name, set()).discard(device)
        else:
            self._missed[name] = set(node.devices) - {ITSELF}
            self._told.unborn.discard(name)
            self._told.born.add(name)
            node.begin(seq, self._session(rows), message.payload)
        try:
            twice = node.learn(device, told)
        except ValueError as exc:
            raise Refused(str(exc)) from exc
        if twice:
            self._batch.reject("alias_twice", f"{message.topic} {sorted(twice)[:SHOWN]}", None)
        slots = [node.slot(device, metric.name) for metric in told]
        self.bound.forget(slots)
        rows[wire.SLOT] = slots
        self._births.extend(range(self._filled, self._filled + metrics))
        self._filled += metrics
        self._told.news.append(News(name, device))

    def _node_death(self, name: NodeName, node: Node, begin: int, end: int, received: int) -> None:
        """Believe a death only of the session that was born: the broker may be late with an older one."""
        metrics = self._read(begin, end, UNBORN, received)
        session = self._session(self._rows[:, self._filled : self._filled + metrics])
        if session is None or node.session is None or session == node.session:
            self._die(name, node, "its last will came: NDEATH")

    def _device_death(
        self, name: NodeName, node: Node, device: str, message: Message, begin: int, end: int, received: int
    ) -> None:
        self._read(begin, end, UNBORN, received)
        self._follows(name, node, device, message.payload)
        node.die(device)
        self._told.news.append(News(name, device, "it died: DDEATH"))

    def _follows(self, name: NodeName, node: Node, device: str, payload: bytes) -> None:
        """Check that a message is the next of its node.

        Raises
        ------
        Refused
            It is not.
        """
        devices = node.devices
        reason = node.refusal(device, int(self._head[wire.SEQ]), payload)
        if reason in ASK:
            self._told.unborn.add(name)
        if reason == "seq_gap":
            self._told.news += [News(name, of, "a message of its node was lost") for of in devices]
        if reason:
            raise Refused(reason)

    def _die(self, name: NodeName, node: Node, why: str) -> None:
        self._told.news += [News(name, device, why) for device in node.devices]
        node.die()

    def _read(self, begin: int, end: int, known: Int64, received: int) -> int:
        """Decode a payload behind what is there already; what has no room makes room."""
        while True:
            try:
                return wire.decode(self._bytes, begin, end, known, self._head, self._rows, self._filled)
            except wire.MalformedError as exc:
                if str(exc) != "too_many_metrics" or not self._make_room(received):
                    raise

    def _make_room(self, received: int) -> bool:
        if self._filled:
            self._flush(received)
        elif self._rows.shape[1] < MOST_ROOM:
            self._rows = np.empty((wire.COLUMNS, 2 * self._rows.shape[1]), dtype=np.int64)
        else:
            return False
        return True

    def _flush(self, received: int) -> None:
        births = np.array(self._births, dtype=np.int64)
        rows = self._rows[:, : self._filled]
        self._told.decoded.append(self.bound.read(rows, births, self._buffer, received))
        self._filled, self._births = 0, []

    def _metrics(self, rows: Int64) -> Iterable[Metric]:
        for alias, flags, of_type, at, end in rows[
            [wire.ALIAS, wire.FLAGS, wire.TYPE, wire.NAME, wire.NAME_END]
        ].T.tolist():
            name = self._buffer[at:end].decode(errors="replace") if at >= 0 else ""
            yield Metric(name, alias if flags & wire.HAS_ALIAS else None, of_type)

    def _session(self, rows: Int64) -> int | None:
        """Return the bdSeq that a birth or a death tells."""
        for place, metric in enumerate(self._metrics(rows)):
            if metric.name == "bdSeq":
                number = float(rows[wire.VALUE, place : place + 1].view(np.float64)[0])
                return int(number) if math.isfinite(number) else None
        return None

    def _name(self, node: Node, device: str, message: Message, metrics: int) -> None:
        """Find the slots of metrics that are told by name; refuse aliases that no birth told, together."""
        rows = self._rows[:, self._filled : self._filled + metrics]
        unknown = []
        places = np.flatnonzero(rows[wire.SLOT] == wire.UNKNOWN)
        for place, metric in zip(places.tolist(), self._metrics(rows[:, places]), strict=True):
            if metric.name:
                rows[wire.SLOT, place] = slot = node.slot(device, metric.name)
                _retype(rows[:, place], metric.type or node.type(slot))
            else:
                unknown.append(metric.alias)
        if unknown:
            says = f"{message.topic}: {len(unknown)} metrics, the first of alias {unknown[:SHOWN]}"
            self._batch.reject("unknown_alias", says, None)


def _address(topic: str) -> tuple[NodeName, str, str]:
    """Return node, kind of message and device of a topic.

    Raises
    ------
    Refused
        It is none of Sparkplug's.
    """
    match topic.split("/"):
        case ["spBv1.0", group, ("NBIRTH" | "NDATA" | "NDEATH") as kind, node]:
            return (group, node), kind, ITSELF
        case ["spBv1.0", group, ("DBIRTH" | "DDATA" | "DDEATH") as kind, node, device] if device:
            return (group, node), kind, device
    raise Refused("unasked_topic")


def _retype(row: Int64, of_type: int) -> None:
    """Read a whole number anew, as the type that its birth told says."""
    if row[wire.TYPE] == 0 and of_type in SIGNED and row[wire.KIND] in {wire.INT, wire.LONG}:
        width = min(SIGNED[of_type], 32) if row[wire.KIND] == wire.INT else SIGNED[of_type]
        bits = int(row[wire.TEXT]) & ((1 << width) - 1)
        row[wire.VALUE : wire.VALUE + 1].view(np.float64)[0] = bits - (bits >> (width - 1) << width)
    row[wire.TYPE] = of_type

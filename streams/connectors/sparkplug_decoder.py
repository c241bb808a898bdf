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
from streams.remembered import of_short_texts

LARGEST = 1 << 23
"""Bytes of a payload that are read; a larger one is refused."""
ROOM, MOST_ROOM = 8200, 1 << 17
"""Metrics for which there is room at first, and at the most in one payload; of no power of two, so that the
columns of a metric do not fall on the same lines of the cache."""
SHOWN = 5
SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits of the data types that have a sign."""
DATA = frozenset({"NDATA", "DDATA"})
TOPIC = 256
"""Letters of a topic that is remembered."""
FULL = wire.FAULTS.index("too_many_metrics")
ASK = frozenset({"before_birth", "seq_gap", "no_seq"})
"""Refusals that a birth mends."""

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
    """The message is none of a node that is wanted; the message of this is the reason in one word."""


class Part(NamedTuple):
    """A message of a node (or its device), and where its payload stands among those of others."""

    name: NodeName
    kind: str
    device: str
    node: Node
    message: Message
    begin: int
    end: int


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
        self._filled = 0
        self._births: list[int] = []
        self._waiting: set[tuple[NodeName, str]] = set()
        self._data_wait = False
        self._missed: dict[NodeName, set[str]] = {}
        self._buffer, self._bytes = b"", np.empty(0, dtype=np.uint8)
        self._batch = Batch()
        self._told, self._received, self._refused = Told(), 0, False

    def forget(self) -> None:
        """Take no node as born any more: what was said meanwhile was not heard."""
        for node in self.nodes.values():
            node.die()

    def decode(self, messages: Sequence[Message], received: int) -> Told:
        """Return what messages say that were received now."""
        self._told, self._batch, self._received, self._refused = Told(), Batch(), received, False
        self._buffer = b"".join(message.payload for message in messages)
        self._bytes = np.frombuffer(self._buffer, dtype=np.uint8)
        run: list[Part] = []
        end = 0
        for message in messages:
            begin, end = end, end + len(message.payload)
            try:
                part = self._part(message, begin, end)
            except Refused as exc:
                run = self._run(run)
                self._reject(str(exc), message)
                continue
            if run and (part.kind not in DATA or part.node is not run[0].node):
                run = self._run(run)
            if part.kind in DATA:
                run.append(part)
            else:
                self._alone(part)
        self._run(run)
        self._flush()
        if self._refused:
            self._told.decoded.append(self._batch.build())
        return self._told

    def _part(self, message: Message, begin: int, end: int) -> Part:
        found = address(message.topic)
        if found is None or (node := self.nodes.get(found[0])) is None:
            raise Refused("unasked_topic")
        if message.retained:
            raise Refused("retained_message")
        if end - begin > LARGEST:
            raise Refused("too_long")
        return Part(*found, node, message, begin, end)

    def _run(self, parts: list[Part]) -> list[Part]:
        """Read data of one node that follow one another, all at once; return that nothing is left of them."""
        self._data_wait = self._data_wait or bool(parts)
        while parts:
            done = 0
            for part, head in zip(parts, self._read(parts, parts[0].node.known), strict=True):
                if head[wire.FAULT] == FULL:
                    break
                self._data(part, head)
                done += 1
            parts = parts[done:]
            if parts and not self._make_room():
                self._reject(wire.FAULTS[FULL], parts[0].message)
                parts = parts[1:]
        return []

    def _data(self, part: Part, head: list[int]) -> None:
        metrics = head[wire.METRICS]
        if reason := wire.FAULTS[head[wire.FAULT]] or self._refusal(part, part.device, head[wire.SEQ]):
            self._reject(reason, part.message)
            self._rows[wire.SLOT, self._filled : self._filled + metrics] = wire.NOT_WANTED
        else:
            for device in sorted(self._missed.pop(part.name, ())):
                self._told.news.append(News(part.name, device, "its node was born again without it"))
            self._hear(part)
            if head[wire.STRANGE]:
                self._name(part, metrics)
        self._filled += metrics

    def _alone(self, part: Part) -> None:
        """Read a birth or a death."""
        if self._data_wait or (part.name, part.device) in self._waiting:
            self._flush()  # a birth begins the deadband anew, for what comes after it alone
        (head,) = self._read([part], UNBORN)
        while head[wire.FAULT] == FULL and self._make_room():
            (head,) = self._read([part], UNBORN)
        if reason := wire.FAULTS[head[wire.FAULT]]:
            self._reject(reason, part.message)
            return
        rows = self._rows[:, self._filled : self._filled + head[wire.METRICS]]
        if part.kind == "NDEATH":
            self._node_death(part, rows)
        elif part.kind == "DDEATH":
            self._device_death(part, head[wire.SEQ])
        else:
            self._birth(part, head[wire.SEQ], rows)

    def _birth(self, part: Part, seq: int, rows: Int64) -> None:
        told = list(metrics_of(rows, self._buffer))
        if not part.device:
            self._begin(part, seq, rows)
        elif reason := self._refusal(part, ITSELF, seq):
            self._reject(reason, part.message)
            return
        self._missed.get(part.name, set()).discard(part.device)
        try:
            twice = part.node.learn(part.device, told)
        except ValueError as exc:
            self._reject(str(exc), part.message)
            return
        if twice:
            self._say("alias_twice", f"{part.message.topic} {sorted(twice)[:SHOWN]}")
        slots = [part.node.slot(part.device, metric.name) for metric in told]
        self.bound.forget(slots)
        rows[wire.SLOT] = slots
        self._waiting.add((part.name, part.device))
        self._births.extend(range(self._filled, self._filled + len(told)))
        self._filled += len(told)
        self._hear(part)

    def _begin(self, part: Part, seq: int, rows: Int64) -> None:
        self._missed[part.name] = set(part.node.devices) - {ITSELF}
        self._told.unborn.discard(part.name)
        self._told.born.add(part.name)
        part.node.begin(seq, self._session(rows), part.message.payload)

    def _node_death(self, part: Part, rows: Int64) -> None:
        """Believe a death only of the session that was born: the broker may be late with an older one."""
        session = self._session(rows)
        if session is None or part.node.session is None or session == part.node.session:
            devices = part.node.devices
            self._told.news += [News(part.name, of, "its last will came: NDEATH") for of in devices]
            part.node.die()

    def _device_death(self, part: Part, seq: int) -> None:
        if reason := self._refusal(part, part.device, seq):
            self._reject(reason, part.message)
            return
        part.node.die(part.device)
        self._told.news.append(News(part.name, part.device, "it died: DDEATH"))

    def _reject(self, reason: str, message: Message) -> None:
        self._say(reason, raw(message))

    def _say(self, reason: str, says: str) -> None:
        self._batch.reject(reason, says, None)
        self._refused = True

    def _hear(self, part: Part) -> None:
        """Note that a device is heard, once for many messages that follow one another."""
        news = self._told.news
        if not news or news[-1] != (part.name, part.device, ""):
            news.append(News(part.name, part.device))

    def _refusal(self, part: Part, device: str, seq: int) -> str:
        """Return why a message cannot follow the one before it; empty when it can."""
        devices = part.node.devices
        reason = part.node.refusal(device, seq, part.message.payload)
        if reason in ASK:
            self._told.unborn.add(part.name)
        if reason == "seq_gap":
            self._told.news += [News(part.name, of, "a message of its node was lost") for of in devices]
        return reason

    def _read(self, parts: Sequence[Part], known: Int64) -> list[list[int]]:
        """Decode payloads of one node behind what is there already; return their heads."""
        bounds = np.array([parts[0].begin, *[part.end for part in parts]], dtype=np.int64)
        heads = np.empty((len(parts), wire.HEAD), dtype=np.int64)
        wire.decode(self._bytes, bounds, known, heads, self._rows, self._filled)
        told: list[list[int]] = heads.tolist()
        return told

    def _make_room(self) -> bool:
        if self._filled:
            self._flush()
        elif self._rows.shape[1] < MOST_ROOM:
            self._rows = np.empty((wire.COLUMNS, 2 * self._rows.shape[1]), dtype=np.int64)
        else:
            return False
        return True

    def _flush(self) -> None:
        if self._filled:
            births = np.array(self._births, dtype=np.int64)
            rows = self._rows[:, : self._filled]
            self._told.decoded.append(self.bound.read(rows, births, self._buffer, self._received))
        self._filled, self._births = 0, []
        self._waiting, self._data_wait = set(), False

    def _session(self, rows: Int64) -> int | None:
        """Return the bdSeq that a birth or a death tells."""
        for place, metric in enumerate(metrics_of(rows, self._buffer)):
            if metric.name == "bdSeq":
                number = float(rows[wire.VALUE, place : place + 1].view(np.float64)[0])
                return int(number) if math.isfinite(number) else None
        return None

    def _name(self, part: Part, metrics: int) -> None:
        """Find the slots of metrics that are told by name; refuse aliases that no birth told, together."""
        rows = self._rows[:, self._filled : self._filled + metrics]
        unknown = []
        places = np.flatnonzero(rows[wire.SLOT] == wire.UNKNOWN)
        for place, metric in zip(places.tolist(), metrics_of(rows[:, places], self._buffer), strict=True):
            if metric.name:
                rows[wire.SLOT, place] = slot = part.node.slot(part.device, metric.name)
                _retype(rows[:, place], metric.type or part.node.type(slot))
            else:
                unknown.append(metric.alias)
        if unknown:
            says = f"{part.message.topic}: {len(unknown)} metrics, the first of alias {unknown[:SHOWN]}"
            self._say("unknown_alias", says)


def metrics_of(rows: Int64, buffer: bytes) -> Iterable[Metric]:
    """Yield name, alias and data type of metrics that were decoded from a buffer."""
    columns = rows[[wire.ALIAS, wire.FLAGS, wire.TYPE, wire.NAME, wire.NAME_END]]
    for alias, flags, of_type, at, end in columns.T.tolist():
        name = buffer[at:end].decode(errors="replace") if at >= 0 else ""
        yield Metric(name, alias if flags & wire.HAS_ALIAS else None, of_type)


def told_by(payload: bytes) -> list[Metric]:
    """Return the metrics that a birth tells.

    Raises
    ------
    ValueError
        It is none; the message is the reason in one word.
    """
    rows = np.empty((wire.COLUMNS, min(len(payload) // 2, MOST_ROOM)), dtype=np.int64)
    heads = np.empty((1, wire.HEAD), dtype=np.int64)
    data = np.frombuffer(payload, dtype=np.uint8)
    wire.decode(data, np.array([0, len(payload)]), UNBORN, heads, rows)
    if fault := heads[0, wire.FAULT]:
        raise ValueError(wire.FAULTS[fault])
    return list(metrics_of(rows[:, : heads[0, wire.METRICS]], payload))


@of_short_texts(4096, TOPIC)
def address(topic: str) -> tuple[NodeName, str, str] | None:
    """Return node, kind of message and device of a topic, None when it is none of Sparkplug's nodes.

    >>> address("spBv1.0/plant/DDATA/edge/press")
    (('plant', 'edge'), 'DDATA', 'press')
    """
    match topic.split("/"):
        case ["spBv1.0", group, ("NBIRTH" | "NDATA" | "NDEATH") as kind, node]:
            return (group, node), kind, ITSELF
        case ["spBv1.0", group, ("DBIRTH" | "DDATA" | "DDEATH") as kind, node, device] if device:
            return (group, node), kind, device
    return None


def _retype(row: Int64, of_type: int) -> None:
    """Read a whole number anew, as the type that its birth told says."""
    if row[wire.TYPE] == 0 and of_type in SIGNED and row[wire.KIND] in {wire.INT, wire.LONG}:
        width = min(SIGNED[of_type], 32) if row[wire.KIND] == wire.INT else SIGNED[of_type]
        bits = int(row[wire.TEXT]) & ((1 << width) - 1)
        row[wire.VALUE : wire.VALUE + 1].view(np.float64)[0] = bits - (bits >> (width - 1) << width)
    row[wire.TYPE] = of_type

"""Take readings from Sparkplug B's edge nodes over an MQTT broker, and ask for births that were missed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence

from streams.abc import Outlet, Ticket
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import Contact
from streams.connectors.mqtt_link import Link
from streams.connectors.mqtt_session import Broker, Message, Session, Will
from streams.connectors.points import Point
from streams.connectors.sparkplug_decoder import News, NodeName, SparkplugDecoder
from streams.connectors.sparkplug_points import split

PATIENCE = (5.0, 60.0)
"""Seconds before a node is asked for its births again: at first, and at last."""
TOPICS = ("NBIRTH/{}", "NDATA/{}", "NDEATH/{}", "DBIRTH/{}/+", "DDATA/{}/+", "DDEATH/{}/+")
MILLI = 1000


class SparkplugConnector:
    """A host application of some edge nodes.

    Parameters
    ----------
    points
        Metrics bound to tags; only their nodes are listened to.
    host_id
        Our name, if nodes are to keep what they have to say while we are away (a primary host).
    """

    def __init__(
        self, broker: Broker, points: Sequence[Point], host_id: str, machines: Sequence[Machine], clock: Clock
    ) -> None:
        self._nodes = Nodes(points, host_id, machines, clock)
        self._link = Link(broker, self._nodes, keeps=False)

    @property
    def trouble(self) -> str:
        """Return why the broker, or a node, cannot be heard."""
        return self._link.trouble or self._nodes.trouble

    @property
    def connections(self) -> int:
        """Return how often the broker was reached."""
        return self._link.connections

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        self._link.run(outlet, stop)


class Nodes:
    """What is wanted of a broker: its edge nodes."""

    def __init__(
        self, points: Sequence[Point], host_id: str, machines: Sequence[Machine], clock: Clock
    ) -> None:
        self._decoder = SparkplugDecoder(points)
        self._contacts = _contacts(points, machines, clock)
        self._host_id, self._clock = host_id, clock
        self._unborn: dict[NodeName, tuple[float, float]] = {}
        self._session: Session | None = None
        self._since = 0

    @property
    def trouble(self) -> str:
        """Return which nodes are silent since we listen."""
        silent = [f"{group}/{node}" for (group, node), one in self._decoder.nodes.items() if not one.devices]
        return f"No birth was heard of {', '.join(sorted(silent))}." if silent else ""

    def will(self) -> Will | None:
        """Have the nodes told when their host is gone."""
        self._since = int(time.time() * MILLI)
        return Will(self._state_topic, self._state(online=False)) if self._host_id else None

    def opened(self, session: Session, outlet: Outlet) -> None:
        """Listen to the nodes, tell them that we do, and ask for their births."""
        self._session = session
        for contact in self._contacts.values():
            contact.recall(outlet)
        self._decoder.forget()
        nodes = list(self._decoder.nodes)
        session.subscribe([f"spBv1.0/{group}/{of.format(node)}" for group, node in nodes for of in TOPICS])
        if self._host_id:
            session.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
        self._unborn = dict.fromkeys(nodes, (0.0, PATIENCE[0]))
        self._ask()

    def lost(self, outlet: Outlet, why: str) -> None:
        """Nothing is known of the nodes now."""
        self._session = None
        for contact in self._contacts.values():
            contact.lost(outlet, why)

    def closing(self, session: Session) -> None:
        """Tell the nodes that their host goes."""
        if self._host_id:
            session.publish(self._state_topic, self._state(online=False), qos=1, retain=True)

    def take(self, messages: Sequence[Message], outlet: Outlet) -> list[Ticket]:
        """Hand over what messages say; they are safe when all tickets are."""
        if not messages:
            self._ask()
            return []
        told = self._decoder.decode(messages, self._clock.now())
        for news in told.news:
            self._note(news, outlet)
        for node in told.born - told.unborn:
            self._unborn.pop(node, None)
        for node in told.unborn:
            self._unborn.setdefault(node, (0.0, PATIENCE[0]))
        self._ask()
        tickets = [outlet.readings(item.readings) for item in told.decoded if len(item.readings)]
        return tickets + [outlet.rejects(item.rejects) for item in told.decoded if len(item.rejects)]

    def _note(self, news: News, outlet: Outlet) -> None:
        contact = self._contacts.get((news.node, news.device))
        if contact and news.gone:
            contact.lost(outlet, news.gone)
        elif contact:
            contact.heard(outlet)

    def _ask(self) -> None:
        """Ask nodes for their births, each again when it had time enough to answer."""
        now = time.monotonic()
        for (group, node), (due, pause) in self._unborn.items():
            if self._session and now >= due:
                self._unborn[group, node] = now + pause, min(2 * pause, PATIENCE[1])
                ask_for_births(self._session, (group, node))

    @property
    def _state_topic(self) -> str:
        return f"spBv1.0/STATE/{self._host_id}"

    def _state(self, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": self._since}).encode()


def _contacts(
    points: Sequence[Point], machines: Sequence[Machine], clock: Clock
) -> dict[tuple[NodeName, str], Contact]:
    """Return the contact with each device of each node."""
    known = {machine.name: machine for machine in machines}
    owned: dict[tuple[NodeName, str], list[Point]] = {}
    for point in points:
        group, node, device, _ = split(point.address)
        owned.setdefault(((group, node), device), []).append(point)
    return {
        device: Contact(
            [known[name] for name in dict.fromkeys(point.machine for point in bound) if name in known],
            {(point.machine, point.tag) for point in bound},
            clock,
            "/".join([*device[0], device[1]]),
        )
        for device, bound in owned.items()
    }


def ask_for_births(session: Session, node: NodeName) -> None:
    """Ask a node to be born again."""
    session.publish(f"spBv1.0/{node[0]}/NCMD/{node[1]}", rebirth(int(time.time() * MILLI)))


def rebirth(now: int) -> bytes:
    """Return the payload that asks a node for its births: Node Control/Rebirth is true.

    >>> rebirth(5).hex()
    '08051219' + '0a14' + b'Node Control/Rebirth'.hex() + '200b7001'
    """
    name = b"Node Control/Rebirth"
    metric = bytes([0x0A, len(name)]) + name + bytes([0x20, 11, 0x70, 1])
    return b"\x08" + _varint(now) + bytes([0x12, len(metric)]) + metric


def _varint(number: int) -> bytes:
    told = bytearray()
    while number > 127:  # noqa: PLR2004
        told.append(number & 127 | 128)
        number >>= 7
    return bytes(told) + bytes([number])

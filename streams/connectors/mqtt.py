"""Take readings from an MQTT broker: what is acknowledged is on disk, what is not the broker repeats."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from paho.mqtt.client import topic_matches_sub

from streams.abc import Outlet, Ticket
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.contact import Contact
from streams.connectors.mqtt_session import Broker, BrokerError, Message, Session
from streams.connectors.mqtt_values import TimeRule, TopicDecoder, unasked
from streams.connectors.mqtt_window import Window
from streams.connectors.points import Point

BACKOFF = (0.2, 5.0)
WAIT, BUSY = 0.2, 0.01
"""Seconds to wait for messages: while nothing waits for the disk, and while something does."""
HELD = 4
"""Windows of messages that may wait for the disk before nothing more is read."""


class MqttConnector:
    """The client of one broker, which keeps what comes while we are away (QoS 1).

    Parameters
    ----------
    broker
        Where it is and who we are.
    topics
        Topics, perhaps with wildcards, that bring JSON lines of readings.
    points, time
        Topics that bring values (`TopicDecoder`).
    wills
        Topic of a last will: whose it is and the word that says that it is gone.
    machines
        All whose readings may come.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        points: Sequence[Point],
        time: TimeRule,
        wills: Mapping[str, tuple[str, str]],
        machines: Iterable[Machine],
        clock: Clock,
    ) -> None:
        known = {machine.name: machine for machine in machines}
        self._broker, self._clock, self._wills = broker, clock, dict(wills)
        self._decoder = TopicDecoder(points, _texts(points, known), time)
        self._topics = tuple(topics)
        self._asked = [*topics, *self._decoder.topics, *wills]
        self._contacts = Contacts(known, {(point.machine, point.tag) for point in points}, clock)
        self._bound = {point.machine for point in points} | {machine for machine, _ in wills.values()}
        self._window = Window()
        self._subscribed = False
        self._lossy = False
        self.connections = 0
        """How often the broker was reached."""
        self.trouble = f"{broker} has not answered yet."

    @property
    def repeated(self) -> int:
        """How many messages the broker repeated that were not taken again."""
        return self._window.repeated

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        pause, longest = BACKOFF
        while not stop.is_set():
            before = self.connections
            try:
                self._visit(outlet, stop)
            except BrokerError as exc:
                self.trouble = str(exc)
                self._contacts.lost(outlet, self.trouble)
            pause = BACKOFF[0] if self.connections > before else min(2 * pause, longest)
            stop.wait(pause)

    def _visit(self, outlet: Outlet, stop: threading.Event) -> None:
        """Connect once and stay as long as it lasts."""
        session = Session(self._broker)
        session.connect()
        self._window.renew(session.kept)
        if not (session.kept and self._subscribed):
            session.subscribe(list(dict.fromkeys(self._asked)))
            self._subscribed = True
        self.connections += 1
        self.trouble = ""
        self._contacts.heard(self._bound, outlet, whole=session.kept and not self._lossy)
        while not stop.is_set():
            self._step(session, outlet)
        session.close()

    def _step(self, session: Session, outlet: Outlet) -> None:
        if len(self._window) > HELD * self._broker.window:
            session.rest()
            self._window.settle(session.acknowledge, WAIT)
            return
        messages = session.receive(BUSY if len(self._window) else WAIT)
        if messages:
            self._lossy = self._lossy or not all(message.qos for message in messages)
            fresh = [message for message in messages if not self._window.is_repeat(message)]
            self._window.hold(messages, self._take(fresh, outlet))
        self._window.settle(session.acknowledge)

    def _take(self, messages: Sequence[Message], outlet: Outlet) -> list[Ticket]:
        """Hand over what messages say; they are safe when all tickets are."""
        asked = [message for message in messages if self._wants(message.topic)]
        decoded = self._decoder.decode(asked, self._clock.now()) if asked else []
        rejects = [item.rejects for item in decoded]
        for message in messages:
            if message.topic in self._wills:
                self._will(message, outlet)
            elif not self._wants(message.topic):
                rejects.append(unasked(message))
        for item in decoded:
            self._contacts.heard(set(item.readings.machine.values), outlet)
        tickets = [outlet.readings(item.readings) for item in decoded if len(item.readings)]
        return tickets + [outlet.rejects(refused) for refused in rejects if len(refused)]

    def _wants(self, topic: str) -> bool:
        """Tell whether a topic brings readings; a session also brings what an older plant file asked for."""
        bound = topic in self._decoder.topics
        return bound or any(topic_matches_sub(asked, topic) for asked in self._topics)

    def _will(self, message: Message, outlet: Outlet) -> None:
        machine, gone = self._wills[message.topic]
        if message.payload.decode(errors="replace").strip() == gone:
            self._contacts.lost(outlet, f"its last will came: {gone}", {machine})
        else:
            self._contacts.heard({machine}, outlet)


class Contacts:
    """The contact with each machine by itself: one may be gone while the broker is well."""

    def __init__(
        self, machines: Mapping[str, Machine], bound: Collection[tuple[str, str]], clock: Clock
    ) -> None:
        self._machines, self._bound, self._clock = machines, bound, clock
        self._contacts: dict[str, Contact] = {}

    def heard(self, machines: Collection[str], outlet: Outlet, whole: bool = False) -> None:
        """Note that machines are heard now; what is no machine has no contact."""
        for name in sorted(machines & self._machines.keys()):
            self._of(name).heard(outlet, whole)

    def lost(self, outlet: Outlet, why: str, machines: Collection[str] | None = None) -> None:
        """Note that machines are away, or all that were heard."""
        for name in sorted(self._contacts if machines is None else machines & self._machines.keys()):
            self._of(name).lost(outlet, why)

    def _of(self, name: str) -> Contact:
        if name not in self._contacts:
            machine = self._machines[name]
            told = [tag for owner, tag in self._bound if owner == name]
            tags = told or [tag.name for tag in machine.tags]
            self._contacts[name] = Contact([machine], {(name, tag) for tag in tags}, self._clock)
        return self._contacts[name]


def _texts(points: Iterable[Point], machines: Mapping[str, Machine]) -> set[str]:
    """Return the addresses of the points whose tags take words."""
    texts = {
        (name, tag.name) for name, machine in machines.items() for tag in machine.tags if not tag.numeric
    }
    return {point.address for point in points if (point.machine, point.tag) in texts}

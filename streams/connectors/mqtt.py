"""Take readings from an MQTT broker: what is acknowledged is on disk, what is not the broker repeats."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from paho.mqtt.client import topic_matches_sub

from streams.abc import Outlet, Ticket
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.batch import Decoded
from streams.connectors.contact import Contact
from streams.connectors.mqtt_link import Link
from streams.connectors.mqtt_session import Broker, Message, Session
from streams.connectors.mqtt_values import TimeRule, TopicDecoder, unasked
from streams.connectors.points import Point, texts
from streams.connectors.speakers import Speakers


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
        self._topics = Topics(topics, points, time, wills, {one.name: one for one in machines}, clock)
        self._link = Link(broker, self._topics, keeps=True)

    @property
    def trouble(self) -> str:
        """Return why the broker cannot be heard."""
        return self._link.trouble

    @property
    def connections(self) -> int:
        """Return how often the broker was reached."""
        return self._link.connections

    @property
    def repeated(self) -> int:
        """Return how many messages the broker repeated that were not taken again."""
        return self._link.window.repeated

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Stay connected until told to stop."""
        self._link.run(outlet, stop)


class Topics:
    """What is wanted of a broker, and what becomes of it."""

    def __init__(
        self,
        topics: Sequence[str],
        points: Sequence[Point],
        time: TimeRule,
        wills: Mapping[str, tuple[str, str]],
        machines: Mapping[str, Machine],
        clock: Clock,
    ) -> None:
        self._clock, self._wills, self._topics = clock, dict(wills), tuple(topics)
        self._decoder = TopicDecoder(points, texts(points, machines.values()), time)
        self._bound = {point.machine for point in points} | {machine for machine, _ in wills.values()}
        bound = {name: one for name, one in machines.items() if name in self._bound}
        self._contacts = Contacts(bound, {(point.machine, point.tag) for point in points}, clock)
        self._speakers = Speakers([one for name, one in machines.items() if name not in bound], clock)
        self._subscribed = self._lossy = False

    def will(self) -> None:
        """Leave nothing to be said in our name."""

    def opened(self, session: Session, outlet: Outlet) -> None:
        """Subscribe, unless the broker knows; what it kept for us is no gap, where all is sent with QoS 1."""
        if not (session.kept and self._subscribed):
            wanted = list(dict.fromkeys([*self._topics, *self._decoder.topics, *self._wills]))
            self._lossy = session.subscribe(wanted) == 0
            self._subscribed = True
        self._recall(outlet)
        whole = session.kept and not self._lossy
        self._contacts.heard(self._bound, outlet, whole)
        if whole:
            self._speakers.whole(outlet)

    def lost(self, outlet: Outlet, why: str) -> None:
        """Nothing is known of the machines now."""
        self._recall(outlet)
        self._contacts.lost(outlet, why)
        self._speakers.lost(outlet, why)

    def _recall(self, outlet: Outlet) -> None:
        self._contacts.recall(outlet)
        self._speakers.recall(outlet)

    def closing(self, session: Session) -> None:
        """Go without a word."""

    def take(self, messages: Sequence[Message], outlet: Outlet) -> list[Ticket]:
        """Hand over what messages say; they are safe when all tickets are."""
        asked = [message for message in messages if self._wants(message.topic)]
        rejects = []
        for message in messages:
            if message.topic in self._wills:
                self._will(message, outlet)
            elif not self._wants(message.topic):
                rejects.append(unasked(message))
        decoded = []
        for lossy in (False, True):
            items = self._decode([message for message in asked if (message.qos == 0) == lossy])
            for item in items:
                self._contacts.heard(set(item.readings.machine.values), outlet, lossy=lossy)
                self._speakers.heard(item.readings, outlet, lossy)
            decoded += items
        rejects = [item.rejects for item in decoded] + rejects
        tickets = [outlet.readings(item.readings) for item in decoded if len(item.readings)]
        return tickets + [outlet.rejects(refused) for refused in rejects if len(refused)]

    def _decode(self, messages: Sequence[Message]) -> list[Decoded]:
        return self._decoder.decode(messages, self._clock.now()) if messages else []

    def _wants(self, topic: str) -> bool:
        """Tell whether a topic brings readings; a session also brings what an older plant file asked for."""
        bound = topic in self._decoder.topics
        return bound or any(topic_matches_sub(asked, topic) for asked in self._topics)

    def _will(self, message: Message, outlet: Outlet) -> None:
        machine, gone = self._wills[message.topic]
        if message.payload.decode(errors="replace").strip() == gone:
            self._contacts.lost(outlet, f"its last will came: {gone}", {machine})
        else:
            self._contacts.heard({machine}, outlet, lossy=not message.qos)


class Contacts:
    """The contact with each bound machine by itself: one may be gone while the broker is well."""

    def __init__(
        self, machines: Mapping[str, Machine], bound: Collection[tuple[str, str]], clock: Clock
    ) -> None:
        self._machines, self._bound, self._clock = machines, bound, clock
        self._contacts: dict[str, Contact] = {}

    def heard(
        self, machines: Collection[str], outlet: Outlet, whole: bool = False, lossy: bool = False
    ) -> None:
        """Note that machines are heard now; what is no machine has no contact."""
        for name in sorted(machines & self._machines.keys()):
            contact = self._of(name)
            contact.heard(outlet, whole)
            contact.lossy |= lossy

    def recall(self, outlet: Outlet) -> None:
        """Take those that a former gateway heard to be away until they are heard again."""
        for name in sorted(self._machines.keys() & outlet.memory.names):
            self._of(name).recall(outlet)

    def lost(self, outlet: Outlet, why: str, machines: Collection[str] | None = None) -> None:
        """Note that machines are away, or all that were heard."""
        for name in sorted(self._contacts if machines is None else machines & self._machines.keys()):
            self._of(name).lost(outlet, why)

    def _of(self, name: str) -> Contact:
        if name not in self._contacts:
            machine = self._machines[name]
            told = [tag for owner, tag in self._bound if owner == name]
            tags = told or [tag.name for tag in machine.tags]
            self._contacts[name] = Contact([machine], {(name, tag) for tag in tags}, self._clock, name)
        return self._contacts[name]

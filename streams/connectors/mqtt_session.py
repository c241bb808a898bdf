"""One connection to an MQTT broker, 3.1.1 or 5, read in the caller's thread and acknowledged by hand."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from streams.connectors.tls import Context, Tls, TlsError

PATIENCE = 5.0
"""Seconds that a broker has to answer."""
STEP = 0.05
KEEPALIVE = 20
AT_ONCE = 512
EXPIRY = 7 * 86_400
"""Seconds for which a broker of MQTT 5 keeps what arrives while we are away."""
LARGEST_PACKET = 1 << 24
NO_TOPIC = "\ufffd"
"""Stands for a topic that is no UTF-8."""
VERSIONS = {"3.1.1": MQTTProtocolVersion.MQTTv311, "5": MQTTProtocolVersion.MQTTv5}


class BrokerError(Exception):
    """The broker cannot be used; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and who we are for it."""

    host: str
    port: int
    client_id: str
    version: str = "5"
    user: str | None = None
    password: Callable[[], str] | None = None
    """Fetches the password whenever it is needed, so that it may change."""
    tls: Tls | None = None
    window: int = 256
    """Messages of QoS 1 that may be unacknowledged: a broker of MQTT 5 then waits."""

    def __str__(self) -> str:
        return f"The broker at {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker delivered."""

    topic: str
    payload: bytes
    qos: int = 0
    retained: bool = False
    repeated: bool = False
    """Whether the broker says that it may have delivered it before."""
    mid: int = 0
    """Its number until it is acknowledged."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when we are gone."""

    topic: str
    payload: bytes


class Session:
    """A connection that lasts until `receive` raises; a session that the broker ``keeps`` lasts longer."""

    def __init__(self, broker: Broker, will: Will | None = None, keeps: bool = True) -> None:
        self._broker, self._keeps = broker, keeps
        version = VERSIONS[broker.version]
        self._five = version == MQTTProtocolVersion.MQTTv5
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            broker.client_id,
            clean_session=None if self._five else not keeps,
            protocol=version,
            manual_ack=True,
        )
        client.connect_timeout = PATIENCE
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password() if broker.password else None)
        self._context = _context(broker)
        if self._context:
            client.tls_set_context(self._context)
        if will:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message = self._on_message
        self._arrived: list[Message] = []
        self._granted: Sequence[ReasonCode] | None = None
        self._answer: ReasonCode | None = None
        self.kept = False
        """Whether the broker kept the session that was before: nothing of QoS 1 is lost then."""

    def connect(self) -> None:
        """Connect and wait for the broker's word.

        Raises
        ------
        BrokerError
            It does not answer, or refuses us.
        """
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE, **self._wishes())
        except (OSError, ValueError) as exc:
            if self._context and self._context.made:
                self._context.made.close()
            raise BrokerError(f"{self._broker} {_why(exc)}.") from exc
        self._until_told(lambda: self._answer is not None)
        if self._answer is not None and self._answer.is_failure:
            raise BrokerError(f"{self._broker} refuses us: {self._answer}.")

    def subscribe(self, topics: Sequence[str], qos: int = 1) -> int:
        """Ask for topics; return the lowest QoS that was granted, of 0 the broker keeps nothing.

        Raises
        ------
        BrokerError
            One of them is refused.
        """
        if not topics:
            return qos
        self._granted = None
        if self._five:
            options = SubscribeOptions(qos=qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, qos) for topic in topics])
        self._until_told(lambda: self._granted is not None)
        granted: Sequence[ReasonCode] = self._granted or ()
        for topic, code in zip(topics, granted, strict=True):
            if code.is_failure:
                raise BrokerError(f"{self._broker} refuses the topic {topic}: {code}.")
        return min(code.value for code in granted)

    def receive(self, wait: float) -> list[Message]:
        """Return what arrives within ``wait`` seconds, at once when something is there.

        Raises
        ------
        BrokerError
            The connection ended.
        """
        self._check(self._client.loop(wait))
        while len(self._arrived) < AT_ONCE:
            before = len(self._arrived)
            self._check(self._client.loop_read())
            if len(self._arrived) == before:
                break
        arrived, self._arrived = self._arrived, []
        return arrived

    def rest(self) -> None:
        """Keep the connection alive and read nothing of it."""
        self._check(self._client.loop_misc())

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that a message of QoS 1 is safe."""
        self._check(self._client.ack(mid, 1))

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Say something."""
        self._client.publish(topic, payload, qos, retain)

    def close(self) -> None:
        """Go; nobody says our last will."""
        self._client.disconnect()

    def _wishes(self) -> dict[str, Any]:
        if not self._five:
            return {}
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.SessionExpiryInterval = EXPIRY if self._keeps else 0
        wishes.ReceiveMaximum = self._broker.window
        wishes.MaximumPacketSize = LARGEST_PACKET
        return {"clean_start": not self._keeps, "properties": wishes}

    def _until_told(self, told: Callable[[], bool]) -> None:
        """Wait for the broker's word; what it kept for us may come before."""
        end = time.monotonic() + PATIENCE
        while not told():
            if time.monotonic() > end:
                raise BrokerError(f"{self._broker} does not answer within {PATIENCE:g} s.")
            self._check(self._client.loop(STEP))

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS and not (self._answer and self._answer.is_failure):
            raise BrokerError(f"{self._broker} is gone: {paho.error_string(code)}")

    def _on_connect(self, _client: Any, _data: Any, flags: Any, code: ReasonCode, _more: Any) -> None:
        self._answer, self.kept = code, flags.session_present

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: Any, _more: Any) -> None:
        self._granted = codes

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = NO_TOPIC
        payload = bytes(message.payload)
        self._arrived.append(Message(topic, payload, message.qos, message.retain, message.dup, message.mid))


def _why(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"is not who it should be: {failure.verify_message}"
    return f"does not answer: {failure}"


def _context(broker: Broker) -> Context | None:
    try:
        return broker.tls.context() if broker.tls else None
    except TlsError as exc:
        raise BrokerError(str(exc)) from exc

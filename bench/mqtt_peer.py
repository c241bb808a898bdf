"""A real MQTT broker (mosquitto) that can be killed, and devices that talk to it: the peer of tests."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from streams.connectors.mqtt_session import Broker

TIMEOUT = 60.0
CLIENT = "seamline-test"
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Wait until something holds.

    Raises
    ------
    AssertionError
        It did not come to hold in time.
    """
    end, pause = time.monotonic() + TIMEOUT, threading.Event()
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {TIMEOUT:g} s")
        pause.wait(0.02)


class Mosquitto:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.database = folder / "mosquitto.db"
        self._config = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "user root",
            "max_queued_messages 0",
            *(settings or ["allow_anonymous true"]),
        ]
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._log = (folder / "mosquitto.log").open("ab")
        self.start()

    def start(self) -> None:
        """Begin, again perhaps, and wait until it answers."""
        self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stdout=self._log, stderr=self._log)
        until(self._answers, "the broker")

    def stop(self) -> None:
        """Ask it to end: it saves its sessions."""
        self._process.terminate()
        self._process.wait(TIMEOUT)

    def kill(self) -> None:
        """End it as a power cut would, its sessions saved a moment before."""
        self.database.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        until(self.database.exists, "the database")
        self.end()

    def end(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(TIMEOUT)

    def close(self) -> None:
        """End it for good."""
        self.end()
        self._log.close()

    def goodbyes(self) -> int:
        """Return how many of our connectors have gone, with all that they said before it heard."""
        told = self._config.with_suffix(".log").read_text(encoding="utf-8")
        return told.count(f"Client {CLIENT} disconnected")

    def forget(self) -> None:
        """Lose all sessions."""
        self.database.unlink(missing_ok=True)

    def broker(self, **how: Any) -> Broker:
        """Return how a connector finds it."""
        return Broker("127.0.0.1", self.port, **{"client_id": CLIENT, **how})

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(self._config.with_suffix(".log").read_text(encoding="utf-8"))
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Sender:
    """A device: publishes with QoS 1 and knows what the broker has."""

    def __init__(self, port: int, will: tuple[str, bytes | str, bool] | None = None) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if will:
            self._client.will_set(will[0], will[1], qos=1, retain=will[2])
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(self._client.is_connected, "the sender")

    def send(self, topic: str, payload: bytes | str, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        self._client.publish(topic, payload, qos, retain).wait_for_publish(TIMEOUT)

    def begin(self, topic: str, payload: bytes | str, qos: int = 1) -> paho.MQTTMessageInfo:
        """Hand over without waiting."""
        return self._client.publish(topic, payload, qos)

    def subscribe(self, topic: str, take: Callable[[str, bytes], object]) -> None:
        """Give what arrives to a function of topic and payload, also from a broker that was away."""
        subscribed = threading.Event()

        def arrived(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
            take(message.topic, bytes(message.payload))

        def granted(*_: Any) -> None:
            subscribed.set()

        def back(*_: Any) -> None:
            self._client.subscribe(topic, 1)

        self._client.on_message, self._client.on_subscribe = arrived, granted
        self._client.on_connect = back
        self._client.subscribe(topic, 1)
        until(subscribed.is_set, "the subscription")

    def vanish(self) -> None:
        """Go without a word: the broker says the last will."""
        link: Any = self._client.socket()
        link.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def close(self) -> None:
        """Go with a word: the last will is not said."""
        self._client.disconnect()
        self._client.loop_stop()

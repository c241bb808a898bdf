"""Sparkplug against a real broker: an edge node that is born, speaks, loses a message, dies."""

from __future__ import annotations

import json
import queue
import threading
import time
from contextlib import contextmanager

import pytest

from bench.mqtt_peer import TIMEOUT, Mosquitto, Sender, until
from bench.sparkplug_proto import Payload
from streams.catalog import Machine, Tag
from streams.clock import WallClock
from streams.connectors.points import Point
from streams.connectors.sparkplug import SparkplugConnector, rebirth
from streams.testing import MemoryOutlet, running

PRESS = Machine("press", (Tag("avail", numeric=False), Tag("execution", numeric=False), Tag("force")))
POINTS = (
    Point("plant/edge/press/Force", "press", "force"),
    Point("plant/edge/press/Execution", "press", "execution"),
)
DOUBLE, STRING, UINT64 = 10, 12, 8
FORCE, EXECUTION = 1, 2


class EdgeNode:
    """An edge node with one device, which answers when it is asked for its births."""

    def __init__(self, port, session=0):
        self.session, self.asked = session, threading.Event()
        death = self._payload([self._bd_seq()], None)
        self._sender = Sender(port, will=("spBv1.0/plant/NDEATH/edge", death, False))
        self._seq, self._lock = 0, threading.Lock()
        self._sender.subscribe("spBv1.0/plant/NCMD/edge", self._command)

    def birth(self):
        with self._lock:
            self._seq = 0
            self._say("NBIRTH", "", [self._bd_seq()])
            self._say("DBIRTH", "/press", self._metrics(1.0, "READY"))

    def settle(self):
        """Wait until the broker has routed all that was said: it answers a connection in order."""
        self._sender.send("plant/edge/settled", b"")

    def data(self, force):
        with self._lock:
            self._say("DDATA", "/press", [{"alias": FORCE, "double_value": force}])

    def device_death(self):
        with self._lock:
            self._say("DDEATH", "/press", [])

    def lose(self):
        """Say something that nobody hears."""
        with self._lock:
            self._seq += 1

    def vanish(self):
        self._sender.vanish()

    def close(self):
        self._sender.close()

    def _bd_seq(self):
        return {"name": "bdSeq", "datatype": UINT64, "long_value": self.session}

    @staticmethod
    def _metrics(force, execution):
        return [
            {"name": "Force", "alias": FORCE, "datatype": DOUBLE, "double_value": force},
            {"name": "Execution", "alias": EXECUTION, "datatype": STRING, "string_value": execution},
        ]

    @staticmethod
    def _payload(metrics, seq):
        payload = Payload(timestamp=time.time_ns() // 1_000_000, metrics=metrics)
        if seq is not None:
            payload.seq = seq
        return payload.SerializeToString()

    def _say(self, kind, device, metrics):
        self._sender.begin(f"spBv1.0/plant/{kind}/edge{device}", self._payload(metrics, self._seq % 256), 0)
        self._seq += 1

    def _command(self, _topic, payload):
        (metric,) = Payload.FromString(payload).metrics
        if metric.name == "Node Control/Rebirth" and metric.boolean_value:
            self.asked.set()
            self.birth()


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


@contextmanager
def listening(mosquitto, host_id="", version="5"):
    broker = mosquitto.broker(version=version)
    made, outlet = SparkplugConnector(broker, POINTS, host_id, [PRESS], WallClock()), MemoryOutlet()
    with running(lambda stop: made.run(outlet, stop)):
        until(lambda: made.connections == 1, "the connection")
        yield made, outlet


def told(outlet, tag):
    return [value for name, _, value, _ in outlet.rows() if name == tag]


def gaps(outlet):
    return [
        json.loads(raw)["why"]
        for batch in outlet.refused
        for reason, raw in zip(batch.reason.to_list(), batch.raw.to_list(), strict=True)
        if reason == "gap"
    ]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_node_that_was_there_before_us_is_asked_for_its_births(mosquitto, version):
    node = EdgeNode(mosquitto.port)
    node.birth()
    node.settle()
    with listening(mosquitto, version=version) as (made, outlet):
        outlet.wait_for(lambda kept: told(kept, "force") == [1.0])
        assert made.trouble == ""
        node.data(5.0)
        outlet.wait_for(lambda kept: told(kept, "force") == [1.0, 5.0])
    node.close()
    assert node.asked.is_set()
    assert told(outlet, "execution") == ["READY"]
    assert told(outlet, "avail")[0] == "AVAILABLE"


def test_a_node_that_is_not_there_is_a_trouble(mosquitto):
    with listening(mosquitto) as (made, _):
        assert made.trouble == "No birth was heard of plant/edge."


def test_a_lost_message_is_a_gap_that_new_births_close(mosquitto):
    node = EdgeNode(mosquitto.port)
    with listening(mosquitto) as (_, outlet):
        node.birth()
        node.data(2.0)
        outlet.wait_for(lambda kept: 2.0 in told(kept, "force"))
        node.lose()
        node.data(3.0)
        outlet.wait_for(lambda kept: "seq_gap" in kept.reasons())
        outlet.wait_for(lambda kept: gaps(kept)[1:] == ["a message of its node was lost"], TIMEOUT)
        node.data(4.0)
        outlet.wait_for(lambda kept: told(kept, "force")[-1] == 4.0)
    node.close()
    assert 3.0 not in told(outlet, "force")
    assert told(outlet, "avail") == ["AVAILABLE", "UNAVAILABLE", "AVAILABLE", "UNAVAILABLE"]


def test_a_node_that_vanishes_takes_its_machine_along_until_it_is_born_again(mosquitto):
    node = EdgeNode(mosquitto.port)
    with listening(mosquitto) as (_, outlet):
        node.birth()
        outlet.wait_for(lambda kept: told(kept, "force"))
        node.vanish()
        outlet.wait_for(lambda kept: told(kept, "avail")[-1] == "UNAVAILABLE")
        again = EdgeNode(mosquitto.port, session=1)
        again.birth()
        outlet.wait_for(lambda kept: told(kept, "avail")[-1] == "AVAILABLE")
        again.device_death()
        outlet.wait_for(lambda kept: told(kept, "avail")[-1] == "UNAVAILABLE")
        again.close()
    assert gaps(outlet)[1] == "its last will came: NDEATH"


def test_a_broker_that_goes_is_a_gap_and_the_births_are_asked_for_anew(mosquitto):
    node = EdgeNode(mosquitto.port)
    with listening(mosquitto) as (made, outlet):
        node.birth()
        outlet.wait_for(lambda kept: told(kept, "force"))
        mosquitto.stop()
        outlet.wait_for(lambda kept: told(kept, "avail")[-1] == "UNAVAILABLE")
        mosquitto.start()
        until(lambda: made.connections == 2, "the second connection")
        outlet.wait_for(lambda kept: told(kept, "avail")[-1] == "AVAILABLE", TIMEOUT)
    node.close()
    why = gaps(outlet)[-1]
    assert "is gone" in why or why == "its last will came: NDEATH"  # what the broker said last


def test_a_primary_host_says_when_it_is_there(mosquitto):
    states = queue.Queue()
    watcher = Sender(mosquitto.port)
    watcher.subscribe("spBv1.0/STATE/seamline", lambda _topic, payload: states.put(json.loads(payload)))
    with listening(mosquitto, host_id="seamline"):
        here = states.get(timeout=TIMEOUT)
    gone = states.get(timeout=TIMEOUT)
    watcher.close()
    assert (here["online"], gone["online"]) == (True, False)
    assert here["timestamp"] == gone["timestamp"]


def test_the_request_is_what_protobuf_would_write():
    payload = Payload.FromString(rebirth(1_700_000_000_000))
    assert payload.timestamp == 1_700_000_000_000
    assert [(one.name, one.datatype, one.boolean_value) for one in payload.metrics] == [
        ("Node Control/Rebirth", 11, True)
    ]

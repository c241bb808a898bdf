"""A gateway that is killed loses nothing of its broker; sources under attack disturb no other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from bench.mqtt_peer import Mosquitto, Sender, until
from bench.mtconnect_peer import Item, PeerAgent
from bench.sparkplug_proto import Payload
from engine import health
from engine.gateway import run_gateway
from engine.paths import Home
from engine.plant import Plant, save
from streams.clock import WallClock
from streams.connectors.stamps import iso
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.log.server import LogServer
from streams.log.writer import LogWriter
from streams.records import Readings, Rejects, decode
from streams.testing import rows, running

DOUBLE = 10


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


@pytest.fixture
def log(home):
    writer = LogWriter(home.log / "line-1", WallClock())
    with LogServer(home.appender, "line-1", writer) as server, running(server.run):
        yield Kept(home.log / "line-1")
    writer.close()


class Kept:
    """What is in the log."""

    def __init__(self, folder):
        self._folder = folder

    def told(self, kind, source):
        reader = FileLogReader(self._folder)
        entries = [entry for entry in reader.read(0, 1 << 30) if entry.kind == kind]
        reader.close()
        return [decode(entry.payload) for entry in entries if entry.producer.startswith(f"{source}/")]

    def values(self, source):
        batches = [Readings.from_arrow(batch) for batch in self.told(Kind.READINGS, source)]
        return [row[2] for batch in batches for row in rows(batch)]

    def reasons(self, source):
        batches = [Rejects.from_arrow(batch) for batch in self.told(Kind.REJECTS, source)]
        return {reason for batch in batches for reason in batch.reason.to_list()}


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
def agent():
    agent = PeerAgent([Item("Mazak", "l1", "SAMPLE", "load")])
    yield agent
    agent.stop()


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plant(mosquitto, agent, port, key):
    broker = {"port": mosquitto.port}
    metric = {"address": "p/e//Load", "machine": "mill", "tag": "load"}
    tls = {"ca": str(key), "certificate": str(key), "key": str(key)}
    return Plant.model_validate(
        {
            "name": "attacked",
            "machines": [{"name": "mill", "tags": [{"name": "load"}]}],
            "sources": [
                {"kind": "udp", "name": "boards", "port": port},
                {"kind": "mqtt", "name": "topics", "topics": ["mill/#"], **broker},
                {"kind": "mqtt", "name": "locked", "topics": ["mill/#"], "tls": tls, **broker},
                {"kind": "mqtt", "name": "secret", "user": "a", "password": {"env": "NOT_SET"}, **broker},
                {
                    "kind": "sparkplug",
                    "name": "nodes",
                    "points": [metric],
                    **broker,
                },
                {
                    "kind": "mtconnect",
                    "name": "agent",
                    "url": agent.url,
                    "devices": [{"device": "Mazak", "machine": "mill"}],
                },
            ],
        }
    )


@contextmanager
def beats(port):
    """Send a reading every few milliseconds over UDP; the value counts how many were sent."""
    stop, sent = threading.Event(), [0]

    def beat():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            while not stop.wait(0.005):
                sent[0] += 1
                link.sendto(line(sent[0]).encode(), ("127.0.0.1", port))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


def line(value):
    return json.dumps({"machine": "mill", "tag": "load", "ts": WallClock().now(), "value": value})


def birth():
    metrics = [{"name": "Load", "alias": 1, "datatype": DOUBLE, "double_value": 1.0}]
    return Payload(seq=0, metrics=metrics).SerializeToString()


def attack_nodes(sender):
    """Tell 100,000 metrics that nobody knows, garbage, and then one that is wanted."""
    unknown = [{"alias": 1000 + at, "double_value": 1.0} for at in range(100_000)]
    sender.send("spBv1.0/p/NBIRTH/e", birth())
    sender.send("spBv1.0/p/NDATA/e", Payload(seq=1, metrics=unknown).SerializeToString())
    sender.send("spBv1.0/p/NDATA/e", b"\xff" * 1000)
    metrics = [{"alias": 1, "double_value": 77.0}]
    sender.send("spBv1.0/p/NDATA/e", Payload(seq=2, metrics=metrics).SerializeToString())


def test_sources_under_attack_disturb_no_other(home, log, mosquitto, agent, tmp_path, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    (key := tmp_path / "wrong.key").write_text("no key")
    port = free_port()
    described = plant(mosquitto, agent, port, key)
    with beats(port) as sent, running(lambda stop: run_gateway(described, home, stop)):
        sender = Sender(mosquitto.port)
        until(lambda: log.values("boards"), "the first beat")
        begun = sent[0]
        agent.answer = (200, "text/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
        agent.stop()
        agent.start()
        for _ in range(5000):
            sender.begin("mill/garbage", b"\x00no line\xff" * 20, 0)
        sender.send("mill/garbage", b"x" * (1 << 21))
        attack_nodes(sender)
        sender.send("mill/readings", line(99))
        until(lambda: 99.0 in log.values("topics"), "the reading behind the flood")
        until(lambda: 77.0 in log.values("nodes"), "the metric behind the flood")
        until(lambda: "hostile_xml" in log.reasons("agent"), "the hostile document")
        agent.answer = None
        agent.say("l1", "55", iso(WallClock().now()))
        until(lambda: 55.0 in log.values("agent"), "the agent that behaves")
        told = {part.name: part.trouble for part in health.read_all(home.health)[0].parts}
        ended = sent[0]
        until(lambda: ended in log.values("boards"), "the last beat")
        sender.close()
    assert {"malformed_json", "too_long"} <= log.reasons("topics")
    assert {"unknown_alias", "malformed_payload"} <= log.reasons("nodes")
    assert "cannot be used" in told["locked"]
    assert "NOT_SET is not set" in told["secret"]
    assert log.reasons("boards") == {"gap"}  # before the first
    heard = set(log.values("boards"))
    assert heard >= {float(beat) for beat in range(begun, ended + 1)}


@contextmanager
def process(home):
    """Run a gateway as a plant does, and kill it at the end."""
    words = [sys.executable, "-m", "engine.gateway", home.root / "plant.yaml"]
    environment = {**os.environ, "SEAMLINE_HOME": str(home.root)}
    running = subprocess.Popen(words, env=environment)
    try:
        yield
    finally:
        running.kill()
        running.wait()


def greeted(sender, log, value):
    """Say something, to nobody perhaps, and tell whether it was heard."""
    sender.send("mill/readings", line(value))
    return value in log.values("topics")


def test_a_gateway_killed_in_the_middle_loses_nothing_that_its_broker_has(home, log, mosquitto):
    source = {"kind": "mqtt", "name": "topics", "topics": ["mill/#"], "port": mosquitto.port}
    machines = [{"name": "mill", "tags": [{"name": "load"}]}]
    killed = {"name": "killed", "machines": machines, "sources": [source]}
    save(Plant.model_validate(killed), home.root / "plant.yaml")
    sender = Sender(mosquitto.port)
    for round in range(1, 4):
        with process(home):
            until(lambda at=-round: greeted(sender, log, at), "the gateway")
            handed = [sender.begin("mill/readings", line(1000 * round + at)) for at in range(500)]
            until(lambda at=1000 * round: at in log.values("topics"), "the first of them")
        for one in handed:
            one.wait_for_publish(20)
    sender.close()
    with process(home):
        wanted = {1000.0 * round + at for round in range(1, 4) for at in range(500)}
        until(lambda: wanted <= set(log.values("topics")), "the rest")

"""Attacks on a running plant through its gateway: refused with a reason, and the others are not disturbed."""

import json
import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import zmq

from bench.chaos.processes import Processes
from engine.paths import Home
from engine.plant import Plant
from engine.store import connect
from engine.store.levels import partitions
from streams.clock import DAY
from streams.records import Readings, encode
from streams.testing import running

IN_TIME = 20.0
"""Seconds from a reading of the other source to its row, while the attack goes on, on a busy machine."""
PATIENCE = 90.0
MACHINES = [{"name": name, "tags": [{"name": "load"}]} for name in ("good", "bad")]


@pytest.fixture(scope="module")
def home():
    with tempfile.TemporaryDirectory(prefix="seamline-attack-") as folder:
        Path(folder).chmod(0o755)
        yield Home(Path(folder))


@pytest.fixture(scope="module")
def plant(home):
    sources = [{"kind": "zeromq", "name": name, "endpoint": home.socket(name)} for name in ("good", "bad")]
    described = Plant.model_validate({"name": "besieged", "machines": MACHINES, "sources": sources})
    processes = Processes(home, described)
    yield processes
    processes.stop()


@contextmanager
def talking(home, name):
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDTIMEO, int(PATIENCE * 1000))
        socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE * 1000))
        socket.connect(home.socket(name))
        yield socket


def now():
    return time.time_ns() // 1000


def batch(tags, stamps, machine="bad"):
    size = len(stamps)
    sent = Readings.numbers([machine] * size, tags, stamps, [1.0] * size)
    return encode(sent.to_arrow())


def rows(dsn, query, *values):
    with connect(dsn) as connection:
        return connection.execute(query, values).fetchall()


def count(dsn, query, *values):
    return rows(dsn, query, *values)[0][0]


class WellBehaved:
    """A source that sends a reading and looks for its row, again and again; ``slowest`` took longest."""

    def __init__(self, home, dsn):
        self.home, self.dsn = home, dsn
        self.slowest, self.sent = 0.0, 0

    def run(self, stop):
        with talking(self.home, "good") as socket, psycopg.connect(self.dsn, autocommit=True) as connection:
            while not self.sent or not stop.is_set():
                begun, ts = time.monotonic(), now()
                line = json.dumps({"machine": "good", "tag": "load", "ts": ts, "value": 1}).encode()
                socket.send_multipart([b"json", b"%d" % ts, line])
                assert socket.recv_multipart()[1] == b"ok"
                found = "SELECT 1 FROM readings WHERE machine = 'good' AND ts = to_timestamp(%s / 1e6)"
                while connection.execute(found, [ts]).fetchone() is None:
                    assert time.monotonic() < begun + PATIENCE
                    stop.wait(0.02)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.sent += 1


@pytest.fixture
def good(home, plant):
    """The well-behaved source, at work during the test; at its end its readings have all come in time."""
    source = WellBehaved(home, plant.dsn)
    with running(source.run) as stop:
        yield source
        stop.set()
    assert source.sent >= 1
    assert source.slowest < IN_TIME


def test_messages_too_large_to_be_taken_cost_their_sender_its_connection(home, plant, good):
    for _ in range(3):
        with talking(home, "bad") as attacker:
            attacker.send_multipart([b"json", b"1", bytes(20 << 20)])
    with talking(home, "bad") as attacker:
        attacker.send_multipart([b"json", b"1", b"[" * (4 << 20)])
        assert attacker.recv_multipart()[1] == b"ok"
    found = "SELECT count(*) FROM quarantine WHERE reason = 'malformed_json'"
    plant.wait_for(lambda: count(plant.dsn, found), PATIENCE)
    ((raw,),) = rows(plant.dsn, "SELECT raw FROM quarantine WHERE reason = 'malformed_json'")
    assert len(raw) == 4096


def test_a_source_at_ten_times_its_rate_is_held_back(home, plant, good):
    """It sends without waiting; what the log cannot take waits in its own socket."""
    sent, until = 0, time.monotonic() + 3
    with talking(home, "bad") as attacker:
        while time.monotonic() < until:
            sent += 1
            stamps = range(now(), now() + 20_000)
            attacker.send_multipart([b"arrow", b"%d" % sent, batch(["load"] * 20_000, stamps[:20_000])])
        answers = Counter(attacker.recv_multipart()[1] for _ in range(sent))
    assert answers == {b"ok": sent}
    found = "SELECT count(*) FROM readings WHERE machine = 'bad'"
    plant.wait_for(lambda: count(plant.dsn, found) == 20_000 * sent, PATIENCE)


def test_a_hundred_thousand_unknown_tags_are_quarantined(home, plant, good):
    with talking(home, "bad") as attacker:
        for first in range(0, 100_000, 10_000):
            tags = [f"tag-{number}" for number in range(first, first + 10_000)]
            attacker.send_multipart([b"arrow", b"tags-%d" % first, batch(tags, [now()] * 10_000)])
        assert [attacker.recv_multipart()[1] for _ in range(10)] == [b"ok"] * 10
    found = "SELECT count(DISTINCT tag) FROM quarantine WHERE reason = 'unknown_tag' AND source LIKE 'bad/%%'"
    plant.wait_for(lambda: count(plant.dsn, found) == 100_000, PATIENCE)


def test_a_thousand_wild_event_times_make_no_partition(home, plant, good):
    chance = random.Random(7)
    wild = [now() + chance.choice((-1, 1)) * chance.randint(2 * DAY, 1 << 61) for _ in range(1000)]
    with connect(plant.dsn) as connection:
        before = len(partitions(connection).pieces(connection, "readings"))
    with talking(home, "bad") as attacker:
        attacker.send_multipart([b"arrow", b"wild", batch(["load"] * 1000, wild)])
        assert attacker.recv_multipart()[1] == b"ok"
    found = "SELECT count(*) FROM quarantine WHERE reason = 'event_time_out_of_range'"
    plant.wait_for(lambda: count(plant.dsn, found) == 1000, PATIENCE)
    with connect(plant.dsn) as connection:
        assert len(partitions(connection).pieces(connection, "readings")) == before


def test_the_plant_that_was_attacked_never_fell(plant):
    assert all(process.poll() is None for process in plant.running.values())
    assert "Traceback" not in "".join(plant.said(name) for name in plant.running)
    assert threading.active_count() < 50

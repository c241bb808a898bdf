"""Attacks on a running plant through its gateway: refused with a reason, and the others are not disturbed."""

import itertools
import json
import random
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from operator import le
from pathlib import Path

import psutil
import psycopg
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from bench.chaos.processes import Processes
from engine.paths import Home
from engine.plant import Plant
from engine.store import connect
from engine.store.levels import partitions
from streams.clock import DAY
from streams.connectors.zeromq import WAITING_LIMIT
from streams.records import Readings, encode
from streams.testing import running, until

PATIENCE = 90.0
TAGS = [{"name": "load"}, {"name": "note", "type": "text"}]
MACHINES = [{"name": name, "tags": TAGS} for name in ("good", "bad")]
OUTSIDE = ("gateway", "appender")
"""Processes that what comes from outside passes through."""
GROWTH = 128 << 20
"""Bytes that an attack may cost one of them at its worst moment: two windows of 32 MB, and their copies."""
OVERSIZED, TOO_LARGE = 16, 20 << 20
"""So many at once, of so many bytes: were they taken, they would need more than `GROWTH`."""
PAGES = [f"{page:4000}" for page in range(60)]
"""Text of a message: 240 kB in few rows, none like another."""


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


@pytest.fixture(scope="module")
def at_rest(home, plant):
    """Threads and open files of each process once both sources have come through."""
    for name in ("good", "bad"):
        with talking(home, name) as socket:
            socket.send_multipart([b"arrow", b"first", batch(["load"], [now()], name)])
            assert socket.recv_multipart()[1] == b"ok"
    plant.wait_for(lambda: count(plant.dsn, "SELECT count(*) FROM readings") == 2, PATIENCE)
    return {name: held(process) for name, process in plant.running.items()}


def held(process):
    """Return how many threads and files a process has."""
    told = psutil.Process(process.pid)
    return told.num_threads(), told.num_fds()


@contextmanager
def talking(home, name, **options):
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        for option, value in options.items():
            socket.setsockopt(getattr(zmq, option), value)
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
    """A source that sends a reading once the row of the one before is there: ``sent`` are their times."""

    def __init__(self, home, dsn):
        self.home, self.dsn = home, dsn
        self.sent, self.landed = [], 0

    def run(self, stop):
        with talking(self.home, "good") as socket, psycopg.connect(self.dsn, autocommit=True) as connection:
            while not self.landed or not stop.is_set():
                ts = now()
                line = json.dumps({"machine": "good", "tag": "load", "ts": ts, "value": 1}).encode()
                socket.send_multipart([b"json", b"%d" % ts, line])
                assert socket.recv_multipart() == [b"%d" % ts, b"ok", b""]
                self.sent.append(ts)
                until(lambda: self.rows(connection) == self.sent, PATIENCE)
                self.landed += 1

    def rows(self, connection):
        found = "SELECT (extract(epoch FROM ts) * 1000000)::int8 FROM readings "
        found += "WHERE machine = 'good' AND ts >= to_timestamp(%s / 1e6) ORDER BY ts"
        return [ts for (ts,) in connection.execute(found, self.sent[:1]).fetchall()]


def memory(process, figure):
    """Return what the kernel says of a process in bytes: ``VmRSS``, or its highest, ``VmHWM``."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{figure}:"))
    return int(kilobytes) << 10


def forget_highest(process):
    """Let the kernel measure anew how much memory a process needs at the most."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


@pytest.fixture
def good(home, plant, at_rest):
    """The well-behaved source, at work during the test: all it sent came once; the attack cost no memory."""
    source = WellBehaved(home, plant.dsn)
    before = {}
    for name in OUTSIDE:
        forget_highest(plant.running[name])
        before[name] = memory(plant.running[name], "VmRSS")
    with running(source.run):
        yield source
    with connect(plant.dsn) as connection:
        assert source.rows(connection) == source.sent
    grown = {name: memory(plant.running[name], "VmHWM") - before[name] for name in OUTSIDE}
    assert max(grown.values()) < GROWTH, grown


@contextmanager
def disconnected(home, message):
    """Send a message and keep the socket open; what is yielded tells when it loses its connection."""
    with talking(home, "bad") as attacker, attacker.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor:
        attacker.send_multipart([b"json", b"1", message], copy=False)
        yield monitor
        attacker.disable_monitor()


def test_messages_too_large_to_be_taken_cost_their_sender_its_connection(home, plant, good):
    with ExitStack() as stack:
        monitors = [stack.enter_context(disconnected(home, bytes(TOO_LARGE))) for _ in range(OVERSIZED)]
        for monitor in monitors:
            assert monitor.poll(PATIENCE * 1000)
            assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
    with talking(home, "bad") as attacker:
        attacker.send_multipart([b"json", b"1", b"[" * (4 << 20)])
        assert attacker.recv_multipart()[1] == b"ok"
    found = "SELECT raw FROM quarantine WHERE reason = 'malformed_json'"
    plant.wait_for(lambda: rows(plant.dsn, found), PATIENCE)
    assert rows(plant.dsn, found) == [("[" * 4096,)]


class Flood:
    """A source that tells pages of text, each message at a time of its own."""

    def __init__(self, socket):
        self.socket, self.begun = socket, now()
        self.sent = self.answered = 0
        self.held_back = False

    @property
    def waiting(self):
        return self.sent - self.answered

    def send(self, flags=0):
        """Send one more, unless the socket has no room for it."""
        size, ts = len(PAGES), self.begun + self.sent
        pages = Readings.texts(["bad"] * size, ["note"] * size, [ts] * size, PAGES)
        try:
            self.socket.send_multipart([b"arrow", b"%d" % self.sent, encode(pages.to_arrow())], flags)
            self.sent += 1
        except zmq.Again:
            self.held_back |= self.waiting > WAITING_LIMIT

    def hear(self, timeout):
        """Take the answers that are there, in their order."""
        while self.waiting and self.socket.poll(timeout):
            assert self.socket.recv_multipart() == [b"%d" % self.answered, b"ok", b""]
            self.answered += 1


def rate_of(flood, messages=20):
    """Return how many messages a second are on disk, when each is sent once the one before it is."""
    begun = time.monotonic()
    while flood.sent < messages:
        flood.send()
        flood.hear(PATIENCE * 1000)
    return messages / (time.monotonic() - begun)


def test_a_source_at_ten_times_its_rate_is_held_back(home, plant, good):
    """More than the gateway lets wait are at its own socket, which takes no more; what it took is there.

    It sends at ten times its rate, and ever faster until it is held back.
    """
    with talking(home, "bad", SNDHWM=8) as attacker:
        flood, pause = Flood(attacker), threading.Event()
        pace, begun, before = 0.1 / rate_of(flood), time.monotonic(), good.landed
        due = begun
        for number in itertools.count():
            if flood.held_back and good.landed >= before + 2:
                break
            due += pace / 2 ** (number // 500)
            pause.wait(max(due - time.monotonic(), 0))
            assert time.monotonic() < begun + PATIENCE
            flood.send(zmq.NOBLOCK)
            flood.hear(0)
            assert flood.waiting * sum(map(len, PAGES)) < GROWTH
        flood.hear(PATIENCE * 1000)
    assert not flood.waiting
    found = "SELECT count(*), count(DISTINCT ts) FROM readings WHERE tag = 'note'"
    plant.wait_for(lambda: rows(plant.dsn, found) == [(len(PAGES) * flood.sent, flood.sent)], PATIENCE)


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


def test_the_plant_that_was_attacked_never_fell_and_holds_no_more_than_at_rest(plant, at_rest, good):
    assert all(process.poll() is None for process in plant.running.values())
    assert "Traceback" not in "".join(plant.said(name) for name in plant.running)
    for name, process in plant.running.items():
        threads, files = at_rest[name]
        most = (threads, files + OVERSIZED // 2)
        until(lambda process=process, most=most: all(map(le, held(process), most)), PATIENCE)

"""Events leave at least once, each under one key, whatever becomes of address, relay and database."""

import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
from psycopg.types.json import Jsonb

from engine import health
from engine.outbox.ledger import Ledger
from engine.outbox.relay import Relay
from engine.paths import Home
from engine.plant import OutboxSection, Plant, save
from engine.replay import replay_log
from engine.store import connect
from streams.clock import SECOND, ManualClock
from streams.log.abc import Kind
from streams.log.writer import LogWriter
from streams.records import Readings, encode
from streams.testing import running, until

SHARD = "line-1"
TIMEOUT = 60
PAUSES = (0.01, 0.05)


class Address:
    """A real HTTP server that keeps what it is sent; ``answers`` are given one after another, then 204."""

    def __init__(self):
        self.heard, self.headers, self.answers = [], [], []
        self.changed = threading.Condition()
        self.hold = threading.Event()
        self.hold.set()
        address = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with address.changed:
                    address.heard.append((self.headers["Idempotency-Key"], orjson.loads(body)))
                    address.headers.append(dict(self.headers))
                    answer = address.answers.pop(0) if address.answers else 204
                    address.changed.notify_all()
                if answer == "drip":
                    self.drip()
                    return
                address.hold.wait(TIMEOUT)
                self.send_response(answer)
                self.end_headers()
                self.wfile.write(b"as you said: " + self.headers.get("X-Token", "").encode())

            def drip(self):
                """Send a header without an end, a letter at a time."""
                stop = threading.Event()
                try:
                    while not stop.wait(0.02):
                        self.wfile.write(b"H")
                        self.wfile.flush()
                except OSError:
                    return

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def wait_for(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heard) >= number, TIMEOUT)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/events?line=1"

    @property
    def keys(self):
        return [key for key, _ in self.heard]


@pytest.fixture
def address():
    address = Address()
    thread = threading.Thread(target=address.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield address
    address.hold.set()
    address.server.shutdown()
    thread.join()
    address.server.server_close()


def happen(dsn, *positions, kind="machine_stopped"):
    with connect(dsn) as connection:
        for position in positions:
            payload = Jsonb({"version": 1, "kind": kind, "machine": "mill"})
            connection.execute(
                "INSERT INTO outbox VALUES (1, %s, %s, %s, %s, 'mill', '2023-11-14', %s)",
                [SHARD, position, f"{kind}:mill:{position}", kind, payload],
            )


def deliveries(dsn):
    with connect(dsn) as connection:
        query = "SELECT position::int, attempts, outcome, error FROM outbox_deliveries ORDER BY 1, key"
        return connection.execute(query).fetchall()


def relay(address, dsn, **settings):
    section = OutboxSection.model_validate({"url": address.url, **settings})
    return Relay(section, SHARD, dsn, PAUSES)


def key(position):
    return f"1:machine_stopped:mill:{position}"


def test_events_are_told_once_and_in_order(address, dsn):
    happen(dsn, 3, 1, 2)
    with running(relay(address, dsn).run):
        address.wait_for(3)
        happen(dsn, 4)
        address.wait_for(4)
        until(lambda: len(deliveries(dsn)) == 4)
    assert address.keys == [key(1), key(2), key(3), key(4)]
    told = {"version": 1, "kind": "machine_stopped", "machine": "mill", "shard": SHARD, "key": key(1)}
    assert address.heard[0] == (key(1), told)
    assert {outcome for _, _, outcome, _ in deliveries(dsn)} == {"delivered"}
    assert address.headers[0]["Content-Type"] == "application/json"


def test_an_address_that_fails_is_asked_again_under_the_same_key(address, dsn):
    address.answers = [500, 503, 401]
    happen(dsn, 1, 2)
    asked = relay(address, dsn)
    with running(asked.run):
        until(lambda: len(deliveries(dsn)) == 2)
    assert address.keys == [key(1)] * 4 + [key(2)]
    assert [attempts for _, attempts, _, _ in deliveries(dsn)] == [4, 1]
    assert asked.report().counters == {"delivered": 2, "waiting": 0, "dead": 0}
    assert all(part.ok for part in asked.report().parts)


def test_an_event_that_is_refused_is_dead_and_the_others_go_on(address, dsn):
    address.answers = [422]
    happen(dsn, 1, 2)
    asked = relay(address, dsn)
    with running(asked.run):
        until(lambda: len(deliveries(dsn)) == 2)
        until(lambda: asked.report().counters["dead"] == 1)
        assert "1 events are dead" in asked.report().parts[0].trouble
        with connect(dsn) as connection:
            (event,) = Ledger(connection, SHARD).open(10)
            assert (event.key, event.outcome) == ("machine_stopped:mill:1", "dead")
            assert "422" in event.error
            assert Ledger(connection, SHARD).again() == 1
        until(lambda: {outcome for _, _, outcome, _ in deliveries(dsn)} == {"delivered"})
    assert address.keys == [key(1), key(2), key(1)]


def test_an_address_that_never_takes_it_is_given_up_in_time(address, dsn):
    address.answers = [500, 500]
    happen(dsn, 1)
    section = OutboxSection.model_validate({"url": address.url, "give_up_after_h": 1})
    times = iter([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=2 * i) for i in range(9)])
    with running(Relay(section, SHARD, dsn, PAUSES, lambda: next(times)).run):
        until(lambda: deliveries(dsn) and deliveries(dsn)[0][2] == "dead")
    assert len(address.heard) == 2


def test_what_was_delivered_leaves_in_time_and_what_is_fresh_is_told_all_the_same(address, dsn):
    address.answers = [204, 204, 422]
    happen(dsn, 1, 2, 3, 4)
    times = itertools.count()
    section = OutboxSection.model_validate({"url": address.url, "keep_days": 2})
    started = datetime(2026, 1, 1, tzinfo=UTC)
    asked = Relay(section, SHARD, dsn, PAUSES, lambda: started + timedelta(days=3 * next(times)))
    with running(asked.run):
        until(lambda: [row[0] for row in deliveries(dsn)] == [3, 4])
        happen(dsn, 5)
        until(lambda: address.keys[-1] == key(5))
    with connect(dsn) as connection:
        kept = connection.execute("SELECT position::int FROM outbox ORDER BY 1").fetchall()
    assert {(3,), (5,)} <= set(kept) <= {(3,), (4,), (5,)}
    assert address.keys == [key(position) for position in range(1, 6)]


@pytest.mark.parametrize("slow", ["drip", "silent"])
def test_a_slow_address_is_not_waited_for(address, dsn, slow):
    if slow == "drip":
        address.answers = ["drip"] * 1000
    else:
        address.hold.clear()
    happen(dsn, 1)
    asked = relay(address, dsn, timeout_s=0.2)
    with running(asked.run):
        until(lambda: deliveries(dsn))
        assert deliveries(dsn)[0][2:] == (None, "127.0.0.1 did not answer within 0.2 s")
        address.answers.clear()
        address.hold.set()
        until(lambda: deliveries(dsn)[0][2] == "delivered")
    assert set(address.keys) == {key(1)}


def test_an_address_that_is_away_is_told_when_it_is_back(address, dsn):
    gone = OutboxSection.model_validate({"url": "http://127.0.0.1:9/"})
    happen(dsn, 1)
    asked = Relay(gone, SHARD, dsn, PAUSES)
    with running(asked.run):
        until(lambda: "cannot be told" in asked.report().parts[0].trouble)
    with running(relay(address, dsn).run):
        address.wait_for(1)


def test_the_header_proves_who_posts_and_is_never_told(address, dsn, monkeypatch, tmp_path):
    happen(dsn, 1)
    (tmp_path / "secret").write_text("hunter2\n")
    address.answers = [500]
    asked = relay(address, dsn, header="X-Token", value={"file": tmp_path / "secret"})
    with running(asked.run):
        until(lambda: deliveries(dsn) and deliveries(dsn)[0][2] == "delivered")
    assert address.headers[0]["X-Token"] == "hunter2"
    happen(dsn, 2)
    address.answers = [500] * 9
    asked = relay(address, dsn, header="X-Token", value={"env": "PLANNING_TOKEN"})
    with running(asked.run):
        until(lambda: "PLANNING_TOKEN is not set" in asked.report().parts[0].trouble)
        monkeypatch.setenv("PLANNING_TOKEN", "hunter3")
        until(lambda: "500" in asked.report().parts[0].trouble)
    assert address.headers[-1]["X-Token"] == "hunter3"
    assert "hunter" not in str(deliveries(dsn))


@pytest.fixture
def plant(address):
    return Plant.model_validate({"name": "hall", "outbox": {"url": address.url}})


@pytest.fixture
def home(tmp_path, plant):
    made = Home(tmp_path).create()
    save(plant, made.plant_file)
    return made


@pytest.fixture
def start(home, dsn):
    """Start the relay's real process; all are killed at the end."""
    started = []

    def begin():
        environment = {**os.environ, "SEAMLINE_HOME": str(home.root), "SEAMLINE_DSN": dsn}
        command = [sys.executable, "-m", "engine.relay", str(home.plant_file)]
        with (home.root / "relay.log").open("ab") as output:
            started.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_a_relay_killed_between_telling_and_noting_tells_again_under_the_same_key(address, dsn, start, home):
    happen(dsn, *range(1, 6))
    address.hold.clear()
    first = start()
    address.wait_for(1)
    first.kill()
    first.wait()
    assert deliveries(dsn) == []
    address.hold.set()
    second = start()
    until(lambda: len(deliveries(dsn)) == 5)
    assert Counter(address.keys) == {key(1): 2, key(2): 1, key(3): 1, key(4): 1, key(5): 1}
    second.terminate()
    assert second.wait(TIMEOUT) == 0
    (said,) = health.read_all(home.health)
    assert (said.kind, said.name, said.ended, said.restarts) == ("relay", SHARD, True, 1)


def test_a_replay_has_the_same_keys_and_tells_nobody(address, tmp_path, dsn, plain_dsn):
    machine = {"name": "mill", "tags": [{"name": "execution", "type": "text"}]}
    described = {"name": "hall", "machines": [machine], "outbox": {"url": address.url, "stopped_after_s": 60}}
    clock, home = ManualClock(1_700_000_000 * SECOND), Home(tmp_path)
    log = LogWriter(home.log / SHARD, clock)
    for word in ("ACTIVE", "READY", "ACTIVE", "READY"):
        said = Readings.texts(["mill"], ["execution"], [clock.time], [word])
        log.append(Kind.READINGS, encode(said.to_arrow()))
        for _ in range(18):
            clock.time += 5 * SECOND
            log.append(Kind.TICK, b"")
    log.commit()
    log.close()
    found = []
    for database in (dsn, plain_dsn):
        replay_log(Plant.model_validate(described), home.log / SHARD, database)
        with connect(database) as connection:
            told = connection.execute("SELECT key, position, payload FROM outbox ORDER BY 1")
            found.append(told.fetchall())
    assert found[0] == found[-1]
    assert [payload["since"][11:19] for _, _, payload in found[0]] == ["22:14:50", "22:17:50"]
    assert address.heard == []

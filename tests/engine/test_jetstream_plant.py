"""A plant whose log is kept by NATS JetStream."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from bench.chaos import committed, differences
from engine import health
from engine.appender import run_appender
from engine.line_log import newest, open_view
from engine.overview import log_age
from engine.paths import Home
from engine.plant import JetStreamSection, LogSection, Plant, PlantError, ServeSection
from engine.plant.secrets import SecretError
from engine.shard import run_shard
from engine.store import connect
from streams.log.abc import Kind
from streams.log.export import export
from streams.log.jetstream.testing import Server
from streams.log.producer import ZmqProducer
from streams.records import Readings, encode
from streams.testing import running, until

TIMEOUT = 60
MACHINE = {"name": "press", "tags": [{"name": "load", "detect": True}]}


@pytest.fixture
def nats(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


@pytest.fixture
def plant(nats):
    section = JetStreamSection(servers=[nats.url])
    return Plant.model_validate({"name": "p", "machines": [MACHINE], "log": LogSection(jetstream=section)})


def send(producer, count):
    for number in range(count):
        now = time.time_ns() // 1000
        batch = Readings.numbers(
            ["press"] * 10, ["load"] * 10, [now + 1_000 * n for n in range(10)], [number] * 10
        )
        producer.send(Kind.READINGS, encode(batch.to_arrow()))
    assert producer.flush(TIMEOUT)


def said(home):
    """Return what the appender said of itself last: it speaks once a second."""
    (record,) = [one for one in health.read_all(home.health) if one.kind == "appender"]
    return record


def test_its_shard_lands_every_reading_once_though_the_server_is_killed(
    nats, plant, home, plain_server, tmp_path
):
    dsn, again = plain_server.create(), plain_server.create()
    with closing(ZmqProducer(home.appender, "line-1", "press")) as producer:
        with running(lambda stop: run_appender(plant, home, stop)):
            with running(lambda stop: run_shard(plant, home, dsn, stop)):
                send(producer, 30)
                until(lambda: committed(dsn, "line-1") > 0)  # one that only begins would end without its log
                nats.kill()
                for number in range(30):
                    producer.send(Kind.READINGS, b"half a batch %d" % number)
                nats.start()
                send(producer, 30)
                sent = newest(plant, home).position
                until(lambda: committed(dsn, "line-1") >= sent)
            until(lambda: said(home).counters["position"] >= sent)
            assert said(home).part("log", "line-1").ok
            send(producer, 10)
        end = newest(plant, home).position
        for one in (dsn, again):
            with running(lambda stop, one=one: run_shard(plant, home, one, stop)):
                until(lambda one=one: committed(one, "line-1") == end)
    with connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (700,)
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (30,)
    assert differences(dsn, again) == {}
    assert list(home.log.iterdir()) == []
    assert 0 <= log_age(home, plant) < 60
    with closing(open_view(plant, home)) as view:
        assert sum(file.rows for file in export(view, tmp_path / "out", 0, 2**62)) == 700
    for one in (dsn, again):
        plain_server.drop(one)


def test_nothing_is_known_of_a_log_whose_servers_are_away(nats, plant, home):
    nats.kill()
    assert newest(plant, home) is None
    assert log_age(home, plant) is None


def test_what_does_not_go_together_is_refused(nats, plant, home, tmp_path):
    section = plant.log.jetstream
    serve = ServeSection(endpoint="tcp://127.0.0.1:1")
    for other in ({"when_full": "drop_oldest"}, {"serve": serve}, {"archive": tmp_path}):
        odd = plant.model_copy(update={"log": LogSection(jetstream=section, **other)})
        with pytest.raises(PlantError, match="refuses when it is full"):
            open_view(odd, home)
    guarded = JetStreamSection(servers=[nats.url], user="plant", password_file=tmp_path / "none")
    with pytest.raises(SecretError, match="cannot be read"):
        open_view(plant.model_copy(update={"log": LogSection(jetstream=guarded)}), home)

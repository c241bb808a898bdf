"""A shard on one node, its log on another."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest

from bench.chaos import committed, differences
from engine.line_log import open_view
from engine.paths import Home
from engine.plant import LogSection, Plant, RemoteSection, ServeSection, save
from engine.plant.keys import CurveClientSection, CurveSection
from engine.replay import replay_log
from engine.shard import run_shard
from engine.store import connect
from streams.connectors.curve import KeyFileError, write_secret
from streams.log.abc import Kind
from streams.log.producer import ZmqProducer
from streams.log.tail import last_entry
from streams.peers.ports import free_port
from streams.records import Readings, encode
from streams.testing import running

TIMEOUT = 60
MACHINE = {"name": "press", "tags": [{"name": "load", "detect": True}]}


@pytest.fixture
def nodes(tmp_path):
    """A node with the log, and the plant file and home of another whose shard reads it, keys between them."""
    nodes = Nodes(tmp_path)
    save(nodes.here, nodes.home.root / "plant.yaml")
    return nodes


class Nodes:
    def __init__(self, root):
        server, client = write_secret(root / "log.key"), write_secret(root / "node-2.key")
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        curve = CurveSection(secret_key=root / "log.key", clients={"node-2": client})
        serve = ServeSection(endpoint=endpoint, flow="elsewhere", curve=curve)
        far = CurveClientSection(secret_key=root / "node-2.key", server=server)
        remote = RemoteSection(endpoint=endpoint, curve=far)
        self.home, self.elsewhere = Home(root / "one").create(), Home(root / "two").create()
        self.here = Plant.model_validate({"name": "p", "machines": [MACHINE], "log": LogSection(serve=serve)})
        self.there = self.here.model_copy(update={"log": LogSection(remote=remote)})
        self.sent = 0

    @contextmanager
    def appender(self):
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.appender", self.home.root / "plant.yaml"],
            env={"SEAMLINE_HOME": str(self.home.root), "PATH": ""},
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT)

    def send(self, producer, count):
        for _ in range(count):
            self.sent += 1
            now = time.time_ns() // 1000
            batch = Readings.numbers(
                ["press"] * 10,
                ["load"] * 10,
                [now + 1_000 * number for number in range(10)],
                [float(self.sent)] * 10,
            )
            producer.send(Kind.READINGS, encode(batch.to_arrow()))
        assert producer.flush(TIMEOUT)

    @property
    def end(self):
        return last_entry(self.home.log / "line-1").position


def landed(dsn, position):
    """Wait until a log position, and so all before it, is committed."""
    deadline = time.monotonic() + TIMEOUT
    while committed(dsn, "line-1") < position:
        assert time.monotonic() < deadline, "it was not committed"
        time.sleep(0.02)


def test_a_shard_elsewhere_lands_what_one_here_would_though_the_appender_is_killed(nodes, plain_server):
    dsn, again = plain_server.create(), plain_server.create()
    with ExitStack() as stack:
        producer = ZmqProducer(nodes.home.appender, "line-1", "press")
        stack.callback(producer.close)
        for _ in range(2):
            with nodes.appender() as process:
                nodes.send(producer, 20)
                with running(lambda stop: run_shard(nodes.there, nodes.elsewhere, dsn, stop)):
                    landed(dsn, nodes.end)
                    nodes.send(producer, 20)
                    process.kill()
                    process.wait(TIMEOUT)
                    with nodes.appender():
                        nodes.send(producer, 20)
                        landed(dsn, nodes.end)
    assert list(nodes.elsewhere.log.iterdir()) == []
    with running(lambda stop: run_shard(nodes.here, nodes.home, dsn, stop)):
        landed(dsn, nodes.end)
    replay_log(nodes.here, nodes.home.log / "line-1", again)
    assert differences(dsn, again) == {}
    with connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (10 * nodes.sent,)
    for one in (dsn, again):
        plain_server.drop(one)


def test_a_key_that_others_may_read_is_told(nodes, tmp_path):
    (tmp_path / "node-2.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        open_view(nodes.there, nodes.elsewhere)

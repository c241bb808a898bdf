"""A gateway process killed by SIGKILL: what the next one puts on record, and what the flow makes of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager

import pytest

from engine.memories import Memories
from engine.paths import Home
from engine.plant import Plant, save
from streams.chain import LineChain
from streams.clock import SECOND, WallClock
from streams.connectors.stamps import iso, stamp
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.log.server import LogServer
from streams.log.writer import LogWriter
from streams.operators.testing import table
from streams.records import Readings, Rejects, decode
from streams.testing import rows, running

TIMEOUT = 60
TAGS = [{"name": name, "type": "text"} for name in ("avail", "execution")]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


@pytest.fixture
def log(home):
    writer = LogWriter(home.log / "line-1", WallClock())
    with LogServer(home.appender, "line-1", writer) as server, running(server.run):
        yield home.log / "line-1"
    writer.close()


@pytest.fixture
def adapter():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        yield server


@contextmanager
def connected(home, adapter):
    """Run a gateway as a plant does and kill it at the end; the value is the adapter's side of its link."""
    words = [sys.executable, "-m", "engine.gateway", home.root / "plant.yaml"]
    process = subprocess.Popen(words, env={**os.environ, "SEAMLINE_HOME": str(home.root)})
    with ExitStack() as stack:
        stack.callback(process.wait, TIMEOUT)
        try:
            link, _ = adapter.accept()
            yield stack.enter_context(link)
        finally:
            process.kill()


def until(condition, what):
    waited = threading.Event()
    for _ in range(TIMEOUT * 50):
        if condition():
            return
        waited.wait(0.02)
    raise AssertionError(f"{what} never came")


def entries(folder, *kinds):
    reader = FileLogReader(folder)
    found = list(reader.read(0, 1 << 30))
    reader.close()
    return [entry for entry in found if not kinds or entry.kind in kinds]


def said(folder):
    batches = [Readings.from_arrow(decode(entry.payload)) for entry in entries(folder, Kind.READINGS)]
    return [(tag, ts, value) for batch in batches for tag, ts, value, _ in rows(batch)]


def gaps(folder):
    batches = [Rejects.from_arrow(decode(entry.payload)) for entry in entries(folder, Kind.REJECTS)]
    return [json.loads(raw) for batch in batches for raw in batch.raw.to_list()]


def states(described, folder):
    """Return begin and end of each time the machine ran, as the flow tells them last."""
    chain, ran = LineChain(described.catalog(), lambda entry: ((), None)), {}
    for entry in entries(folder):
        for begin, end, state in table(chain.update(entry).rows, "states", "ts", "end_ts", "state"):
            ran[begin] = (begin, end, state)
    return [row for _, row in sorted(ran.items()) if row[2] == "run"]


def noted(home):
    """Return until when the adapter is known to have been heard."""
    standing = Memories(home.heard("line-1")).of("mill").recall("")
    return 0 if standing is None else standing.until


def test_a_killed_gateway_is_on_record_and_its_machine_did_not_run_meanwhile(home, log, adapter):
    described = Plant.model_validate(
        {
            "name": "killed",
            "machines": [{"name": "mill", "tags": TAGS}],
            "sources": [
                {"kind": "shdr", "name": "mill", "machine": "mill", "port": adapter.getsockname()[1]}
            ],
        }
    )
    save(described, home.root / "plant.yaml")
    opening = f"{iso(WallClock().now())}|avail|AVAILABLE|execution|ACTIVE\n".encode()
    with connected(home, adapter) as link:
        link.sendall(opening)
        until(lambda: len(said(log)) == 2, "the words")
        until(lambda: noted(home) > max(ts for _, ts, _ in said(log)), "the note")
    dead = WallClock().now()
    with connected(home, adapter) as link:
        link.sendall(opening)
        until(lambda: len(said(log)) == 5, "the words of the next gateway")
        last = entries(log, Kind.READINGS)[-1].received
        until(lambda: entries(log)[-1].received > last + 3 * SECOND, "time enough to tell them")
        link.sendall(f"{iso(WallClock().now())}|execution|ACTIVE\n".encode())
        until(lambda: len(said(log)) == 6, "a word behind them")
    first, second = gaps(log)
    assert (first["from"], second["why"]) == (None, "the gateway was killed")
    (away,) = [ts for tag, ts, value in said(log) if value == "UNAVAILABLE"]
    assert stamp(second["from"]) <= away <= dead <= stamp(second["to"])
    first, second = states(described, log)
    assert first[1] == away
    assert second[0] > dead

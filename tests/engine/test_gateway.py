from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pyarrow as pa
import pytest
import zmq

from engine import health
from engine.gateway import Feed, ProducerOutlet, main, run_feeds, run_gateway
from engine.memories import Memories
from engine.paths import Home
from engine.plant import CsvSource, MachineSection, Plant, ShdrSource, TagSection, ZmqSource, save
from engine.plant.keys import CurveSection
from engine.sources import build_connector
from streams.catalog import Machine, Tag
from streams.clock import ManualClock, WallClock
from streams.connectors.csv import CsvConnector
from streams.connectors.curve import write_secret
from streams.connectors.shdr import ShdrConnector
from streams.connectors.zeromq import ZmqConnector
from streams.connectors.zeromq_sender import ZmqSender
from streams.log import mixed
from streams.log.abc import Kind
from streams.log.errors import LogError
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.server import LogServer
from streams.log.writer import LogWriter
from streams.records import Readings, Rejects, decode, encode
from streams.replay import ShdrServer
from streams.testing import rows, running, until
from streams.waveforms import Waveforms

TIMEOUT = 60


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path))
    return Home(tmp_path).create()


@pytest.fixture
def log(home):
    """A running log server; the value reads what was accepted."""
    writer = LogWriter(home.log / "line-1", WallClock())
    with LogServer(home.appender, "line-1", writer) as server, running(server.run):
        yield Accepted(home)
    writer.close()


class Accepted:
    """What the log holds."""

    def __init__(self, home):
        self._reader_of = home.log / "line-1"

    def entries(self):
        reader = FileLogReader(self._reader_of)
        found = [entry for entry in reader.read(0, 1 << 30) if entry.kind != Kind.TICK]
        reader.close()
        return found

    def rows(self, source):
        entries = [entry for entry in self.entries() if entry.producer.startswith(f"{source}/")]
        readings = [
            Readings.from_arrow(decode(entry.payload)) for entry in entries if entry.kind == Kind.READINGS
        ]
        return [row for batch in readings for row in rows(batch)]


def plant(home, port=1):
    tags = [TagSection(name="avail", type="text"), TagSection(name="load")]
    return Plant(
        name="test",
        machines=[MachineSection(name="Mill", tags=tags)],
        sources=[
            ShdrSource(kind="shdr", name="mill", machine="Mill", port=port),
            ZmqSource(kind="zeromq", name="sensors", endpoint=home.socket("sensors")),
        ],
    )


@contextmanager
def asking(home):
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, TIMEOUT * 1000)
        socket.connect(home.socket("sensors"))
        yield socket


def test_the_outlet_writes_readings_and_rejects_to_the_log(home, log):
    producer = ZmqProducer(home.appender, "line-1", "mill")
    outlet = ProducerOutlet(producer)
    batch = Readings.numbers(["Mill"], ["load"], [5], [1.5])
    assert outlet.readings(batch).wait(TIMEOUT)
    assert outlet.rejects(Rejects.of("bad_time", ["?"], "Mill")).wait(TIMEOUT)
    producer.close()
    first, second = log.entries()
    assert (first.kind, first.producer) == (Kind.READINGS, producer.producer)
    assert log.rows("mill") == [("load", 5, 1.5, 0)]
    assert Rejects.from_arrow(decode(second.payload)).reason.to_list() == ["bad_time"]


def test_waveforms_reach_the_log_as_they_were_and_are_counted(home, log):
    producer = ZmqProducer(home.appender, "line-1", "sensors")
    outlet = ProducerOutlet(producer)
    one = {"machine": ["Mill"], "sensor": ["bearing"], "ts": [5], "rate_hz": [100], "samples": [[1, 2]]}
    found = Waveforms.from_arrow(pa.RecordBatch.from_pydict(one))
    assert outlet.waveforms(found).wait(TIMEOUT)
    pause = threading.Event()
    with outlet.relay() as relay:
        while relay.send("probe", 1, 0, Readings.empty(), Rejects.of("", []), found):
            pause.wait(0.01)
        while not list(relay.answers()):
            pause.wait(0.01)
    producer.close()
    assert [entry.kind for entry in log.entries()] == [Kind.WAVEFORM] * 2
    told = [Waveforms.decode(entry.payload).samples.tolist() for entry in log.entries()]
    assert told == [[[1.0, 2.0]]] * 2
    assert outlet.sent["waveforms"] == 2


def test_every_kind_of_source_has_its_connector(home, tmp_path):
    described = plant(home)
    table = CsvSource(kind="csv", name="t", machine="Mill", path=tmp_path / "x.csv", time_column="ts")
    built = [build_connector(source, described) for source in (*described.sources, table)]
    assert [type(one) for one in built] == [ShdrConnector, ZmqConnector, CsvConnector]


def test_all_sources_run_until_the_gateway_is_stopped(home, log):
    now = WallClock().now()
    lines = iter([(now, b"2026-01-01T00:00:00Z|load|7")])
    with ShdrServer(0, lines, ManualClock(now)) as server, running(server.run):
        described = plant(home, server.port)
        with running(lambda stop: run_gateway(described, home, stop)), asking(home) as socket:
            batch = Readings.numbers(["Mill"], ["load"], [5], [1.5])
            socket.send_multipart([b"arrow", b"1", encode(batch.to_arrow())])
            assert socket.recv_multipart() == [b"1", b"ok", b""]
            while not log.rows("mill"):
                assert not threading.Event().wait(0.01)
    (said,) = health.read_all(home.health)
    assert (said.kind, said.name, said.ended) == ("gateway", "line-1", True)
    assert said.part("source", "sensors").counters["readings"] == 1
    assert said.part("source", "mill").trouble.endswith("is gone: the connection ended.")
    assert log.rows("sensors") == [("load", 5, 1.5, 0)]
    assert [(tag, value) for tag, _, value, _ in log.rows("mill")] == [
        ("load", 7.0),
        ("avail", "UNAVAILABLE"),
    ]


class Fragile:
    """A connector that fails twice and then works."""

    trouble = ""

    def __init__(self):
        self.runs = 0
        self.works = threading.Event()

    def run(self, outlet, stop):
        self.runs += 1
        if self.runs < 3:
            raise ValueError("the cable is loose")
        outlet.readings(Readings.numbers(["Mill"], ["load"], [1], [1.0]))
        self.works.set()
        stop.wait()


def test_a_connector_that_fails_is_started_anew_and_counted(home, log, monkeypatch, capsys):
    monkeypatch.setattr("engine.gateway.BACKOFF", (0.001, 0.01))
    fragile = Fragile()
    feed = Feed("mill", fragile, ZmqProducer(home.appender, "line-1", "mill"))
    feed.start()
    assert fragile.works.wait(TIMEOUT)
    feed.stop()
    assert feed.finish(time.monotonic() + TIMEOUT)
    assert feed.failures == 2
    assert feed.health().ok
    told = feed.health().counters
    assert told == {"entries": 1, "readings": 1, "rejects": 0, "waveforms": 0, "waiting": 0, "failures": 2}
    assert len(log.rows("mill")) == 1
    assert capsys.readouterr().out.count("the cable is loose") == 2


def test_a_replay_whose_file_is_damaged_sends_nothing_twice(home, log, tmp_path):
    row, path = "2026-01-01T00:00:00Z,", tmp_path / "a.csv"
    path.write_text("\n".join(["time,load", *[f"{row}1"] * 2000, row + "9" * 200_000, f"{row}2"]))
    replay = CsvConnector(Machine("Mill", (Tag("load"),)), path, "time", ",", (), WallClock())
    feed = Feed("mill", replay, ZmqProducer(home.appender, "line-1", "mill"))
    feed.start()
    until(lambda: feed.health().counters["readings"] >= 2001)
    feed.stop()
    assert feed.finish(time.monotonic() + TIMEOUT)
    assert [value for _, _, value, _ in log.rows("mill")] == [1.0] * 2000 + [2.0]
    assert (feed.failures, feed.health().counters["rejects"]) == (0, 1)


def test_a_source_that_cannot_be_heard_says_why(home, log):
    feed = Feed("mill", Fragile(), ZmqProducer(home.appender, "line-1", "mill"))
    feed.start()
    while feed.failures == 0:
        assert not threading.Event().wait(0.01)
    assert feed.health().trouble == "the cable is loose"
    feed.stop()
    assert feed.finish(time.monotonic() + TIMEOUT)


def test_what_could_not_be_delivered_is_said(home, monkeypatch, capsys):
    monkeypatch.setattr("engine.gateway.BACKOFF", (0.001, 0.01))
    fragile = Fragile()
    feed = Feed("mill", fragile, ZmqProducer(home.appender, "line-1", "mill"))
    feed.start()
    assert fragile.works.wait(TIMEOUT)
    feed.look()
    assert feed.health().trouble.endswith("does not answer.")
    assert feed.health().counters["waiting"] == 1
    feed.stop()
    assert not feed.finish(time.monotonic() + 0.05)
    said = capsys.readouterr().out
    assert "source.waits" in said
    assert "source.lost" in said
    assert "does not answer" in said


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_gateway_whose_source_is_cut_off_from_the_log_ends_to_be_started_anew(home, log, monkeypatch):
    def misread(frames):
        raise ValueError("2 frames are no answer")

    monkeypatch.setattr("streams.log.producer.unpack_answer", misread)
    monkeypatch.setattr("engine.gateway.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("engine.gateway.BACKOFF", (0.001, 0.01))
    stop = threading.Event()
    feed = Feed("mill", Fragile(), ZmqProducer(home.appender, "line-1", "mill"))
    with pytest.raises(LogError, match="has to be started anew"):
        run_feeds([feed], Memories(home.heard("line-1")), stop)
    assert not stop.is_set()


def test_the_process_ends_cleanly(home, log):
    save(plant(home), home.root / "plant.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.gateway", home.root / "plant.yaml"], stderr=subprocess.PIPE, text=True
    )
    with asking(home) as socket:
        socket.send_multipart([b"json", b"1", b'{"machine": "Mill", "tag": "load", "ts": 1, "value": NaN}'])
        assert socket.recv_multipart()[1] == b"ok"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert "gateway.stopped" in said
    assert len(log.rows("sensors")) == 1


def test_usage_and_a_missing_plant_file(tmp_path, monkeypatch, capsys):
    for words, complaint in ([], "Usage: seamline-gateway"), ([tmp_path / "none.yaml"], "The plant file"):
        monkeypatch.setattr("sys.argv", ["seamline-gateway", *words])
        assert main() == 2
        assert capsys.readouterr().err.startswith(complaint)


def test_the_gateway_needs_nothing_of_ray_nor_of_the_flow():
    code = "import sys, engine.gateway; print({'ray', 'bytewax', 'cv2', 'openvino'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@contextmanager
def gateway(home):
    """A gateway process that may be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.gateway", home.root / "plant.yaml"], stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT)


def test_killed_at_random_the_gateway_neither_loses_nor_doubles_what_a_sender_repeats(home, log):
    """A sender without a routing id; every message is good and bad lines, so it is one mixed entry."""
    save(plant(home), home.root / "plant.yaml")
    chance, count = random.Random(4), 0
    with ZmqSender(home.socket("sensors"), "press") as sender:
        for _ in range(4):
            with gateway(home):
                until = sender.floor + chance.randrange(1, 400)
                while sender.floor < until:
                    while not sender.full:
                        count += 1
                        sender.add(b"json", b"bad\n" + numbered_line(count))
                    sender.work(0.05)
        with gateway(home):
            assert sender.flush(TIMEOUT)
    entries = [entry for entry in log.entries() if entry.producer == f"sensors/{sender.name}"]
    assert {entry.kind for entry in entries} == {Kind.MIXED}
    held = [mixed.unpack(entry.payload) for entry in entries]
    assert [readings.value.tolist() for readings, _ in held] == [[float(n)] for n in range(1, count + 1)]
    assert all(rejects.reason.to_list() == ["malformed_json"] for _, rejects in held)
    assert sender.floor == count


def numbered_line(number):
    return b'{"machine": "Mill", "tag": "load", "ts": 1, "value": %d}' % number


def test_a_key_file_that_others_may_read_stops_its_source_alone(home, log, tmp_path, capsys):
    key = tmp_path / "our.key"
    public = write_secret(key)
    key.chmod(0o644)
    curve = CurveSection(secret_key=key, clients={"press": public})
    guarded = ZmqSource(kind="zeromq", name="guarded", endpoint=home.socket("guarded"), curve=curve)
    described = plant(home).model_copy(update={"sources": [guarded, plant(home).sources[1]]})
    with running(lambda stop: run_gateway(described, home, stop)), asking(home) as socket:
        socket.send_multipart([b"json", b"1", numbered_line(1)])
        assert socket.recv_multipart() == [b"1", b"ok", b""]
        while "source.failed" not in (said := capsys.readouterr().out):
            assert not threading.Event().wait(0.01)
    assert "chmod 600" in said

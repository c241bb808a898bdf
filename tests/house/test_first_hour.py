"""A stranger's first hour, compressed: fresh clone, demo, an own line, whatever can go wrong, accounts.

It runs the two commands of the README in a clone with an environment of its own. The packages of
others come from this environment; the project itself is built and installed anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pytest
import zmq

from cluster.demo import free_port
from cluster.testing import PATIENCE, Running, counts, running, title, wait_for
from engine import health
from engine.paths import Home
from engine.plant import (
    ConsoleSection,
    MachineSection,
    Plant,
    StationSection,
    TagSection,
    ZmqCamera,
    ZmqSource,
)
from engine.plant import save as save_plant
from engine.redact import spellings
from engine.store.embedded import Embedded
from streams.clock import SECOND
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.records import decode
from vision.evidence.testing import kept

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2/first hour"
OUTAGE_SECONDS = 8.0
"""How long the database is away: the minute of the story."""
CAMERA = """
import json, signal, sys, threading
from itertools import islice
from pathlib import Path
import zmq
from vision.evidence.testing import kept
endpoint, pictures, run = sys.argv[1:]
shown = list(islice(kept(Path(pictures)), 20))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
    socket.connect(endpoint)
    sent = 0
    while not stop.wait(0.2):
        sent += 1
        told = {"serial": f"{run}-{sent}", "sequence": sent, "run": run}
        socket.send_multipart([json.dumps(told).encode(), shown[sent % len(shown)]])
print(sent)
"""
FAR = "4000000000000000"
"""In the year 2096."""
MESSAGE = 5
"""Readings in a message of the sensors."""
GARBAGE = {
    "malformed_json": '{"machine": "oven-1", "tag": ',
    "not_a_number": '{"machine": "oven-1", "tag": "temperature", "ts": NOW, "value": NaN}',
    "text_in_number": '{"machine": "oven-1", "tag": "temperature", "ts": NOW, "value": "hot"}',
    "unknown_tag": '{"machine": "oven-1", "tag": "colour", "ts": NOW, "value": 1}',
    "event_time_out_of_range": '{"machine": "oven-1", "tag": "temperature", "ts": FAR, "value": 1}',
}


@dataclass
class Clone:
    """A fresh clone with an environment of its own, a database with a password, and what was said so far."""

    folder: Path
    home: Home
    server: Embedded
    dsn: str
    said: list[str] = field(default_factory=list)
    ray_logs: set[Path] = field(default_factory=set)

    def start(self, *command: str, shard: str, port: int) -> Any:
        """Run a command of the clone as its user does."""
        variables = environment() | {"SEAMLINE_DSN": self.dsn}
        return running(command, self.home.root, shard, port, variables, self.folder)

    def end(self, plant: Running) -> dict[str, Any]:
        """End a plant by Ctrl-C; it leaves no process, and its accounts close."""
        everyone = plant.processes()
        raylet = next(found for found in everyone if "raylet/raylet" in title(found))
        socket = next(word for word in raylet.cmdline() if word.startswith("--raylet_socket_name="))
        self.ray_logs.add(Path(socket.partition("=")[2]).parents[1] / "logs")
        self.said += plant.interrupt()
        _, left = psutil.wait_procs(everyone, timeout=PATIENCE)
        assert [title(process) for process in left] == []
        result = counts(self.said[-2])
        assert result["frames_unaccounted"] == 0
        return result


def environment() -> dict[str, str]:
    """Return what a stranger's shell would have: nothing of this suite."""
    ours = ("SEAMLINE", "COV", "PYTEST", "MAKE", "MFLAGS", "PYTHON")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


@pytest.fixture
def clone(database_folder: Callable[[], Path], tmp_path: Path) -> Iterator[Clone]:
    """Clone and build, as ``make demo`` would on a fresh machine."""
    folder, state = tmp_path / "seamline", database_folder()
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    venv.create(folder / ".venv", with_pip=True)
    site = next((folder / ".venv" / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    subprocess.run(["make", ".venv/.runtime"], cwd=folder, env=environment(), check=True)
    server = Embedded(state / "pg")
    server.start()
    where = psycopg.conninfo.conninfo_to_dict(server.dsn("seamline_writer"))
    dsn = f"postgresql://seamline_writer:{quote(PASSWORD, safe='')}@/seamline?host={where['host']}"
    yield Clone(folder, Home(state / "home"), server, dsn)
    server.stop()


class Sensors(threading.Thread):
    """A sensor gateway that sends till it is stopped, again where no answer comes, and keeps accounts."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(daemon=True)
        self._endpoint = endpoint
        self._stop_asked = threading.Event()
        self.acknowledged: list[int] = []
        """Event times, each its own, of the readings that were answered with ok."""

    def run(self) -> None:
        """Send."""
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.ROUTING_ID, b"first-hour")
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self._endpoint)
            for number in range(1_000_000):
                if self._stop_asked.wait(0.05):
                    return
                now = time.time_ns() // 1000
                self._ask(socket, str(number).encode(), [now + index for index in range(MESSAGE)])

    def finish(self) -> None:
        """Stop once the last message is answered."""
        self._stop_asked.set()
        self.join(PATIENCE)
        assert not self.is_alive()

    def _ask(self, socket: zmq.Socket[bytes], label: bytes, stamps: list[int]) -> None:
        common = {"machine": "oven-1", "tag": "temperature", "value": 182.5}
        payload = "\n".join(json.dumps({**common, "ts": stamp}) for stamp in stamps).encode()
        answered: list[bytes] = []
        while answered[:1] != [label]:
            socket.send_multipart([b"json", label, payload])
            while socket.poll(2000) and answered[:1] != [label]:
                answered = socket.recv_multipart()
        assert answered[1] == b"ok"
        self.acknowledged += stamps


@dataclass
class OwnLine:
    """The line that the stranger describes: an oven's sensor and a station with a remote camera."""

    clone: Clone
    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.sensors, self.camera = f"ipc://{self.folder}/sensors.sock", f"ipc://{self.folder}/camera.sock"
        camera = ZmqCamera(kind="zeromq", name="camera-1", endpoint=self.camera)
        plant = Plant(
            name="First hour",
            shard="line-1",
            machines=[MachineSection(name="oven-1", tags=[TagSection(name="temperature")])],
            stations=[StationSection(name="weld-2", cameras=[camera])],
            sources=[ZmqSource(kind="zeromq", name="sensors", endpoint=self.sensors)],
            console=ConsoleSection(port=self.port),
        )
        save_plant(plant, self.folder / "plant.yaml")

    def start(self) -> Any:
        """Run it."""
        command = str(self.clone.folder / ".venv" / "bin" / "seamline")
        file = str(self.folder / "plant.yaml")
        return self.clone.start(command, "run", file, "--json", shard="line-1", port=self.port)

    def show(self, run: str) -> subprocess.Popen[str]:
        """Begin to send pictures: those that the demo inspected."""
        return subprocess.Popen(
            [sys.executable, "-c", CAMERA, self.camera, str(self.clone.home.evidence), run],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def spoil(self) -> None:
        """Send what no sender should."""
        picture = next(kept(self.clone.home.evidence))
        with zmq.Context() as context:
            with context.socket(zmq.PUSH) as socket:
                socket.connect(self.camera)
                socket.send_multipart([b'{"serial": "half"}', picture[: len(picture) // 2]])
                socket.send_multipart([b'{"serial": ', picture])
            with context.socket(zmq.DEALER) as socket:
                socket.connect(self.sensors)
                for reason, line in GARBAGE.items():
                    now = str(time.time_ns() // 1000)
                    socket.send_multipart(
                        [b"json", reason.encode(), line.replace("NOW", now).replace("FAR", FAR).encode()]
                    )
                    assert socket.poll(int(PATIENCE * 1000))
                    socket.recv_multipart()
                socket.send_multipart([b"xml", b"1", b"<reading/>"])
                assert socket.poll(int(PATIENCE * 1000))
                assert socket.recv_multipart()[1] == b"refused"
                socket.send_multipart([b"one frame alone"])


@pytest.mark.timeout(900)
def test_a_strangers_first_hour(clone: Clone, database_folder: Callable[[], Path]) -> None:
    seen = first_verdict(clone)
    line = OwnLine(clone, database_folder())
    sensors, sent = Sensors(line.sensors), {}
    with line.start() as plant:
        sensors.start()
        camera = line.show("first")
        plant.await_verdicts(beyond=seen)
        line.spoil()
        plant.find("engine.appender").kill()
        plant.await_verdicts(beyond=plant.verdicts())
        stopped_camera(clone, camera, sensors)
        database_away(plant, clone.server, sensors)
        sent["first"] = last_of(camera)
        wait_for(lambda: judged(clone.dsn, "first-") == sent["first"])
        clone.end(plant)
    with line.start() as plant:
        camera = line.show("second")
        wait_for(lambda: judged(clone.dsn, "second-") > 0)
        sensors.finish()
        sent["second"] = last_of(camera)
        wait_for(lambda: judged(clone.dsn, "second-") == sent["second"])
        clone.end(plant)
    everything_is_accounted_for(clone, sensors.acknowledged, sent)
    nothing_told_the_password(clone)


def first_verdict(clone: Clone) -> int:
    """Run ``make demo`` until its first verdict is on the page; kill the gateway; return all verdicts."""
    port = free_port()
    words = f"ARGS=--no-browser --json --port={port}"
    with clone.start("make", "demo", words, shard="demo", port=port) as plant:
        page = wait_for(lambda: shows_a_part(plant))
        assert 'lang="en-US"' in page
        plant.find("engine.gateway").kill()
        windows = wait_for(plant.status).windows
        wait_for(lambda: (now := plant.status()) and now.windows > windows)
        verdicts: int = clone.end(plant)["verdicts"]
    return verdicts


def shows_a_part(plant: Running) -> str | None:
    """Return the station's page once the newest part is on it."""
    try:
        last = json.loads(plant.get("/api/status") or "{}")["stations"]["weld-1"]["last"]
    except KeyError:
        return None
    page = plant.get("/station") if last else ""
    return page if page and last["serial"] in page else None


def stopped_camera(clone: Clone, camera: subprocess.Popen[str], sensors: Sensors) -> None:
    """Freeze the camera: its parts stand still, the sensors do not; then let it go on."""
    process = psutil.Process(camera.pid)
    process.suspend()
    seen = wait_for(lambda: standing_still(clone))
    sent = len(sensors.acknowledged)
    wait_for(lambda: len(sensors.acknowledged) > sent + 20)
    assert judged(clone.dsn) == seen
    process.resume()
    wait_for(lambda: judged(clone.dsn) > seen)


def standing_still(clone: Clone) -> int | None:
    """Return the parts judged once the station says that its camera stands still and all are committed."""
    record = health.read(health.path_of(clone.home.health, "station", "weld-2"))
    camera = record.part("camera", "camera-1") if record else None
    if record is None or camera is None or camera.moved is None or camera.counters["open"]:
        return None
    captured = int(camera.counters["captured"])
    still = record.updated - camera.moved > 2 * SECOND
    return captured if still and judged(clone.dsn) == captured else None


def database_away(plant: Running, server: Embedded, sensors: Sensors) -> None:
    """Stop the database for a while; kill the shard meanwhile; what is sent is taken and comes later."""
    seen = plant.verdicts()
    server.stop()
    wait_for(lambda: not json.loads(plant.get("/api/status") or "{}").get("ok", True))
    sent, until = len(sensors.acknowledged), time.monotonic() + OUTAGE_SECONDS
    plant.find("ray::ShardActor").kill()
    wait_for(lambda: time.monotonic() > until and len(sensors.acknowledged) > sent + 20)
    server.start()
    plant.await_verdicts(beyond=seen)
    wait_for(lambda: json.loads(plant.get("/api/status") or "{}").get("ok"))


def last_of(camera: subprocess.Popen[str]) -> int:
    """Stop a camera and return how many pictures it sent."""
    camera.terminate()
    return int(camera.communicate(timeout=PATIENCE)[0])


def judged(dsn: str, serials: str = "") -> int:
    """Return how many parts of the own line have a verdict, those whose serials begin so."""
    with psycopg.connect(dsn) as db:
        query = "SELECT count(*) FROM verdicts WHERE station = 'weld-2' AND starts_with(serial, %s)"
        row = db.execute(query, [serials]).fetchone()
    return int(row[0]) if row else 0


def everything_is_accounted_for(clone: Clone, acknowledged: list[int], sent: dict[str, int]) -> None:
    """Compare logs, rows and what was sent."""
    logged = Counter[str]()
    with psycopg.connect(clone.dsn) as db:
        for shard in ("demo", "line-1"):
            positions = db.execute("SELECT position FROM shard WHERE id = %s", [shard]).fetchone()
            assert positions == (count_log(clone.home.log / shard, logged),), (
                f"{shard}: rows end where its log ends"
            )
        rows = dict(db.execute(ROWS).fetchall())
        assert rows["readings"] + rows["quarantine"] == logged["readings"] + logged["rejects"]
        assert rows["verdicts"] == logged["verdicts"]
        balances = db.execute("SELECT difference FROM frame_balance").fetchall()
        assert len(balances) >= 3, "the demo's camera, and the own one's two runs"
        assert set(balances) == {(0,)}
        found = Counter(stamp for (stamp,) in db.execute(STAMPS))
        assert set(found) == set(acknowledged)
        assert sum(found.values()) - len(acknowledged) in (0, MESSAGE), (
            "asked again of a new gateway: one at most"
        )
        reasons = {reason for (reason,) in db.execute("SELECT DISTINCT reason FROM quarantine")}
        assert set(GARBAGE) | {"unreadable", "malformed_message"} <= reasons
        own = Counter(serial for serial, _ in db.execute(JUDGED))
        spoilt = [
            outcome for serial, outcome in db.execute(JUDGED) if serial.startswith(("half", "camera-1-"))
        ]
        assert spoilt == ["REVIEW", "REVIEW"]
        expected = {f"{run}-{number}" for run, last in sent.items() for number in range(1, last + 1)}
        assert {serial for serial in own if not serial.startswith(("half", "camera-1-"))} == expected
        assert set(own.values()) == {1}


ROWS = """
SELECT 'readings', count(*) FROM readings
UNION ALL SELECT 'verdicts', count(*) FROM verdicts
UNION ALL SELECT 'quarantine', count(*) FROM quarantine WHERE reason <> 'late'
"""
STAMPS = """
SELECT (extract(epoch FROM ts) * 1000000)::int8 FROM readings WHERE machine = 'oven-1' AND tag = 'temperature'
"""
JUDGED = "SELECT serial, outcome FROM verdicts WHERE station = 'weld-2'"


def count_log(folder: Path, logged: Counter[str]) -> int:
    """Count what a whole log says; return its last position."""
    reader, position = FileLogReader(folder), 0
    while entries := reader.read(position, 1 << 20):
        for entry in entries:
            position = entry.position
            if entry.kind in (Kind.READINGS, Kind.REJECTS):
                logged[entry.kind.name.lower()] += decode(entry.payload).num_rows
            logged["verdicts"] += entry.kind is Kind.VERDICT
    reader.close()
    return position


def nothing_told_the_password(clone: Clone) -> None:
    """Search what every process said, also in the files of the library that runs some of them."""
    folders = [clone.home.logs, *clone.ray_logs]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    said = [text.encode() for text in clone.said] + [path.read_bytes() for path in files]
    names = {path.name for path in files}
    assert {"appender.log", "gateway.log", "supervisor.log", "line-1.log", "raylet.out"} <= names
    for secret in spellings(PASSWORD):
        assert not any(secret.encode() in text for text in said)

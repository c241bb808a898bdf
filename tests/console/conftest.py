"""A line whose rows a test writes itself, and the console that looks at it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from engine.console.data import LOSSES
from engine.console.feeds import feeds
from engine.console.page import Console
from engine.console.poller import reader_pool
from engine.paths import Home
from engine.plant import (
    ConsoleSection,
    FolderCamera,
    MachineSection,
    Plant,
    ReplaySection,
    StationSection,
    TagSection,
    save,
)
from engine.store.levels import partitions
from streams.peers.ports import free_port
from vision import evidence

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHIFT = NOON.replace(hour=6)
SERIES = ("states", "oee", "anomalies", "verdicts", "findings", "frame_ledger", "quarantine")


def build_plant(**changes: Any) -> Plant:
    """A plant with one machine and one station that judges its own parts."""
    values: dict[str, Any] = {
        "name": "Test plant",
        "timezone": "Asia/Shanghai",
        "machines": [
            MachineSection(
                name="mill",
                tags=[TagSection(name="execution", type="text"), TagSection(name="load", detect=True)],
            )
        ],
        "stations": [
            StationSection(
                name="weld-check", cameras=[FolderCamera(kind="folder", name="cam1", path=Path("pictures"))]
            )
        ],
        "replay": ReplaySection(origin_us=0, start_us=0, speed=60.0),
        "console": ConsoleSection(),
    }
    return Plant(**values | changes)


@dataclass
class Line:
    """Write rows as the line's flow would."""

    db: psycopg.Connection[Any]
    evidence: Path
    clock: datetime = NOON
    frames: int = 0
    partitions: Any = field(default=None)
    stopped: datetime | None = None
    """When the shard committed for the last time; None while it commits all the time."""

    def __post_init__(self) -> None:
        self.partitions = partitions(self.db)
        days = [int((self.clock + timedelta(days=offset)).timestamp() // 86400) for offset in (-1, 0)]
        for table in SERIES:
            self.partitions.ensure(self.db, table, days)

    def insert(self, table: str, **columns: Any) -> None:
        """Insert one row."""
        names = ", ".join(columns)
        places = ", ".join(["%s"] * len(columns))
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(columns.values()))

    def commit(self, clock: datetime | None = None, age: float = 0.0) -> None:
        """Say that the shard committed ``age`` seconds ago and that the plant's time is ``clock``."""
        self.clock = clock or self.clock
        self.stopped = datetime.now(UTC) - timedelta(seconds=age) if age else None
        self.db.execute(
            "INSERT INTO shard VALUES ('line-1', 1, 3, 100, %s, now() - make_interval(secs => %s))"
            " ON CONFLICT (id) DO UPDATE SET clock = excluded.clock, committed = excluded.committed,"
            " position = shard.position + 1",
            [self.clock, age],
        )

    def part(
        self,
        serial: str,
        outcome: str,
        reason: str = "No defect in 1 view.",
        ts: datetime | None = None,
        picture: bytes | None = None,
        size: tuple[int, int] = (416, 416),
        findings: Iterable[tuple[str, float, tuple[float, float, float, float]]] = (),
        attempt: int = 1,
        station: str = "weld-check",
    ) -> None:
        """Write a verdict with its frame and findings."""
        ts, digest = ts or self.clock, None
        self.frames += 1
        where = {"tenant_id": 1, "station": station, "serial": serial, "ts": ts}
        seen = {"camera": "cam1", "view": "front"}
        if picture is not None:
            digest = evidence_digest(picture)
            with evidence.EvidenceStore(self.evidence, station) as store:
                store.keep({digest: picture})
        hashes = {
            f"{name}_hash": evidence_digest(name.encode()) for name in ("model", "preprocessing", "recipe")
        }
        self.insert(
            "verdicts", **where, machine="weld-check", part_number="demo", attempt=attempt, outcome=outcome,
            reason=reason, received=ts, **hashes,
        )  # fmt: skip
        self.insert(
            "frame_ledger", **where, **seen, run="run-1", first=self.frames, last=self.frames,
            outcome="inspected", reason="", frame_hash=digest, width=size[0], height=size[1],
        )  # fmt: skip
        for label, score, (x0, y0, x1, y1) in findings:
            self.insert(
                "findings", **where, **seen, attempt=attempt, frame_hash=digest or "", label=label,
                score=score, iso6520="2017" if label == "Surface_pores" else None, x0=x0, y0=y0, x1=x1, y1=y1,
            )  # fmt: skip

    def lost(
        self, outcome: str, frames: int = 1, ts: datetime | None = None, serial: str | None = None
    ) -> None:
        """Write frames that were not inspected."""
        first = self.frames + 1
        self.frames += frames
        self.insert(
            "frame_ledger", tenant_id=1, station="weld-check", camera="cam1", view="front", run="run-1",
            first=first, last=self.frames, ts=ts or self.clock, outcome=outcome, reason="newest",
            serial=serial,
        )  # fmt: skip

    def state(
        self, machine: str, ts: datetime, end: datetime | None, state: str, reason: str = "", version: int = 1
    ) -> None:
        """Write one version of a state interval."""
        self.insert(
            "states", tenant_id=1, machine=machine, ts=ts, version=version, end_ts=end, state=state,
            reason=reason or state.upper(), program="792",
        )  # fmt: skip

    def oee(self, machine: str, minutes: dict[str, float], ts: datetime = SHIFT, **columns: Any) -> None:
        """Write a shift's account; losses and effective time in minutes."""
        spans = {f"{name}_us": round(minutes.get(name, 0) * 60e6) for name in (*LOSSES, "effective")}
        counts = {
            "good": 0,
            "reject": 0,
            "review": 0,
            "ideal_cycle_us": 60_000_000,
            "version": 1,
            "as_of": self.clock,
        }
        self.insert(
            "oee", tenant_id=1, machine=machine, ts=ts, shift="early", calendar_us=sum(spans.values()),
            **spans, **counts | columns,
        )  # fmt: skip

    def anomaly(
        self,
        machine: str,
        ts: datetime,
        score: float,
        threshold: float = 3.0,
        tag: str = "load",
        share: float = 0.9,
    ) -> None:
        """Write one anomaly score."""
        self.insert(
            "anomalies",
            tenant_id=1,
            machine=machine,
            ts=ts,
            score=score,
            threshold=threshold,
            tag=tag,
            share=share,
        )


def evidence_digest(content: bytes) -> str:
    """The name of evidence."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="session")
def a_plant() -> Callable[..., Plant]:
    """How a test builds its plant."""
    return build_plant


@pytest.fixture
def a_console(a_plant: Callable[..., Plant], tmp_path: Path) -> Console:
    """A console whose database is nowhere."""
    plant = a_plant()
    return Console(plant, feeds(plant), Home(tmp_path), reader_pool("dbname=nowhere"))


@pytest.fixture
def line(dsn: str, tmp_path: Path) -> Iterator[Line]:
    """A line in a fresh database of every level."""
    with psycopg.connect(dsn, autocommit=True) as db:
        yield Line(db, tmp_path / "evidence")


@dataclass
class RunningConsole:
    """The console as a process of its own."""

    url: str
    home: Path
    dsn: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Ask for an address; return status, headers and body."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, dict(refusal.headers), refusal.read()

    def status(self) -> dict[str, Any]:
        """What the console tells machines."""
        return json.loads(self.get("/api/status")[2])

    def wait_until(self, condition: Any) -> None:
        """Wait until the status meets a condition."""
        WebDriverWait(self, 60, poll_frequency=0.05).until(lambda console: condition(console.status()))


def answers(console: RunningConsole) -> bool:
    assert console.process.poll() is None, "the console ended"
    try:
        return console.get("/api/status")[0] == 200
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="session")
def console_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console") / "log"


@pytest.fixture(scope="session")
def console(plain_server: Any, console_log: Path) -> Iterator[RunningConsole]:
    """A console that runs for the whole session, on a database of its own."""
    home, port, dsn = console_log.parent, free_port(), plain_server.create()
    save(build_plant(simulated=True), home / "plant.yaml")
    command = [sys.executable, "-m", "engine.console", str(home / "plant.yaml"), "--port", str(port)]
    environment = os.environ | {"SEAMLINE_DSN": dsn, "SEAMLINE_HOME": str(home)}
    with console_log.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    running = RunningConsole(f"http://127.0.0.1:{port}", home, dsn, process)
    try:
        WebDriverWait(running, 60, poll_frequency=0.1).until(answers)
        yield running
    finally:
        process.terminate()
        assert process.wait(15) == 0
        plain_server.drop(dsn)


@contextmanager
def beating(line: Line, dsn: str) -> Iterator[None]:
    """Commit twice a second as a line that runs does, however long a page takes, until the line stops."""
    ended = threading.Event()

    def beat() -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            while not ended.wait(0.5):
                db.execute("UPDATE shard SET committed = coalesce(%s, now())", [line.stopped])

    thread = threading.Thread(target=beat, name="beat")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def shown(console: RunningConsole) -> Iterator[Line]:
    """The line that the running console shows: no part yet, commits all the time."""
    with psycopg.connect(console.dsn, autocommit=True) as db:
        db.execute(f"TRUNCATE {', '.join(SERIES)}, shard")
        line = Line(db, console.home / "evidence")
        line.commit()
        with beating(line, console.dsn):
            console.wait_until(
                lambda status: status["ok"] and status["stations"]["weld-check"]["last"] is None
            )
            yield line


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium that asks nobody for anything."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "hide-scrollbars"):
        options.add_argument(f"--{flag}")
    for flag in ("disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()

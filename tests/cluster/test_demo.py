"""The demo as its user runs it: one command, real input, every process killed once, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import pytest

from cluster.demo import free_port
from engine.paths import Home
from engine.status import status
from engine.store.embedded import READER, Embedded
from engine.store.errors import StoreError

PATIENCE = 90.0
T = TypeVar("T")


@dataclass
class Running:
    """A demo that runs as a process of its own."""

    process: subprocess.Popen[str]
    home: Home
    shard: str

    def verdicts(self) -> int:
        """Return the committed verdicts, 0 while the database is away."""
        try:
            found = status(Embedded(self.home.database).dsn(READER), self.shard)
        except (psycopg.Error, StoreError):
            return 0
        return found.verdicts if found else 0

    def await_verdicts(self, beyond: int) -> int:
        """Wait until more verdicts are committed than ``beyond``."""
        return wait_for(lambda: (count := self.verdicts()) > beyond and count)

    def find(self, words: str) -> psutil.Process:
        """Return the one process of this demo whose command line holds the words."""
        return wait_for(lambda: next((found for found in self.processes() if words in title(found)), None))

    def processes(self) -> list[psutil.Process]:
        """Return the demo and all that it started, its database too."""
        ours = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        pid = Embedded(self.home.database).pid()
        return ours + ([psutil.Process(pid)] if pid else [])

    def finish(self) -> dict[str, Any]:
        """End the demo as Ctrl-C does and return what it printed."""
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, errors
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found


def sentence(running: Running) -> str:
    """Return the one sentence with which a demo that cannot start ends."""
    _, errors = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode == 2
    assert "Traceback" not in errors
    return " ".join(errors.split())


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def wait_for(check: Callable[[], T | None]) -> T:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if found := check():
            return found
    raise TimeoutError("it did not happen in time")


@contextmanager
def demo(folder: Path, *arguments: str, shard: str) -> Iterator[Running]:
    """Run the demo until the block ends."""
    home = Home(folder)
    command = [sys.executable, "-m", "cluster.cli", "demo", "--no-browser", "--json", f"--port={free_port()}"]
    process = subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, "SEAMLINE_HOME": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Running(process, home, shard)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)


def test_a_simulated_plant_survives_the_death_of_each_process(database_folder: Callable[[], Path]) -> None:
    with demo(database_folder(), shard="demo") as running:
        seen = running.await_verdicts(beyond=0)
        for victim in (
            "engine.appender",
            "engine.gateway",
            "ray::StationActor",
            "ray::ShardActor",
            "postgres",
        ):
            running.find(victim).kill()
            seen = running.await_verdicts(beyond=seen)
        everyone = running.processes()
        result = running.finish()
    assert result["frames_unaccounted"] == 0
    assert result["verdicts"] >= seen
    assert result["windows"] > 0
    _, left = psutil.wait_procs(everyone, timeout=PATIENCE)
    assert [title(process) for process in left] == []


@pytest.mark.data
def test_recorded_data_end_as_rows(database_folder: Callable[[], Path]) -> None:
    data = os.environ.get("SEAMLINE_DATA")
    if data is None:
        pytest.skip("SEAMLINE_DATA names no folder with the real data")
    with demo(database_folder(), f"--data={data}", shard="replay") as running:
        running.await_verdicts(beyond=10)
        with demo(running.home.root, shard="demo") as second:
            assert "Another plant runs in" in sentence(second)
        result = running.finish()
    assert result["frames_unaccounted"] == 0
    assert min(result[name] for name in ("verdicts", "windows", "states", "oee", "anomalies")) > 0


def test_a_data_folder_without_data_is_one_sentence(tmp_path: Path) -> None:
    with demo(tmp_path / "home", f"--data={tmp_path}", shard="replay") as running:
        assert "give the folder that holds" in sentence(running)


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path, f"--port={port}", shard="demo") as running:
            assert f"Port {port} on 127.0.0.1 is in use" in sentence(running)

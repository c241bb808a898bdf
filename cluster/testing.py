"""Run a plant as its user does, as a process of its own, and look at what it does: for tests and proofs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import psycopg

from engine.paths import Home
from engine.status import Status, status
from engine.store.embedded import READER, Embedded
from engine.store.errors import StoreError

PATIENCE = 180.0
"""Seconds in which whatever is waited for must happen."""
LOOK_SECONDS = 0.05
T = TypeVar("T")


@dataclass
class Running:
    """A plant that runs as a process of its own, the leader of its own group, as in a terminal."""

    process: subprocess.Popen[str]
    home: Home
    shard: str
    dsn: str = ""
    """Its database; empty where it is the embedded one of its home."""
    port: int = 0
    """Of its console."""

    def status(self) -> Status | None:
        """Return the committed counts; None while the shard has not begun or the database is away."""
        self._see_that_it_runs()
        try:
            return status(self.dsn or Embedded(self.home.database).dsn(READER), self.shard)
        except (psycopg.Error, StoreError):
            return None

    def verdicts(self) -> int:
        """Return the committed verdicts, 0 while the database is away."""
        found = self.status()
        return found.verdicts if found else 0

    def await_verdicts(self, beyond: int) -> int:
        """Wait until more verdicts are committed than ``beyond``."""
        return wait_for(lambda: (count := self.verdicts()) > beyond and count)

    def get(self, page: str) -> str:
        """Return what the console answers; empty while it does not answer."""
        self._see_that_it_runs()
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{page}", timeout=60) as answer:
                body: bytes = answer.read()
        except (URLError, TimeoutError, ConnectionError):
            return ""
        return body.decode()

    def _see_that_it_runs(self) -> None:
        if self.process.poll() is not None:
            raise ChildProcessError(f"The plant has ended: {self.process.communicate()[1][-2000:]}")

    def find(self, words: str) -> psutil.Process:
        """Return the one process of this plant whose command line holds the words."""
        return wait_for(lambda: next((found for found in self.processes() if words in title(found)), None))

    def processes(self) -> list[psutil.Process]:
        """Return the plant and all that it started, its database too."""
        ours = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        pid = Embedded(self.home.database).pid()
        return ours + ([psutil.Process(pid)] if pid else [])

    def interrupt(self) -> tuple[str, str]:
        """End the plant as Ctrl-C in its terminal does; return what it said on both outputs."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.communicate(timeout=PATIENCE)

    def terminate(self) -> tuple[str, str]:
        """End the plant as a service manager does; return what it said on both outputs."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)


def counts(output: str) -> dict[str, Any]:
    """Return the counts that a plant with ``--json`` printed last."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def title(process: psutil.Process) -> str:
    """Return the command line, empty where the process has gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def wait_for(check: Callable[[], T | None]) -> T:
    """Return the first answer that is true.

    Raises
    ------
    TimeoutError
        There was none in time.
    """
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if found := check():
            return found
        time.sleep(LOOK_SECONDS)
    raise TimeoutError("it did not happen in time")


@contextmanager
def running(
    command: Sequence[str],
    home: Path,
    shard: str,
    port: int = 0,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Running]:
    """Run a plant until the block ends."""
    variables = {**(environment or os.environ), "SEAMLINE_HOME": str(home)}
    process = subprocess.Popen(
        command,
        env=variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Running(process, Home(home), shard, variables.get("SEAMLINE_DSN", ""), port)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=PATIENCE)

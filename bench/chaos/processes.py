"""The real processes of a plant, killed, stalled, held back and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain

import psutil

from engine import health
from engine.paths import Home
from engine.plant import Plant, save
from engine.shard import SNAPSHOT_VARIABLE
from engine.store import Embedded, StoreError, migrate

PATIENCE = 60.0
LOOK = 0.05
DATABASE = "database"

Process = subprocess.Popen[bytes]


class Processes:
    """Appender, shard, database and, where the plant has sources, gateway; `tend` starts what has died."""

    def __init__(self, home: Home, plant: Plant) -> None:
        self.home = home.create()
        self._file = home.plant_file
        save(plant, self._file)
        self.database = Embedded(home.database)
        self.dsn = self.database.start()
        migrate(self.dsn)
        self._held: set[str] = set()
        modules = ("appender", "shard", *(("gateway",) if plant.sources else ()))
        self.running = {name: self._start(name) for name in modules}

    def _start(self, name: str) -> Process:
        own = {"SEAMLINE_HOME": str(self.home.root), "SEAMLINE_DSN": self.dsn, SNAPSHOT_VARIABLE: "0.5"}
        with (self.home.root / f"{name}.log").open("ab") as output:
            command = [sys.executable, "-m", f"engine.{name}", str(self._file)]
            return subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **own}
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What can be killed."""
        return (*self.running, DATABASE)

    def alive(self, name: str) -> bool:
        """Return whether one of them runs, or is just starting."""
        return (self.database.pid() is not None) if name == DATABASE else self.running[name].poll() is None

    def kill(self, name: str) -> None:
        """Kill one of them at once."""
        if name == DATABASE:
            pid = self.database.pid()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        else:
            self.running[name].kill()
            self.running[name].wait()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep one of them, which is down, from being started again for a while."""
        self._held.add(name)
        try:
            yield
        finally:
            self._held.discard(name)

    @contextmanager
    def silent_database(self) -> Iterator[None]:
        """Let all of the database's processes stand still for a while, in whatever they do."""
        pid = self.database.pid()
        master = [] if pid is None else [psutil.Process(pid)]
        stopped: list[psutil.Process] = []
        try:
            for process in chain(master, (child for one in master for child in one.children(recursive=True))):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def stall(self, name: str) -> Process:
        """Stop one of them in the middle of whatever it does, start another one in its place, return it."""
        stalled = self.running[name]
        stalled.send_signal(signal.SIGSTOP)
        self.running[name] = self._start(name)
        return stalled

    def tend(self) -> None:
        """Start again what has died."""
        for name, process in self.running.items():
            if process.poll() is not None and name not in self._held:
                self.running[name] = self._start(name)
        if self.database.pid() is None and DATABASE not in self._held:
            try:
                self.database.start()
            except StoreError:
                return  # its killed processes have not all let go yet: the next call tries again

    def said(self, name: str) -> str:
        """Return what one of them has said so far, all its lives together."""
        return (self.home.root / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def trouble(self, name: str, part: str) -> str:
        """Return what hinders a part of a process, by its health record."""
        parts = [
            item
            for record in health.read_all(self.home.health)
            if record.kind == name
            for item in record.parts
            if item.kind == part
        ]
        return next((item.trouble for item in parts if item.trouble), "")

    def restored(self) -> int:
        """Return how often the shard started from a snapshot."""
        return len(re.findall(r'"snapshot": [1-9]', self.said("shard")))

    def end(self, name: str) -> int:
        """Ask one of them to end and return its exit code."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(PATIENCE)

    def stop(self) -> None:
        """End all of them."""
        for name in list(self.running):
            self.end(name)
        self.database.stop()

    def wait_for(self, condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Tend the processes until a condition holds.

        Time is counted in looks: a machine that stood still itself is no plant that does not recover.

        Raises
        ------
        TimeoutError
            It did not come to hold in time.
        """
        for _ in range(int(timeout / LOOK)):
            if condition():
                return
            self.tend()
            time.sleep(LOOK)
        raise TimeoutError(f"the plant does not recover; see the logs in {self.home.root}")

    def wait(self, seconds: float) -> None:
        """Tend the processes for so long."""
        until = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() > until, seconds + PATIENCE)

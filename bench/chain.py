"""A whole line at its limit: ZeroMQ to committed rows, with windows, states, anomaly and OEE on.

    python -m bench chain --json

Real processes on one machine: a load, the gateway, the appender (every group fsynced), the shard with
its flow and its writer, the embedded PostgreSQL. The load sends 2,000 tags as fast as they land. The
rate is that of readings found in the table afterwards, all of those sent (counted, and their sum), over
the time from the first batch to the commit of the last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import pump
from engine.paths import Home
from engine.plant import MachineSection, Plant, TagSection, ZmqSource, save
from engine.store import Embedded, connect, migrate
from engine.store.levels import Connection
from streams.log.reader import FileLogReader

MODULES = ("appender", "shard", "gateway")
DETECT_PER_MACHINE = 8
SECONDS = 30.0
PATIENCE = 60.0
POLL = 0.02
COMMITTED = "SELECT position FROM shard WHERE id = 'bench'"
LANDED = "SELECT count(*), count(value), coalesce(sum(value), 0) FROM readings"
TABLES = ("windows", "states", "runs", "anomalies", "oee", "quarantine")


def plant(endpoint: str) -> Plant:
    """Describe the load: machines that tell their state, with numbers of which some are watched."""
    numbers = [
        TagSection(name=name, detect=number < DETECT_PER_MACHINE)
        for number, name in enumerate(pump.TAG_NAMES)
    ]
    tags = [*numbers, TagSection(name="execution", type="text")]
    return Plant(
        name="Limit",
        shard="bench",
        simulated=True,
        machines=[MachineSection(name=name, tags=tags) for name in pump.MACHINE_NAMES],
        sources=[ZmqSource(kind="zeromq", name="load", endpoint=endpoint)],
    )


class Line:
    """The processes of a line and their database, in a home of their own."""

    def __init__(self, home: Home) -> None:
        self.home = home.create()
        self.endpoint = home.socket("load")
        self._stack = ExitStack()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            database = Embedded(self.home.database)
            self.dsn = database.start()
            stack.callback(database.stop)
            migrate(self.dsn)
            save(plant(self.endpoint), self.home.plant_file)
            self.database: Connection = stack.enter_context(connect(self.dsn))
            self.database.autocommit = True
            for name in MODULES:
                self.processes[name] = stack.enter_context(self._process(name))
            self._await(lambda: self.committed() > 0, "the shard commits nothing")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def committed(self) -> int:
        """Return the position committed last."""
        row = self.database.execute(COMMITTED).fetchone()
        return 0 if row is None else int(row[0])

    def load(self, seconds: float, rate: float) -> subprocess.Popen[bytes]:
        """Start the load; at rate 0 it sends as fast as its readings land."""
        command = [sys.executable, "-m", "bench.pump", self.endpoint, self.dsn, str(seconds), str(rate)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def settle(self) -> float:
        """Wait until everything that the log holds now is committed; return when that was seen."""
        reader = FileLogReader(self.home.log / "bench")
        end = reader.end
        reader.close()
        self._await(lambda: self.committed() >= end, "the shard does not catch up")
        return time.time()

    def check(self, sent: dict[str, float]) -> None:
        """See that what was sent is in the table, once.

        Raises
        ------
        RuntimeError
            It is not.
        """
        count, numbers, total = self.database.execute(LANDED).fetchone() or (0, 0, 0)
        found = {"readings": numbers, "words": count - numbers, "total": total}
        if found != {name: sent[name] for name in found}:
            raise RuntimeError(f"sent {sent}, but the table holds {found}")

    def rows(self) -> dict[str, int]:
        """Return how many rows each of the derived tables holds."""
        return {table: self._count(table) for table in TABLES}

    def _count(self, table: str) -> int:
        row = self.database.execute(f"SELECT count(*) FROM {table}").fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _process(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        environment = {**os.environ, "SEAMLINE_HOME": str(self.home.root), "SEAMLINE_DSN": self.dsn}
        command = [sys.executable, "-m", f"engine.{name}", str(self.home.plant_file)]
        with (self.home.root / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def _await(self, condition: Callable[[], bool], trouble: str) -> None:
        limit = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > limit:
                raise TimeoutError(f"{trouble}; look into the logs in {self.home.root}")
            time.sleep(POLL)


def sent_by(load: subprocess.Popen[bytes]) -> dict[str, float]:
    """Wait for a load to end and return what it sent.

    Raises
    ------
    RuntimeError
        It failed.
    """
    told, _ = load.communicate(timeout=600)
    if load.returncode:
        raise RuntimeError("the load failed")
    sent: dict[str, float] = json.loads(told)
    return sent


def measure(line: Line, seconds: float) -> dict[str, Any]:
    """Load a line for so long and return its rate, once every reading is found."""
    sent = sent_by(line.load(seconds, 0))
    took = line.settle() - sent["started"]
    line.check(sent)
    return {
        "chain_readings_per_s": round(sent["readings"] / took),
        "chain_seconds": round(took, 1),
        "chain_rows": line.rows(),
    }


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure in a fresh home."""
    with tempfile.TemporaryDirectory(prefix="seamline-chain-") as folder, Line(Home(Path(folder))) as line:
        return measure(line, seconds)

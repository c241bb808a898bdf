"""Kill flow, appender and database at random moments; compare every row with an undisturbed replay.

Real processes, really killed (SIGKILL), while a producer sends known readings, states, verdicts and
garbage. At the end the log holds everything acknowledged exactly once, and the database holds exactly
what one undisturbed run over the same log writes into a fresh one.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from engine.paths import Home
from engine.plant import Plant, save
from engine.replay import replay_log
from engine.shard import SNAPSHOT_VARIABLE
from engine.store import Embedded, StoreError, migrate
from engine.store.digest import TABLES
from streams.clock import SECOND, Clock
from streams.log.abc import Kind
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.tail import last_entry
from streams.records import Readings, encode
from vision.records import Finding, Outcome, Verdict, Versions, View

PLANT = {
    "name": "chaos",
    "machines": [
        {
            "name": "press",
            "tags": [{"name": "load", "detect": True}, {"name": "execution", "type": "text"}],
            "disorder_s": 6,
            "allowance_s": 30,
            "idle_after_s": 60,
            "minor_stop_s": 15,
        }
    ],
    "stations": [{"name": "gate", "cameras": [], "judges": "press"}],
}
KILLS = 20
PATIENCE = 60.0
SEND_EVERY = 0.02
SPEED = 30.0
"""Plant time runs faster, so that a short run closes many windows, alarms and shifts' accounts."""
LATE = {7: 9 * SECOND, 41: 20 * SECOND, 53: 90 * SECOND}
"""Every so many steps readings come so late: in disorder, within the allowance, beyond it."""


def rows(dsn: str, table: str) -> Counter[str]:
    """Return all rows of a table as text, each with how often it is there."""
    query = f"SELECT row_to_json(t)::text FROM {table} AS t"
    with psycopg.connect(dsn) as connection:
        connection.execute("SET timezone = 'UTC'")
        return Counter(json.dumps(json.loads(row), sort_keys=True) for (row,) in connection.execute(query))


def differences(dsn: str, reference: str) -> dict[str, dict[str, Any]]:
    """Return by table what one database has too much or lacks against the other; empty when they agree."""
    found = {}
    for table in TABLES:
        ours, theirs = rows(dsn, table), rows(reference, table)
        if ours != theirs:
            extra, lost = (ours - theirs).items(), (theirs - ours).items()
            found[table] = {"extra": list(extra)[:5], "lost": list(lost)[:5]}
    return found


def counts(dsn: str) -> dict[str, int]:
    """Return the number of rows by table."""
    return {table: sum(rows(dsn, table).values()) for table in TABLES}


def committed(dsn: str, shard: str) -> int:
    """Return the shard's committed position; 0 while there is none or the database is away."""
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT position FROM shard WHERE id = %s", [shard]).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return 0 if row is None else int(row[0])


class Feed:
    """Send a known sequence of entries, some unreadable, until told to stop."""

    def __init__(self, producer: ZmqProducer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: list[tuple[Kind, bytes]] = []
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def done(self) -> bool:
        """Return whether everything sent is acknowledged, after `stop`."""
        return not self._thread.is_alive() and self._producer.flush(0.0)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(SEND_EVERY):
            number += 1
            for kind, payload in entries(number, self._clock.now()):
                self.sent.append((kind, payload))
                self._producer.send(kind, payload)


def entries(number: int, now: int) -> list[tuple[Kind, bytes]]:
    """Return what is sent in one step: readings always, a state, a verdict or garbage now and then."""
    late = max((delay for every, delay in LATE.items() if number % every == 0), default=0)
    stamps = [now - 1000 * i - late for i in range(10)]
    loads = [float("nan") if number % 31 == 0 and i == 5 else number % 13 + i / 3 for i in range(10)]
    found = [(Kind.READINGS, Readings.numbers(["press"] * 10, ["load"] * 10, stamps, loads))]
    if number % 17 == 0:
        word = "ACTIVE" if number % 2 else "READY"
        found.append((Kind.READINGS, Readings.texts(["press"], ["execution"], [now], [word])))
    sent = [(kind, encode(readings.to_arrow())) for kind, readings in found]
    if number % 5 == 0:
        sent.append((Kind.VERDICT, verdict(number, now).to_json()))
    if number % 23 == 0:
        sent.append((Kind.READINGS, b"half a bat"))
    return sent


def verdict(number: int, now: int) -> Verdict:
    """Return the verdict on a part."""
    finding = Finding("Surface_pores", 0.5 + number % 3 / 10, (1.0, 2.0, 3.0, 4.0), "2017")
    view = View("c1", "front", "r1", number, now, f"{number:064x}", 416, 416, {"blur": 9.0}, (finding,))
    outcome = (Outcome.OK, Outcome.NG, Outcome.REVIEW)[number % 3]
    return Verdict("gate", f"S{number}", "demo", 1, now, outcome, "", Versions("m", "p", "r"), (view,))


class Processes:
    """Appender, shard and database of one home; whichever dies is started again by `tend`."""

    MODULES = ("appender", "shard")

    def __init__(self, home: Home, plant: Plant) -> None:
        self._home = home.create()
        self._file = home.plant_file
        save(plant, self._file)
        self.database = Embedded(home.database)
        self.dsn = self.database.start()
        migrate(self.dsn)
        self.running = {name: self._start(name) for name in self.MODULES}

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        own = {"SEAMLINE_HOME": str(self._home.root), "SEAMLINE_DSN": self.dsn, SNAPSHOT_VARIABLE: "0.5"}
        environment = {**os.environ, **own}
        with (self._home.root / f"{name}.log").open("ab") as output:
            command = [sys.executable, "-m", f"engine.{name}", str(self._file)]
            return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)

    def kill(self, name: str) -> None:
        """Kill one of them at once."""
        if name == "database":
            pid = self.database.pid()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        else:
            self.running[name].kill()
            self.running[name].wait()

    def tend(self) -> None:
        """Start again what has died."""
        for name, process in self.running.items():
            if process.poll() is not None:
                self.running[name] = self._start(name)
        if self.database.pid() is None:
            try:
                self.database.start()
            except StoreError:
                return  # its killed processes have not all let go yet: the next call tries again

    def restored(self) -> int:
        """Return how often the shard started from a snapshot."""
        told = (self._home.root / "shard.log").read_text(encoding="utf-8")
        return len(re.findall(r'"snapshot": [1-9]', told))

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

        Raises
        ------
        TimeoutError
            It did not come to hold in time.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the plant does not recover; see the logs in {self._home.root}")
            self.tend()
            time.sleep(0.05)


def disturb(processes: Processes, shard: str, kills: int, seed: int) -> list[str]:
    """Kill at random moments, most of them after something new was committed; return the victims."""
    chance = random.Random(seed)
    victims = (["shard", "appender", "database"] * kills)[:kills]
    chance.shuffle(victims)
    for victim in victims:
        if chance.random() < 0.7:
            before = committed(processes.dsn, shard)
            processes.wait_for(lambda before=before: committed(processes.dsn, shard) > before)  # type: ignore[misc]
        until = time.monotonic() + chance.uniform(0.0, 0.6)
        processes.wait_for(lambda until=until: time.monotonic() > until)  # type: ignore[misc]
        processes.kill(victim)
    return victims


def logged(folder: Path, producer: str) -> list[tuple[Kind, bytes]]:
    """Return what the log holds of a producer, in order."""
    reader, found, position = FileLogReader(folder), [], 0
    while read := reader.read(position, 1 << 22):
        found += [(entry.kind, bytes(entry.payload)) for entry in read if entry.producer == producer]
        position = read[-1].position
    reader.close()
    return found


def run(kills: int = KILLS, seed: int = 1) -> dict[str, Any]:
    """Disturb a plant and compare; ``differences`` is empty when every row agrees."""
    started = time.monotonic()
    now = time.time_ns() // 1000
    plant = Plant.model_validate({**PLANT, "replay": {"origin_us": now, "start_us": now, "speed": SPEED}})
    with ExitStack() as stack:
        home = Home(Path(tempfile.mkdtemp(prefix="seamline-chaos-")))
        stack.callback(shutil.rmtree, home.root)
        processes = Processes(home, plant)
        stack.callback(processes.stop)
        producer = ZmqProducer(home.appender, plant.shard, "chaos")
        stack.callback(producer.close)
        feed = Feed(producer, plant.clock())
        victims = disturb(processes, plant.shard, kills, seed)
        processes.wait_for(lambda: committed(processes.dsn, plant.shard) > 0)
        feed.stop()
        processes.wait_for(feed.done)
        processes.end("appender")
        entry = last_entry(home.log / plant.shard)
        last = 0 if entry is None else entry.position
        processes.wait_for(lambda: committed(processes.dsn, plant.shard) == last)
        processes.end("shard")
        reference = _fresh(processes.database)
        replay_log(plant, home.log / plant.shard, reference)
        return {
            "kills": dict(Counter(victims)),
            "sent": len(feed.sent),
            "log_is_what_was_sent": logged(home.log / plant.shard, producer.producer) == feed.sent,
            "entries": last,
            "rows": counts(processes.dsn),
            "reference_rows": counts(reference),
            "differences": differences(processes.dsn, reference),
            "restored": processes.restored(),
            "epochs": _epoch(processes.dsn, plant.shard),
            "seconds": round(time.monotonic() - started, 1),
        }


def _fresh(database: Embedded) -> str:
    with psycopg.connect(database.dsn("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE reference OWNER seamline_writer")
    return database.dsn("seamline_writer", "reference")


def _epoch(dsn: str, shard: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT epoch FROM shard WHERE id = %s", [shard]).fetchone()
    return 0 if row is None else int(row[0])

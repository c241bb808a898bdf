"""Bring a plant up, keep it up, take it down: database, appender, gateway, console, Ray actors."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from typing import Any

import psycopg
import ray
import structlog

from cluster.actors import ShardActor, StationActor
from cluster.children import Child
from engine import health, logs
from engine.paths import Home
from engine.plant import Plant, PlantError, save
from engine.signals import ENDING
from engine.status import Status, backlog, status
from engine.store.database import VARIABLE, reader_dsn
from engine.store.embedded import Embedded
from engine.store.errors import StoreError
from engine.store.migrations import migrate
from streams.log.errors import LogBusy
from streams.log.files import lock

logger = structlog.get_logger(__name__)

WATCH_SECONDS = 0.5
DRAIN_SECONDS = 20.0
OBJECT_STORE_BYTES = 80_000_000
"""Pictures never travel through Ray, so its store is as small as Ray allows."""

RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ROTATION_MAX_BYTES": "5000000",
    "RAY_ROTATION_BACKUP_COUNT": "1",
    "RAY_worker_niceness": "0",
}
"""Ray tells nobody about us, its own files stay small, and a station is not what waits on a busy machine."""


class Supervisor:
    """All processes of one node's plant.

    ``field`` are further modules with arguments, run beside the plant: what plays its machines in a demo.
    """

    station_actor: type[StationActor] = StationActor

    def __init__(self, plant: Plant, home: Home, field: list[list[str]] | None = None) -> None:
        self._plant = plant
        self._home = home.create()
        self._file = home.plant_file
        self._database = None if VARIABLE in os.environ else Embedded(home.database)
        self.dsn = os.environ.get(VARIABLE, "")
        self._children = [
            self._child("appender", ["engine.appender", str(self._file)]),
            self._child("gateway", ["engine.gateway", str(self._file)]),
            self._child("console", ["engine.console", str(self._file)]),
            *([self._child("relay", ["engine.relay", str(self._file)])] if plant.outbox else []),
            *([self._child("archive", ["engine.archive", str(self._file)])] if plant.log.archive else []),
            *(self._child(f"field-{index}", arguments) for index, arguments in enumerate(field or [])),
        ]
        self._actors: dict[str, Any] = {}
        self._lock: int | None = None

    def _child(self, name: str, arguments: list[str]) -> Child:
        environment = {"SEAMLINE_HOME": str(self._home.root)}
        return Child(name, arguments, self._home.logs / f"{name}.log", environment)

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of the processes that Ray does not own."""
        return tuple(child.name for child in self._children)

    @property
    def reader_dsn(self) -> str:
        """Where those who only read reach the database."""
        return reader_dsn(self.dsn)

    def start(self) -> None:
        """Start everything, in the order in which one needs the other.

        Raises
        ------
        PlantError
            Another plant runs here, or the console's port is taken.
        """
        self._lock = take(self._home)
        file = logs.LogFile(self._home.logs / "supervisor.log")
        logs.begin("supervisor", file, logs.Screen(logging.WARNING))
        check_port(self._plant.console.host, self._plant.console.port)
        save(self._plant, self._file)
        health.clear(self._home.health)
        if self._database is not None:
            self.dsn = self._database.start()
        migrate(self.dsn)
        self._tell_children()
        for child in self._children:
            child.start()
        self._start_actors()

    def _tell_children(self) -> None:
        """Tell the processes where the database is; none but the relay writes to it."""
        for child in self._children:
            child.environment[VARIABLE] = self.dsn if child.name == "relay" else self.reader_dsn

    def _start_actors(self) -> None:
        start_ray()
        file, root = str(self._file), str(self._home.root)
        # Ray restarts an actor whose process died, for ever; its thread begins to work by itself.
        options = {"max_restarts": -1, "max_concurrency": 4, "num_cpus": 0}
        serve = self._plant.log.serve
        if serve is None or serve.flow == "here":
            shard = ray.remote(**options)(ShardActor)
            self._actors[self._plant.shard] = shard.remote(file, self._plant.shard, root, self.dsn)
        station = ray.remote(**options)(self.station_actor)
        for section in self._plant.stations:
            self._actors[section.name] = station.remote(file, section.name, root)

    def check(self) -> None:
        """Start again what has died; Ray looks after its actors by itself."""
        if self._database is not None and self._database.pid() is None:
            logger.warning("the database has died, starting it again")
            try:
                self._database.start()
            except StoreError as exc:  # all others go on, and it is tried again
                logger.error("the database does not start", why=str(exc))
        for child in self._children:
            child.watch()

    def stop(self) -> Status | None:
        """Stop the sources, let the shard commit what they sent, stop the rest; return what was done."""
        if self._lock is None:
            return None
        by_name = {child.name: child for child in self._children}
        for section in self._plant.stations:
            self._stop_actor(section.name)
        for name in [name for name in by_name if name.startswith("field")] + ["gateway", "appender"]:
            by_name[name].stop()
        last = self._drain() if self._plant.shard in self._actors else None
        self._stop_actor(self._plant.shard)
        ray.shutdown()
        for name in ("console", "relay", "archive"):
            if name in by_name:
                by_name[name].stop()
        if self._database is not None:
            self._database.stop()
        os.close(self._lock)
        return last

    def _stop_actor(self, name: str) -> None:
        actor = self._actors.pop(name, None)
        if actor is None:
            return
        try:
            ray.get(actor.stop.remote(), timeout=DRAIN_SECONDS)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError) as exc:
            logger.warning("an actor did not stop by itself", name=name, why=str(exc).splitlines()[0])

    def _drain(self) -> Status | None:
        """Wait until the shard has committed the whole log: the next start then begins where this ended."""
        limit = time.monotonic() + DRAIN_SECONDS
        try:
            while time.monotonic() < limit and backlog(self.dsn, self._home, self._plant) > 0:
                time.sleep(0.05)
            return status(self.reader_dsn, self._plant.shard)
        except psycopg.Error as exc:
            logger.warning("the database is away; the log keeps the rest", why=str(exc).splitlines()[0])
            return None


def take(home: Home) -> int:
    """Own the home until the returned file is closed."""
    try:
        return lock(home.run)
    except LogBusy as exc:
        raise PlantError(
            f"Another plant runs in {home.root}; end it, or set SEAMLINE_HOME to another folder."
        ) from exc


def check_port(host: str, port: int) -> None:
    """See that the console can listen."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise PlantError(f"Port {port} on {host} is in use; choose another with --port.") from exc


def start_ray() -> None:
    """Start a Ray of our own; the package has set its token authentication on.

    Ray answers SIGTERM by aborting the process: who asked to hear of it before, hears of it again.
    """
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    asked = {number: signal.getsignal(number) for number in ENDING}
    ray.init(
        address="local",
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level="error",
    )
    for number, handler in asked.items():
        signal.signal(number, handler)

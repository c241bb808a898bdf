"""Ray actors: a station that owns its cameras, a shard that runs its flow.

An actor works from the moment it exists, in a thread of its own, so that one which Ray restarts
after a crash needs nobody to tell it. Work that fails ends the process: Ray then starts it again.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from pathlib import Path

import structlog

from engine import health, logs
from engine.approvals.telling import telling
from engine.line_log import open_view
from engine.paths import Home
from engine.plant import load
from engine.shard import run_shard
from engine.station import Station
from engine.station_report import report
from engine.station_roster import Roster
from streams.log.producer import ZmqProducer

logger = structlog.get_logger(__name__)


FLUSH_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""Ray starts a dead actor again at once; work that fails at its start must not spin."""


class Worker(ABC):
    """Run one piece of work in a thread until it is told to stop.

    Nothing that can fail happens before the thread runs: Ray gives up an actor whose constructor raises.
    """

    def __init__(self, name: str, home: str) -> None:
        self._name = name
        self._home = Home(Path(home))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            logs.begin(self._name, logs.LogFile(self._home.logs / f"{self._name}.log"))
            self._work(self._stop)
        except BaseException:
            logger.exception("work failed, the actor starts again", name=self._name)
            self._stop.wait(PAUSE_SECONDS)
            os._exit(1)

    @abstractmethod
    def _work(self, stop: threading.Event) -> None:
        """Do the work until told to stop."""

    def stop(self, timeout: float = 20.0) -> bool:
        """Tell the work to stop and wait for it; True when it has stopped."""
        self._stop.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()


class StationActor(Worker):
    """One inspection station."""

    def __init__(self, plant_file: str, station: str, home: str) -> None:
        self._plant_file = Path(plant_file)
        super().__init__(station, home)

    def _work(self, stop: threading.Event) -> None:
        plant = load(self._plant_file)
        section = next(item for item in plant.stations if item.name == self._name)
        producer = ZmqProducer(self._home.appender, plant.shard, self._name)
        trail = open_view(plant, self._home)
        try:
            roster = Roster(self._plant_file, section)
            station = Station(section, plant, self._home, producer, trail=trail, roster=roster)
            with (
                health.Publisher(
                    self._home.health,
                    "station",
                    self._name,
                    lambda: report(station.stats(), producer.trouble),
                ),
                telling(self._home, plant.shard),
            ):
                station.run(stop)
            if not producer.flush(FLUSH_SECONDS):
                logger.error("the log did not take the last verdicts", name=self._name, why=producer.trouble)
        finally:
            producer.close()
            trail.close()


class ShardActor(Worker):
    """One shard: the flow of a line, from its partition of the log into the database."""

    def __init__(self, plant_file: str, shard: str, home: str, dsn: str) -> None:
        self._plant_file = Path(plant_file)
        self._dsn = dsn
        super().__init__(shard, home)

    def _work(self, stop: threading.Event) -> None:
        run_shard(load(self._plant_file), self._home, self._dsn, stop)

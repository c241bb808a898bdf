"""Ray actors: a station that owns its cameras, a shard that runs its flow.

An actor works from the moment it exists, in a thread of its own, so that one which Ray restarts
after a crash needs nobody to tell it. Work that fails ends the process: Ray then starts it again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from engine.paths import Home
from engine.plant import Plant, load
from engine.shard import run_shard
from engine.station import Station
from streams.log.producer import ZmqProducer

logger = structlog.get_logger(__name__)


class Worker:
    """Run one piece of work in a thread until it is told to stop."""

    def __init__(self, name: str, work: Callable[[threading.Event], None]) -> None:
        self._stop = threading.Event()
        self._name = name
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[threading.Event], None]) -> None:
        try:
            work(self._stop)
        except BaseException:
            logger.exception("work failed, the actor ends", name=self._name)
            os._exit(1)

    def stop(self, timeout: float = 20.0) -> bool:
        """Tell the work to stop and wait for it; True when it has stopped."""
        self._stop.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()


class StationActor(Worker):
    """One inspection station."""

    def __init__(self, plant_file: str, station: str, home: str) -> None:
        plant = load(Path(plant_file))
        place = Home(Path(home))
        section = next(item for item in plant.stations if item.name == station)
        self._producer = ZmqProducer(place.appender, plant.shard, station)
        self._station = Station(section, plant, place, self._producer)
        super().__init__(station, self._work)

    def _work(self, stop: threading.Event) -> None:
        try:
            self._station.run(stop)
            self._producer.flush(10.0)
        finally:
            self._producer.close()


class ShardActor(Worker):
    """One shard: the flow of a line, from its partition of the log into the database."""

    def __init__(self, plant_file: str, home: str, dsn: str) -> None:
        self._plant: Plant = load(Path(plant_file))
        self._home = Home(Path(home))
        self._dsn = dsn
        super().__init__(self._plant.shard, self._work)

    def _work(self, stop: threading.Event) -> None:
        run_shard(self._plant, self._home, self._dsn, stop)

"""Which sets of data several pages live on, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from psycopg import Connection

from engine.console.anomaly_query import read_scores
from engine.console.data import Counts, MachineNow, Progress, Scores, StationNow
from engine.console.machine_query import machine_now, progress
from engine.console.poller import Feed
from engine.console.station_query import station_counts, station_now
from engine.plant import Plant
from streams.catalog import StateRule

Rows = Connection[tuple[Any, ...]]
Value = TypeVar("Value")

UNSEEN = 10.0
"""What costs the database most is read so many seconds apart while nobody looks."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """What more than one page reads, each set of data once for all browsers; keyed by name of the machine."""

    progress: Feed[Progress | None]
    stations: Feed[dict[str, StationNow]]
    counts: Feed[dict[str, Counts]]
    machines: Feed[dict[str, MachineNow]]
    anomalies: Feed[dict[str, Scores]]

    @property
    def all(self) -> tuple[Feed[Any], ...]:
        """Return every feed that pages share."""
        return (self.progress, self.stations, self.counts, self.machines, self.anomalies)


def feeds(plant: Plant) -> Feeds:
    """Return the feeds of a plant, not yet read."""
    return Feeds(
        Feed("progress", partial(_progress, plant), 0.4),
        Feed("stations", partial(_stations, plant), 0.4),
        Feed("counts", partial(_counts, plant), 0.5),
        Feed("machines", partial(_machines, plant), 0.7, unseen=UNSEEN),
        Feed("anomalies", partial(_anomalies, plant), 1.0, unseen=UNSEEN),
    )


def of(feed: Feed[dict[str, Value]], name: str) -> Value | None:
    """Return what a feed tells of one machine or station."""
    return (feed.value or {}).get(name)


def kinds(plant: Plant) -> dict[str, str]:
    """Return the plant's machines in order, stations last; name -> kind.

    A ``rig`` is a machine that sends readings but never tells its state.
    """
    telling = StateRule().execution
    machines = {
        machine.name: "machine" if any(tag.name == telling for tag in machine.tags) else "rig"
        for machine in plant.machines
    }
    return machines | {station.name: "station" for station in plant.stations}


def plant_time(plant: Plant, db: Rows) -> datetime:
    """Return the plant's time now: the shard's clock, the epoch before there is one."""
    found = progress(db, plant.shard)
    return found.clock if found else datetime.fromtimestamp(0, UTC)


def _progress(plant: Plant, db: Rows) -> Progress | None:
    return progress(db, plant.shard)


def _stations(plant: Plant, db: Rows) -> dict[str, StationNow]:
    return {station.name: station_now(db, plant.tenant, station.name) for station in plant.stations}


def _counts(plant: Plant, db: Rows) -> dict[str, Counts]:
    now = plant_time(plant, db)
    day = now.astimezone(ZoneInfo(plant.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    speed = plant.replay.speed if plant.replay else 1.0
    return {
        station.name: station_counts(
            db, plant.tenant, station.name, [camera.name for camera in station.cameras], now, day, speed
        )
        for station in plant.stations
    }


def _machines(plant: Plant, db: Rows) -> dict[str, MachineNow]:
    now = plant_time(plant, db)
    return {name: machine_now(db, plant.tenant, name, now) for name in kinds(plant)}


def _anomalies(plant: Plant, db: Rows) -> dict[str, Scores]:
    return read_scores(db, plant.tenant, plant_time(plant, db))

"""A whole plant: the root of the plant file."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from engine.plant.machines import MachineSection, build_machine
from engine.plant.section import Section
from engine.plant.sources import Source, ZmqSource
from engine.plant.stations import StationSection, build_station
from streams.catalog import Catalog
from streams.clock import Clock, ReplayClock, WallClock


class ReplaySection(Section):
    """A replay's clock: at wall time ``origin_us`` it showed ``start_us``; ``speed`` times faster since."""

    origin_us: int
    start_us: int
    speed: float = Field(default=60.0, gt=0)


class LogSection(Section):
    """The durable log of this node."""

    max_gb: float = 20.0
    segment_mb: int = 64


class ConsoleSection(Section):
    """Where the console listens; anything but loopback must be asked for here."""

    host: str = "127.0.0.1"
    port: int = 8080


class Plant(Section):
    """A whole plant, as one file describes it."""

    name: str
    tenant: int = 1
    timezone: str = "UTC"
    shard: str = "line-1"
    simulated: bool = False
    """True where inputs are rendered: the console then says that models are unproven on them."""
    machines: list[MachineSection] = []
    stations: list[StationSection] = []
    sources: list[Source] = []
    replay: ReplaySection | None = None
    log: LogSection = LogSection()
    console: ConsoleSection = ConsoleSection()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ValueError(f"{name!r} is not a time zone; write one like Asia/Shanghai") from exc
        return name

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [machine.name for machine in self.machines] + [station.name for station in self.stations]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"machines and stations share names: {sorted(doubled)}; rename one of each")
        for station in self.stations:
            if station.judges is not None and station.judges not in names:
                raise ValueError(f"station {station.name} judges {station.judges!r}, which is no machine")
        for source in self.sources:
            if not isinstance(source, ZmqSource) and source.machine not in names:
                raise ValueError(f"source {source.name} feeds {source.machine!r}, which is no machine")
        return self

    def clock(self) -> Clock:
        """Return the plant's clock: real time, or the replay's."""
        if self.replay is None:
            return WallClock()
        return ReplayClock(self.replay.origin_us, self.replay.start_us, self.replay.speed)

    def catalog(self) -> Catalog:
        """Return what the shard's flow needs to know of machines, tags and shifts."""
        zone = ZoneInfo(self.timezone)
        machines = [build_machine(machine, zone) for machine in self.machines]
        return Catalog(tuple(machines + [build_station(station, zone) for station in self.stations]))

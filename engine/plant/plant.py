"""A whole plant: the root of the plant file."""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from engine.plant.log import LogSection
from engine.plant.machines import MachineSection, build_machine
from engine.plant.outbox import OutboxSection
from engine.plant.recipes import RecipeSection
from engine.plant.references import Steps, misfits
from engine.plant.retention import RetentionSection
from engine.plant.section import Port, Positive, Section, Zone
from engine.plant.sources import Source
from engine.plant.stations import StationSection, build_station
from streams.catalog import Catalog
from streams.clock import Clock, ReplayClock, WallClock


class ReplaySection(Section):
    """A replay's clock: at wall time ``origin_us`` it showed ``start_us``; ``speed`` times faster since."""

    origin_us: int
    """Wall time of its start, microseconds since 1970."""
    start_us: int
    """What its clock showed then."""
    speed: Positive = 60.0
    """How many times faster it runs."""

    def clock(self) -> ReplayClock:
        """Return the clock."""
        return ReplayClock(self.origin_us, self.start_us, self.speed)


class ConsoleSection(Section):
    """Where the console listens; anything but loopback must be asked for here."""

    host: str = "127.0.0.1"
    """Anything but loopback lets everybody on the network look."""
    port: Port = 8080
    """Its port."""


class Plant(Section):
    """A whole plant, as one file describes it."""

    name: str
    """What the console calls the plant."""
    tenant: Annotated[int, Field(gt=0)] = 1
    """Whose rows they are, where one database serves several owners."""
    timezone: Zone = "UTC"
    """Zone of the shifts and of the calendar days of OEE."""
    shard: Annotated[str, Field(pattern=r"^\w[\w.-]*$")] = "line-1"
    """Name of this line's part of the log: it names the folder, so never change it."""
    simulated: bool = False
    """True where inputs are rendered: the console then says that they prove nothing about real welds."""
    machines: list[MachineSection] = []
    """What sends readings."""
    recipes: list[RecipeSection] = []
    """What part numbers are judged by."""
    stations: list[StationSection] = []
    """What judges parts."""
    sources: list[Source] = []
    """Who reads what."""
    replay: ReplaySection | None = None
    """The clock of a replay; left out: real time."""
    log: LogSection = LogSection()
    """How large the durable log may grow."""
    console: ConsoleSection = ConsoleSection()
    """The pages."""
    retention: RetentionSection = RetentionSection()
    """What is kept for how long."""
    outbox: OutboxSection | None = None
    """Who is told of stops, alarms and revised shifts; left out: nobody."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if wrong := [_misfit(*found) for found in misfits(self.model_dump())]:
            raise ValidationError.from_exception_data("Plant", wrong)
        return self

    def clock(self) -> Clock:
        """Return the plant's clock: real time, or the replay's."""
        if self.replay is None:
            return WallClock()
        return self.replay.clock()

    def catalog(self) -> Catalog:
        """Return what the shard's flow needs to know of machines, tags and shifts."""
        zone = ZoneInfo(self.timezone)
        machines = [build_machine(machine, zone) for machine in self.machines]
        stations = [build_station(station, zone) for station in self.stations]
        rule = None if self.outbox is None else self.outbox.rule(self.shard)
        return Catalog(tuple(machines + stations), rule)


def _misfit(steps: Steps, says: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("misfit", "{says}", {"says": says}), loc=steps, input="")

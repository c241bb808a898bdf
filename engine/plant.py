"""The plant file: one validated YAML that says what machines, tags, cameras and stations there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from streams.catalog import Calendar, Catalog, Machine, Shift, StateRule, Tag
from streams.clock import SECOND, Clock, ReplayClock, WallClock


class PlantError(Exception):
    """The plant file cannot be used; the message names the place and the mend."""


class Section(BaseModel):
    """A part of the plant file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TagSection(Section):
    """One quantity of a machine."""

    name: str
    type: Literal["number", "text"] = "number"
    unit: str = ""
    detect: bool = False


def minutes(text: str) -> int:
    """Return the minutes since midnight of ``HH:MM``."""
    if not re.fullmatch(r"([01]\d|2[0-4]):[0-5]\d", text):
        raise ValueError(f"{text!r} is not a time of day; write it like 06:30")
    return int(text[:2]) * 60 + int(text[3:])


def _checked(text: str) -> str:
    minutes(text)
    return text


TimeOfDay = Annotated[str, AfterValidator(_checked)]


class ShiftSection(Section):
    """A shift in local time, ``HH:MM``; an end at or before the start is on the next day."""

    name: str
    start: TimeOfDay
    end: TimeOfDay
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = [0, 1, 2, 3, 4, 5, 6]
    breaks: list[tuple[TimeOfDay, TimeOfDay]] = []

    def build(self) -> Shift:
        """Return the shift in minutes."""
        start, end = minutes(self.start), minutes(self.end)
        breaks = tuple(
            (_after(start, minutes(left)), _after(start, minutes(right))) for left, right in self.breaks
        )
        span = (start, end if end > start else end + 1440)
        return Shift(self.name, *span, frozenset(self.weekdays), breaks)


class MachineSection(Section):
    """A machine: its tags, shifts and how its parts are counted."""

    name: str
    tags: list[TagSection]
    shifts: list[ShiftSection] = []
    ideal_cycle_s: float | Literal["modal"] = "modal"
    counts: Literal["runs", "parts"] = "runs"
    minor_stop_s: float = 300
    disorder_s: float = 2
    allowance_s: float = 30
    idle_after_s: float = 10
    states: dict[str, Literal["no_data", "run", "stop", "setup", "planned_stop"]] = {}


class FolderCamera(Section):
    """Photographs of a folder, one part each, at ``rate`` pictures a second of real time."""

    kind: Literal["folder"]
    name: str
    view: str = "front"
    path: Path
    rate: float = 5.0
    repeat: bool = False


class VideoCamera(Section):
    """A video file or device that OpenCV can open; ``rate`` None keeps the file's own."""

    kind: Literal["video"]
    name: str
    view: str = "front"
    path: str
    rate: float | None = None


class ZmqCamera(Section):
    """A remote camera that pushes encoded pictures to this endpoint."""

    kind: Literal["zeromq"]
    name: str
    view: str = "front"
    endpoint: str


class SimulatedCamera(Section):
    """Rendered weld parts, deterministic by seed."""

    kind: Literal["simulated"]
    name: str
    view: str = "front"
    rate: float = 5.0
    seed: int = 1
    size: int = 416


Camera = Annotated[FolderCamera | VideoCamera | ZmqCamera | SimulatedCamera, Field(discriminator="kind")]


class StationSection(Section):
    """An inspection station: cameras, model, decision bands. A station is a machine of its own name too."""

    name: str
    cameras: list[Camera]
    model: str = "weld-pipe"
    part_number: str = "demo"
    judges: str | None = None
    """The machine whose OEE the parts enter; None: the station's own."""
    review_above: float = 0.25
    """Score from which a defect counts; between here and ``reject_above`` the part is REVIEW."""
    reject_above: float = 0.5
    cycle_s: float | None = None
    """Ideal seconds per part of the station itself; None: the mode of its own cycles."""
    shifts: list[ShiftSection] = []
    mode: Literal["lossless", "newest"] = "lossless"
    views: list[str] = []
    """Views that every part must have, joined by serial; empty: each frame is a part of its own."""
    patience_s: float = 5.0
    """Seconds that a part waits for its views."""


class ShdrSource(Section):
    """An MTConnect adapter that speaks SHDR over TCP, one machine."""

    kind: Literal["shdr"]
    name: str
    machine: str
    host: str = "127.0.0.1"
    port: int = 7878


class ZmqSource(Section):
    """A ZeroMQ endpoint that takes Arrow batches and JSON lines of readings."""

    kind: Literal["zeromq"]
    name: str
    endpoint: str


class CsvSource(Section):
    """A CSV file replayed as readings: one time column, one column per tag."""

    kind: Literal["csv"]
    name: str
    machine: str
    path: Path
    time_column: str
    separator: str = ","
    columns: list[str] = []


Source = Annotated[ShdrSource | ZmqSource | CsvSource, Field(discriminator="kind")]


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
        return Catalog(tuple(machines + [self._station_machine(item, zone) for item in self.stations]))

    def _station_machine(self, station: StationSection, zone: ZoneInfo) -> Machine:
        return Machine(
            name=station.name,
            tags=(Tag("avail", numeric=False), Tag("execution", numeric=False)),
            calendar=build_calendar(station.shifts, zone),
            counts="parts",
            ideal_cycle=None if station.cycle_s is None else int(station.cycle_s * SECOND),
        )


def build_machine(section: MachineSection, zone: ZoneInfo) -> Machine:
    """Return one machine of the catalog."""
    rule = StateRule()
    if section.states:
        rule = StateRule(states=tuple({**dict(rule.states), **section.states}.items()))
    modal = section.ideal_cycle_s == "modal"
    return Machine(
        name=section.name,
        tags=tuple(Tag(tag.name, tag.type == "number", tag.unit, tag.detect) for tag in section.tags),
        calendar=build_calendar(section.shifts, zone),
        state_rule=rule,
        counts=section.counts,
        ideal_cycle=None if modal else int(float(section.ideal_cycle_s) * SECOND),
        minor_stop=int(section.minor_stop_s * SECOND),
        disorder=int(section.disorder_s * SECOND),
        allowance=int(section.allowance_s * SECOND),
        idle_after=int(section.idle_after_s * SECOND),
    )


def build_calendar(shifts: list[ShiftSection], zone: ZoneInfo) -> Calendar:
    """Return the calendar; no shifts mean around the clock."""
    return Calendar(zone, tuple(shift.build() for shift in shifts) or (Shift("day", 0, 1440),))


def _after(start: int, minute: int) -> int:
    return minute if minute >= start else minute + 1440


def load(path: Path) -> Plant:
    """Read and check a plant file.

    Raises
    ------
    PlantError
        In one sentence: what is wrong, where, and what to do.
    """
    try:
        return Plant.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PlantError(f"The plant file {path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PlantError(
            f"The plant file {path} is not UTF-8 (byte {exc.start} is the first); save it as UTF-8."
        ) from exc
    except yaml.YAMLError as exc:
        raise PlantError(f"The plant file {path} is not valid YAML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise PlantError(f"{path}: at {place}: {first['msg']}.") from exc


def save(plant: Plant, path: Path) -> None:
    """Write a plant file that `load` reads back equal."""
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json"), sort_keys=False), encoding="utf-8")

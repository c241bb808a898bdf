"""Inspection stations of the plant file and their cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from engine.plant.machines import ShiftSection, build_calendar
from engine.plant.section import Section
from streams.catalog import Machine, Tag
from streams.clock import SECOND


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


def build_station(section: StationSection, zone: ZoneInfo) -> Machine:
    """Return the machine that a station is, too."""
    return Machine(
        name=section.name,
        tags=(Tag("avail", numeric=False), Tag("execution", numeric=False)),
        calendar=build_calendar(section.shifts, zone),
        counts="parts",
        ideal_cycle=None if section.cycle_s is None else int(section.cycle_s * SECOND),
    )

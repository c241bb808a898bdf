"""Machines of the plant file: tags, shifts, and how parts are counted."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from engine.plant.section import Positive, Seconds, Section
from streams.catalog import Calendar, Machine, Sensor, Shift, StateRule, Tag
from streams.clock import SECOND


class TagSection(Section):
    """One quantity of a machine."""

    name: str
    """What the readings call it."""
    type: Literal["number", "text"] = "number"
    """Whether its values are numbers or words."""
    unit: str = ""
    """Unit of its numbers, shown only."""
    detect: bool = False
    """Whether the anomaly score watches it; numbers only."""


class SensorSection(Section):
    """What records waveforms of a machine: an accelerometer, a microphone, a current probe."""

    name: str
    """What the waveforms call it."""
    unit: str = ""
    """What its samples are in; a waveform in another unit is refused."""
    axes: Annotated[list[str], Field(min_length=1)] = [""]
    """Directions in which it measures, as the waveforms call them; left out: one without a name."""

    def build(self) -> Sensor:
        """Return the sensor."""
        return Sensor(self.name, self.unit, tuple(self.axes))


TIME = r"^([01]\d|2[0-4]):[0-5]\d$"


def minutes(text: str) -> int:
    """Return the minutes since midnight of ``HH:MM``."""
    if not re.fullmatch(TIME, text):
        raise ValueError(f"{text!r} is not a time of day; write it like 06:30")
    return int(text[:2]) * 60 + int(text[3:])


def _checked(text: str) -> str:
    minutes(text)
    return text


TimeOfDay = Annotated[str, AfterValidator(_checked), Field(json_schema_extra={"pattern": TIME})]


class ShiftSection(Section):
    """A shift in local time, ``HH:MM``; an end at or before the start is on the next day."""

    name: str
    """What the tables of OEE call it."""
    start: TimeOfDay
    """Its begin, local time."""
    end: TimeOfDay
    """Its end, local time; at or before the start it is on the next day."""
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = [0, 1, 2, 3, 4, 5, 6]
    """Days on which it begins; Monday is 0."""
    breaks: list[tuple[TimeOfDay, TimeOfDay]] = []
    """Begin and end of the time within it that is not planned for production."""

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
    """Its name, unique among machines and stations."""
    tags: list[TagSection]
    """What it sends; anything else is quarantined."""
    sensors: list[SensorSection] = []
    """What records its waveforms."""
    shifts: list[ShiftSection] = []
    """When it is planned to run; empty: around the clock."""
    ideal_cycle_s: Positive | Literal["modal"] = "modal"
    """Ideal seconds per part; modal: the mode of its own completed runs."""
    counts: Literal["runs", "parts"] = "runs"
    """What counts as production: its completed runs, all good, or parts that a station judges."""
    minor_stop_s: Seconds = 300
    """A stop up to so many seconds costs performance, a longer one availability."""
    disorder_s: Seconds = 2
    """How many seconds late its readings may come and still be on time."""
    allowance_s: Seconds = 30
    """How many seconds later they may come and still revise a window."""
    idle_after_s: Positive = 10
    """Silent for so many seconds, it no longer holds its windows open."""
    states: dict[str, Literal["no_data", "run", "stop", "setup", "planned_stop"]] = {}
    """What further values of execution mean; the usual ones are known."""


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
        sensors=tuple(sensor.build() for sensor in section.sensors),
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

"""Machines of the plant file: tags, shifts, and how parts are counted."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from engine.plant.section import Section
from streams.catalog import Calendar, Machine, Shift, StateRule, Tag
from streams.clock import SECOND


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

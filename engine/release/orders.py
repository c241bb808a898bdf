"""What people ask of a running station, from a process of their own."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.paths import Home
from engine.plant import Judging, PlantError, StationSection, load
from engine.plant.references import nearest
from engine.recipe import sections_of
from engine.release import files
from engine.release.files import Order
from engine.release.state import State
from streams.clock import SECOND

PATIENCE = 15.0
POLL = 0.1


def find(name: str) -> tuple[Home, StationSection]:
    """Return the home of all state and the station of the plant that is in use there.

    Raises
    ------
    PlantError
        No plant is in use, or it has no such station.
    """
    home = Home.default()
    if not home.plant_file.is_file():
        raise PlantError(f"No plant was run in {home.root}; start one with seamline run.")
    stations = {section.name: section for section in load(home.plant_file).stations}
    if name not in stations:
        raise PlantError(f"{name} is no station of the plant; {nearest(name, sorted(stations))}")
    return home, stations[name]


def named(person: str, reason: str) -> tuple[str, str]:
    """Return who orders something, and why; nobody orders without a name.

    Raises
    ------
    PlantError
        One of the two is missing.
    """
    if not person.strip() or not reason.strip():
        raise PlantError("Say who orders it and why: --by NAME --reason TEXT.")
    return person.strip(), reason.strip()


def require_masters(section: StationSection) -> None:
    """Refuse to block a station that nothing could release.

    Raises
    ------
    PlantError
        No recipe of it has master parts.
    """
    if not any(recipe.masters for recipe in recipes(section)):
        raise PlantError(
            f"{section.name} has no master parts that could release it; name some in the plant file."
        )


def order(home: Home, name: str, what: Order) -> None:
    """Give an order and wait until the station took it.

    Raises
    ------
    PlantError
        It does not, so the order was taken back.
    """
    file = files.give(home, name, replace(what, given=time.time_ns()))
    limit = time.monotonic() + PATIENCE
    while file.exists():
        if time.monotonic() > limit:
            files.done(home, name)
            raise PlantError(
                f"Station {name} does not answer, so nothing was ordered; see `seamline status`."
            )
        time.sleep(POLL)


def state(home: Home, name: str) -> State:
    """Return a station's release as it is on disk."""
    return files.load(home, name)


def masters(home: Home, section: StationSection) -> list[dict[str, Any]]:
    """Return a row for each master part of a station's recipes."""
    found = state(home, section.name)
    number = found.basis.part_number if found.basis else ""
    return [
        {
            "recipe": recipe.name,
            "part_number": recipe.part_number,
            "serial": master.serial,
            "expect": master.expect,
            "finds": master.finds or "",
            "seen": recipe.part_number == number and (found.released or master.serial in found.seen),
        }
        for recipe in recipes(section)
        for master in recipe.masters
    ]


def recipes(section: StationSection) -> list[Judging]:
    """Return the recipes of a station of the plant in use."""
    return sections_of(section, load(Home.default().plant_file))


def moment(stamp: int) -> str:
    """Return a time, microseconds UTC, as people write it."""
    return f"{datetime.fromtimestamp(stamp / SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"

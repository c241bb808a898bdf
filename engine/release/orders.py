"""What people ask of a running station, from a process of their own."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from engine.paths import Home
from engine.plant import Judging, PlantError, load
from engine.plant.references import nearest
from engine.recipe import sections_of
from engine.release import files
from engine.release.files import Order
from engine.release.state import State
from streams.clock import SECOND

PATIENCE = 15.0
POLL = 0.1


class Asked(NamedTuple):
    """The station that somebody asks something of."""

    home: Home
    name: str
    recipes: list[Judging]


def find(name: str) -> Asked:
    """Return the station of the plant that is in use in the home of all state.

    Raises
    ------
    PlantError
        No plant is in use, or it has no such station.
    """
    home = Home.default()
    if not home.plant_file.is_file():
        raise PlantError(f"No plant was run in {home.root}; start one with seamline run.")
    plant = load(home.plant_file)
    stations = {section.name: section for section in plant.stations}
    if name not in stations:
        raise PlantError(f"{name} is no station of the plant; {nearest(name, sorted(stations))}")
    return Asked(home, name, sections_of(stations[name], plant))


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


def require_masters(asked: Asked) -> None:
    """Refuse to block a station that nothing could release.

    Raises
    ------
    PlantError
        No recipe of it has master parts.
    """
    if not any(recipe.masters for recipe in asked.recipes):
        raise PlantError(
            f"{asked.name} has no master parts that could release it; name some in the plant file."
        )


def order(asked: Asked, what: Order) -> str:
    """Give an order, wait until the station took it, and return what it did (`Taken.done`).

    Raises
    ------
    PlantError
        It does not, so the order was taken back; or it did, and cannot note it.
    """
    given = replace(what, given=time.time_ns())
    file = files.give(asked.home, asked.name, given)
    limit = time.monotonic() + PATIENCE
    while file.exists():
        if time.monotonic() > limit:
            files.done(asked.home, asked.name, given)
            raise PlantError(
                f"Station {asked.name} does not answer, so nothing was ordered; see `seamline status`."
            )
        time.sleep(POLL)
    if done := files.load(asked.home, asked.name).done(given.given):
        return done
    raise PlantError(
        f"Station {asked.name} took the order but cannot note it, so it holds until the station ends;"
        " make room on its disk and order it again."
    )


def state(asked: Asked) -> State:
    """Return a station's release as it is on disk."""
    return files.load(asked.home, asked.name)


def masters(asked: Asked) -> list[dict[str, Any]]:
    """Return a row for each master part of a station's recipes."""
    found = state(asked)
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
        for recipe in asked.recipes
        for master in recipe.masters
    ]


def moment(stamp: int) -> str:
    """Return a time, microseconds UTC, as people write it."""
    return f"{datetime.fromtimestamp(stamp / SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"

"""Take cameras up or down while a plant runs: its plant file in use is written anew, its stations follow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import health
from engine.health import Health
from engine.paths import Home
from engine.plant import Plant, PlantError, load, save

PATIENCE = 15.0
POLL = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """One camera that was added, removed or changed."""

    station: str
    camera: str
    what: str


def change_cameras(home: Home, file: Path) -> list[Change]:
    """Make the running plant's cameras those of a plant file; return what that changed.

    It returns once every station has taken them up.

    Raises
    ------
    PlantError
        The file is no plant, differs in more than cameras, no plant runs, or a station does not answer.
    """
    wanted = load(file)
    running = load(home.plant_file) if home.plant_file.is_file() else None
    if running is None or not any(station_records(home)):
        raise PlantError(f"No plant runs in {home.root}; its next start reads the cameras from the file.")
    if other := differing(running, wanted):
        raise PlantError(
            f"Only cameras can change while a plant runs; {other} differs, too: stop it and run it."
        )
    changes = list(changed(running, wanted))
    if changes:
        put(wanted, home.plant_file)
        await_stations(home, wanted)
    return changes


def differing(running: Plant, wanted: Plant) -> str:
    """Return the first key besides cameras in which two plants differ; empty when there is none."""
    left, right = (plain_without_cameras(plant) for plant in (running, wanted))
    return next((key for key in left if left[key] != right[key]), "")


def plain_without_cameras(plant: Plant) -> dict[str, Any]:
    """Return what a plant says besides its cameras."""
    plain = plant.model_dump(mode="json")
    for station in plain["stations"]:
        del station["cameras"]
    return plain


def changed(running: Plant, wanted: Plant) -> Iterator[Change]:
    """Yield the cameras that differ between two plants of the same stations."""
    for before, after in zip(running.stations, wanted.stations, strict=True):
        old, new = ({camera.name: camera for camera in station.cameras} for station in (before, after))
        for name in sorted(old.keys() | new.keys()):
            if name not in old:
                yield Change(after.name, name, "added")
            elif name not in new:
                yield Change(after.name, name, "removed")
            elif old[name] != new[name]:
                yield Change(after.name, name, "changed")


def put(plant: Plant, file: Path) -> None:
    """Write a plant file in one step, so that nobody reads half of it."""
    draft = file.with_suffix(".draft")
    save(plant, draft)
    draft.replace(file)


def await_stations(home: Home, wanted: Plant) -> None:
    """Wait until every station reads the cameras that are wanted.

    Raises
    ------
    PlantError
        One does not.
    """
    limit = time.monotonic() + PATIENCE
    expected = {station.name: {camera.name for camera in station.cameras} for station in wanted.stations}
    while behind := sorted(name for name, cameras in expected.items() if read_by(home, name) != cameras):
        if time.monotonic() > limit:
            raise PlantError(f"Station {behind[0]} has not taken the cameras up yet; see `seamline status`.")
        time.sleep(POLL)


def read_by(home: Home, station: str) -> set[str]:
    """Return the cameras that a station says it reads."""
    return {
        part.name
        for record in station_records(home)
        if record.name == station
        for part in record.parts
        if part.kind == "camera"
    }


def station_records(home: Home) -> Iterator[Health]:
    """Yield what the stations that run say of themselves."""
    now = time.time_ns() // 1000
    for record in health.read_all(home.health):
        if record.kind == "station" and not record.ended and not record.silent(now):
            yield record

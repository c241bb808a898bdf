"""Names of the plant file that must be unique, or must be those of machines."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from engine.plant.stations import UsbControl

Steps = tuple[str | int, ...]
Misfit = tuple[Steps, str]
"""Where a name stands, and what is wrong with it."""

UNIQUE = {
    "machines": (("tags", "sensors", "shifts"), "machine or station"),
    "stations": (("cameras", "shifts"), "machine or station"),
    "recipes": ((), "recipe"),
    "sources": ((), "source"),
}
"""Lists of named items: the lists of named items in each, and what shares one name space."""


NAMELESS = {"video", "rtsp", "genicam"}
"""Kinds of cameras whose pictures never say of which part they are."""
EXPOSED = ("genicam", "video")
"""Kinds of cameras that a recipe can expose."""
USB_CONTROLS = get_args(UsbControl)
PROCESSES = ("appender", "archive", "console", "gateway", "relay", "supervisor")


def misfits(plant: Any) -> Iterator[Misfit]:
    """Yield every name that is taken or unknown; what is no plant at all has none.

    Parameters
    ----------
    plant
        What a plant file says, in plain Python, valid or not.
    """
    taken: dict[str, set[str]] = {}
    for listed, (within, kind) in UNIQUE.items():
        yield from _taken(plant, (listed,), kind, taken.setdefault(kind, set()))
        for step, item in _items(plant, listed):
            for inner in within:
                yield from _taken(item, (listed, step, inner), inner.removesuffix("s"), set())
    yield from _reserved(plant)
    yield from _recipes(plant)
    yield from _exposures(plant)
    yield from _masters(plant)
    yield from _viewless(plant)
    for listed, key in (("stations", "judges"), ("sources", "machine")):
        yield from _unknown(plant, (listed,), key, taken["machine or station"])
    for step, source in _items(plant, "sources"):
        for listed in ("points", "wills", "devices"):
            yield from _unknown(source, ("sources", step, listed), "machine", taken["machine or station"])
        yield from _unbound(plant, source, ("sources", step, "points"))


def _reserved(plant: Any) -> Iterator[Misfit]:
    """Yield the stations that are named like another process: each has its own log and its own record."""
    shard = plant.get("shard", "line-1") if isinstance(plant, dict) else ""
    for step, item in _items(plant, "stations"):
        if (name := _name(item)) in {*PROCESSES, shard}:
            yield ("stations", step, "name"), f"{name} is the name of another process; rename the station."


def _recipes(plant: Any) -> Iterator[Misfit]:
    """Yield the recipes of stations that are unknown, or the second for one part number."""
    numbers = {_name(item): item.get("part_number", "demo") for _, item in _items(plant, "recipes")}
    for step, station in _items(plant, "stations"):
        named, taken = station.get("recipes"), set[Any]()
        for place, name in enumerate(named if isinstance(named, list) else []):
            steps: Steps = ("stations", step, "recipes", place)
            if name not in numbers:
                yield steps, f"{name} is no recipe; {nearest(str(name), sorted(numbers))}"
            elif numbers[name] in taken:
                yield steps, f"part number {numbers[name]} has a recipe at this station already; keep one."
            taken.add(numbers.get(name))


def _exposures(plant: Any) -> Iterator[Misfit]:
    """Yield what recipes ask of the cameras of their stations that these cannot do, or would not undo."""
    asked = {_name(item): item.get("exposure") or {} for _, item in _items(plant, "recipes")}
    for step, station in _items(plant, "stations"):
        named = station.get("recipes")
        recipes = (
            [name for name in named if isinstance(name, str) and name in asked]
            if isinstance(named, list)
            else []
        )
        for place, camera in _items(station, "cameras"):
            told = {name: _told(asked[name], _name(camera)) for name in recipes}
            if any(told.values()):
                steps: Steps = ("stations", step, "cameras", place, "kind")
                yield from ((steps, why) for why in _undoable(camera, told))


def _told(exposure: Any, camera: str) -> dict[str, Any]:
    found = exposure.get(camera) if isinstance(exposure, dict) else None
    return found if isinstance(found, dict) else {}


def _undoable(camera: dict[str, Any], told: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield why a camera cannot be exposed as recipes tell it; a device keeps what it was told last."""
    kind, own = camera.get("kind"), camera.get("settings")
    if kind not in EXPOSED:
        yield f"a {kind} camera takes no exposure of a recipe; set it at the camera itself."
        return
    always = set(own) if isinstance(own, dict) else set()
    every = {control for settings in told.values() for control in settings}
    for recipe, settings in told.items():
        for control, value in settings.items() if kind == "video" else ():
            if control not in USB_CONTROLS or isinstance(value, str | bool):
                yield (
                    f"recipe {recipe} tells a USB camera {control}: {value}; say a number for"
                    f" {', '.join(USB_CONTROLS)}."
                )
        if left := sorted(map(str, every - always - set(settings))):
            yield (
                f"recipe {recipe} leaves {', '.join(left)} as another recipe sets it; name it there, too,"
                " or in the camera's settings."
            )


def _masters(plant: Any) -> Iterator[Misfit]:
    """Yield the stations that no master part could ever release: nobody would know it."""
    released = {_name(item) for _, item in _items(plant, "recipes") if item.get("masters")}
    for step, station in _items(plant, "stations"):
        named = station.get("recipes")
        by_recipe = isinstance(named, list) and any(
            name in released for name in named if isinstance(name, str)
        )
        if (by_recipe or (not named and station.get("masters"))) and (why := _nameless(station)):
            yield ("stations", step, "name"), why


def _nameless(station: dict[str, Any]) -> str:
    """Return why a station cannot know a part that has a serial of its own; empty when it can."""
    identity = station.get("identity")
    source = identity.get("serial", "camera") if isinstance(identity, dict) else "camera"
    kinds = {str(camera.get("kind")) for _, camera in _items(station, "cameras")}
    if source == "station":
        why = "its identity numbers every part anew"
    elif source == "camera" and kinds and kinds <= NAMELESS:
        why = f"no camera of kind {' or '.join(sorted(kinds))} tells a serial"
    else:
        return ""
    return (
        f"no master part could ever release {_name(station)}: {why};"
        " take the serial from a plc, scanner or datamatrix."
    )


def _viewless(plant: Any) -> Iterator[Misfit]:
    """Yield where a part would be judged by one picture, though its cameras show it from several sides."""
    known = {_name(item): item for _, item in _items(plant, "recipes")}
    for step, station in _items(plant, "stations"):
        shown = dict.fromkeys(str(camera.get("view", "front")) for _, camera in _items(station, "cameras"))
        if len(shown) <= 1:
            continue
        named = station.get("recipes")
        judged: list[tuple[Steps, dict[str, Any]]] = [
            (("stations", step, "recipes", place), known.get(str(name), {}))
            for place, name in enumerate(named if isinstance(named, list) else [])
        ]
        for steps, item in judged or [(("stations", step, "views"), station)]:
            proved = station.get("handshake") or item.get("masters")
            if item and proved and not item.get("views"):
                yield (
                    steps,
                    f"{_name(item)} would judge a part by its first picture alone, though the cameras of"
                    f" {_name(station)} show {', '.join(shown)}; write views: [{', '.join(shown)}] into it.",
                )


def _taken(section: Any, steps: Steps, kind: str, taken: set[str]) -> Iterator[Misfit]:
    for step, item in _items(section, steps[-1]):
        if (name := _name(item)) and name in taken:
            yield (*steps, step, "name"), f"the {kind} name {name} is taken already; rename one of the two."
        taken.add(name)


def _unknown(section: Any, steps: Steps, key: str, known: set[str]) -> Iterator[Misfit]:
    for step, item in _items(section, steps[-1]):
        name = item.get(key)
        if isinstance(name, str) and name not in known:
            yield (*steps, step, key), f"{name} is no machine; {nearest(name, sorted(known - {''}))}"


def _unbound(plant: Any, source: Any, steps: Steps) -> Iterator[Misfit]:
    """Yield the points whose tag their machine does not have, or has in another unit, or twice."""
    units = {
        _name(machine): {_name(tag): tag.get("unit", "") for _, tag in _items(machine, "tags")}
        for _, machine in _items(plant, "machines")
    }
    addresses: set[str] = set()
    for step, point in _items(source, "points"):
        machine, tag, unit = (str(point.get(key, "")) for key in ("machine", "tag", "unit"))
        tags = units.get(machine, {})
        if tags and tag not in tags:
            yield (*steps, step, "tag"), f"{tag} is no tag of {machine}; {nearest(tag, list(tags))}"
        elif unit and tags.get(tag) and unit != tags[tag]:
            yield (*steps, step, "unit"), f"{tag} of {machine} is in {tags[tag]}; scale the point to it."
        if (address := str(point.get("address", ""))) in addresses:
            yield (*steps, step, "address"), f"{address} is bound already; one address is one tag."
        addresses.add(address)


def nearest(word: str, known: list[str]) -> str:
    """Say what a word may have been meant to be."""
    if close := get_close_matches(word, known, 1):
        return f"did you mean {close[0]}?"
    return f"write one of: {', '.join(known)}." if known else "there is none yet, add it."


def _items(section: Any, key: str | int) -> list[tuple[int, dict[str, Any]]]:
    found = section.get(key) if isinstance(section, dict) else None
    listed = found if isinstance(found, list) else []
    return [(index, item) for index, item in enumerate(listed) if isinstance(item, dict)]


def _name(item: dict[str, Any]) -> str:
    name = item.get("name")
    return name if isinstance(name, str) else ""

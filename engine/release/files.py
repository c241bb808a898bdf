"""The state of a station's release on disk, and what people order: each file is written in one step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson

from engine.paths import Home
from engine.release.state import State
from vision.evidence import sync_folders


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks of a station: to be blocked, bypassed, or no longer bypassed."""

    what: str
    """``block``, ``bypass`` or ``end_bypass``."""
    person: str
    reason: str
    minutes: float = 0.0
    given: int = 0
    """When, nanoseconds since 1970: that names it, for each is taken once."""


def state_file(home: Home, station: str) -> Path:
    """Return where a station keeps its release."""
    return home.stations / f"{quote(station, safe='')}.release.json"


def load(home: Home, station: str) -> State:
    """Return a station's release; one that cannot be read is that of a station that never passed."""
    try:
        return State.from_plain(orjson.loads(state_file(home, station).read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return State(station)


def save(home: Home, state: State) -> None:
    """Write a station's release, so that not even a loss of power takes it back.

    Raises
    ------
    OSError
        It cannot be written.
    """
    write(state_file(home, state.station), orjson.dumps(state.to_plain()))


def give(home: Home, station: str, order: Order) -> Path:
    """Put an order where the station looks for it and return the file, which goes when it was taken.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = order_file(home, station, order.given)
    write(file, orjson.dumps(order))
    return file


def take(home: Home, station: str) -> Order | None:
    """Return the oldest order that waits for a station; `done` takes it away."""
    waiting = home.stations.glob(order_file(home, station, "*").name)
    for file in sorted(waiting, key=lambda file: (len(file.name), file.name)):
        try:
            return Order(**orjson.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue
    return None


def done(home: Home, station: str, order: Order) -> None:
    """Take an order away, and no other one: the station's state holds what it asked for."""
    order_file(home, station, order.given).unlink(missing_ok=True)


def order_file(home: Home, station: str, given: int | str) -> Path:
    """Return where a station looks for an order, by when it was given."""
    return home.stations / f"{quote(station, safe='')}.order@{given}.json"


def write(file: Path, content: bytes) -> None:
    """Write a file in one step and to disk.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    with draft.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    sync_folders((file.parent,))

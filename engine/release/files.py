"""The state of a station's release on disk, and what people order: each file is written in one step."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson

from engine.paths import Home
from engine.release.state import State
from vision.evidence import write_file

BLOCK, SPARE = 4096, 2
"""A state is filled up to whole blocks of so many bytes, and more than one of them stays free: room for what
is to be noted when the disk has none."""
UNREADABLE = b"!"
"""What no state begins with."""


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
    """Write a station's release, so that neither a loss of power nor a full disk takes it back.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file, content = state_file(home, state.station), orjson.dumps(state.to_plain())
    content = content.ljust((len(content) // BLOCK + SPARE) * BLOCK)
    try:
        write_file(file, content)
    except OSError:
        if not file.exists():
            raise
        overwrite(file, content)


def give(home: Home, station: str, order: Order) -> Path:
    """Put an order where the station looks for it and return the file, which goes when it was taken.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = order_file(home, station, order.given)
    write_file(file, orjson.dumps(order))
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


def overwrite(file: Path, content: bytes) -> None:
    """Write over a file in the room that it has: until all of it is on disk nobody can read it.

    Raises
    ------
    OSError
        It cannot be written; where the disk took any of it, the file cannot be read any more.
    """
    with file.open("r+b", buffering=0) as out:
        content = content.ljust(file.stat().st_size)
        for place, piece in ((0, UNREADABLE), (1, content[1:]), (0, content[:1])):
            out.seek(place)
            if out.write(piece) < len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(out.fileno())

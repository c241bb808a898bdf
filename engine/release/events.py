"""What happened to a station's release, as it stands in the log and in the table ``releases``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

import orjson

BLOCKED, MASTER, PASSED, FAILED = "blocked", "master", "passed", "failed"
BYPASS_BEGAN, BYPASS_ENDED = "bypass_began", "bypass_ended"
LINE_STOPPED, LINE_RELEASED = "line_stopped", "line_released"
"""A reject is not where it belongs; a person let the line go on. Neither changes whether it may judge."""
EVENTS = (BLOCKED, MASTER, PASSED, FAILED, BYPASS_BEGAN, BYPASS_ENDED, LINE_STOPPED, LINE_RELEASED)


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a station's release.

    The ``number`` rises with every event of a station: one that was sent twice, because its sender died
    before it heard that it had arrived, is the same event. Times are microseconds UTC.
    """

    station: str
    number: int
    at: int
    event: str
    part_number: str
    recipe_hash: str
    reason: str
    person: str = ""
    serial: str = ""
    since: int = 0
    """Of a failure: when the part number passed last, 0 for never; all parts since then are suspect."""
    until: int = 0
    """Of a bypass: when it ends."""

    def to_json(self) -> bytes:
        """Return the form that is logged."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Read the logged form.

        Raises
        ------
        ValueError
            The bytes are no event of a release.
        """
        try:
            event = cls(**json.loads(payload))
        except TypeError as exc:
            raise ValueError(f"the bytes are no event of a release: {exc}") from exc
        if event.event not in EVENTS:
            raise ValueError(f"there is no event {event.event!r} of a release")
        return event

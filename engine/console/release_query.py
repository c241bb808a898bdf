"""Read how a station's release is: what holds now, and which parts the newest failure makes suspect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

Rows = Connection[tuple[Any, ...]]

SUSPECT_FOR = timedelta(days=1)
"""Suspect parts are told so long after the failure, and for as long as the station stays blocked."""

NEWEST = """
SELECT number, event, at, reason, person, serial, until, since FROM releases
WHERE tenant_id = %s AND station = %s AND event = ANY(%s)
ORDER BY number DESC LIMIT 1
"""
SEEN = """
SELECT serial FROM releases
WHERE tenant_id = %s AND station = %s AND event = 'master' AND number > %s ORDER BY number
"""
SUSPECTS = """
SELECT count(DISTINCT (judged_at, serial, attempt)) FROM doubts
WHERE tenant_id = %s AND station = %s AND number = %s
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a release."""

    number: int
    event: str
    at: datetime
    reason: str
    person: str
    serial: str
    until: datetime | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Release:
    """How a station's release is, as far as the database knows."""

    standing: Told | None
    """The event that says whether it is released; None: it needs no release, or told nothing yet."""
    seen: tuple[str, ...]
    """Master parts that were judged as expected since it was blocked."""
    bypass: Told | None
    """The newest bypass, unless a person ended it."""
    failure: Told | None
    suspects: int

    @property
    def blocked(self) -> bool:
        """Whether what it says of parts does not count."""
        return self.standing is not None and self.standing.event != "passed"

    def bypassed(self, now: datetime) -> bool:
        """Whether parts go by without being inspected."""
        return self.bypass is not None and self.bypass.until is not None and now < self.bypass.until

    def doubtful(self, now: datetime) -> bool:
        """Whether suspect parts are to be told of."""
        recent = self.failure is not None and now - self.failure.at < SUSPECT_FOR
        return self.suspects > 0 and (recent or self.blocked)


def release_now(db: Rows, tenant: int, station: str) -> Release:
    """Return how a station's release is."""
    standing = newest(db, tenant, station, ("blocked", "failed", "passed"))
    bypass = newest(db, tenant, station, ("bypass_began", "bypass_ended"))
    failure = newest(db, tenant, station, ("failed",))
    since = standing.number if standing else 0
    seen = tuple(row[0] for row in db.execute(SEEN, [tenant, station, since]))
    began = bypass if bypass and bypass.event == "bypass_began" else None
    return Release(standing, seen, began, failure, suspects(db, tenant, station, failure))


def suspects(db: Rows, tenant: int, station: str, failure: Told | None) -> int:
    """Return how many parts were judged between the last pass and a failure, none where it never passed."""
    if failure is None or failure.since is None:
        return 0
    row = db.execute(SUSPECTS, [tenant, station, failure.number]).fetchone()
    return row[0] if row else 0


def newest(db: Rows, tenant: int, station: str, events: Sequence[str]) -> Told | None:
    """Return the newest of some events."""
    row = db.execute(NEWEST, [tenant, station, list(events)]).fetchone()
    return Told(*row) if row else None

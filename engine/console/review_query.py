"""Read the parts that wait for a person's decision, with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from engine.console.data import Part, Picture
from engine.console.station_query import frames_near, pictures
from vision.rules import DEFECTS

SHOWN = 12
"""Parts that are shown."""
DAYS = 7
QUEUE = """
SELECT station, uncertainty, novelty, serial, part_number, attempt, ts, outcome, reason, model_hash
FROM review_queue
WHERE tenant_id = %(tenant)s AND ts > (
    SELECT max(ts) FROM verdicts WHERE tenant_id = %(tenant)s
) - %(days)s * interval '1 day'
ORDER BY priority DESC, ts DESC LIMIT %(limit)s
"""

Rows = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A part that nobody decided; ``uncertainty`` and ``novelty`` are shares, 0 to 1."""

    station: str
    uncertainty: float
    novelty: float
    part: Part
    pictures: tuple[Picture, ...]

    @property
    def key(self) -> tuple[str, str, int]:
        """What the decision is about: station, serial, attempt."""
        return self.station, self.part.serial, self.part.attempt


def waiting(db: Rows, tenant: int) -> tuple[Waiting, ...]:
    """Return the most instructive parts first."""
    rows = db.execute(QUEUE, {"tenant": tenant, "days": DAYS, "limit": SHOWN}).fetchall()
    return tuple(_waiting(db, tenant, row) for row in rows)


def _waiting(db: Rows, tenant: int, row: tuple[Any, ...]) -> Waiting:
    station, uncertainty, novelty, *told = row
    part = Part(*(*told, "", "", None))
    frames = frames_near(db, tenant, station, {part.serial: part.ts})[part.serial]
    shown = sorted(pictures(db, tenant, station, part, frames), key=doubt, reverse=True)
    return Waiting(station, uncertainty, novelty, part, tuple(shown))


def doubt(picture: Picture) -> float:
    """Return the score of a picture's worst defect: the picture to be looked at first has the highest."""
    return max((item.score for item in picture.findings if item.judged in DEFECTS), default=0.0)

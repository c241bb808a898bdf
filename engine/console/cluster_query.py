"""Read what the cluster page asks the database itself: its level, and what is in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from engine.store.levels import Level, detect

DAY = timedelta(hours=24)
COUNTED = 100_000
"""So many rows of quarantine are counted at the most: a flood must not slow the page."""

QUARANTINE = """
SELECT reason, count(*)
FROM (SELECT reason FROM quarantine WHERE tenant_id = %s AND ts BETWEEN %s AND %s LIMIT %s) AS recent
GROUP BY reason ORDER BY count(*) DESC, reason
"""

Rows = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Store:
    """The database: its level and version, and the rows of a day's quarantine by reason."""

    level: Level
    version: int
    quarantine: tuple[tuple[str, int], ...]

    @property
    def flooded(self) -> bool:
        """Whether there are more rows than were counted."""
        return sum(count for _, count in self.quarantine) >= COUNTED


def store(db: Rows, tenant: int, now: datetime) -> Store:
    """Return how the database is at plant time ``now``."""
    rows = db.execute(QUARANTINE, [tenant, now - DAY, now + DAY, COUNTED]).fetchall()
    return Store(
        detect(db), db.info.server_version // 10_000, tuple((reason, count) for reason, count in rows)
    )

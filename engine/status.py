"""What a plant has done so far, in numbers: for the command line and for tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from engine.line_log import newest
from engine.paths import Home
from engine.plant import Plant


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of committed rows and how far the shard is."""

    position: int
    behind_s: float
    """Seconds between the wall time and the last commit."""
    verdicts: int
    frames_captured: int
    frames_unaccounted: int
    windows: int
    states: int
    oee: int
    anomalies: int
    quarantined: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


STATUS_SQL = """
SELECT s.position,
       coalesce(extract(epoch FROM clock_timestamp() - s.committed), 0)::float8,
       (SELECT count(*) FROM verdicts),
       (SELECT coalesce(sum(captured), 0)::int8 FROM frame_balance),
       (SELECT coalesce(sum(difference), 0)::int8 FROM frame_balance),
       (SELECT count(*) FROM windows),
       (SELECT count(*) FROM states),
       (SELECT count(*) FROM oee),
       (SELECT count(*) FROM anomalies),
       (SELECT count(*) FROM quarantine)
FROM shard s WHERE s.id = %s
"""


def status(dsn: str, shard: str) -> Status | None:
    """Count what a shard has committed; None while it has not begun."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(STATUS_SQL, [shard]).fetchone()
    return None if row is None else Status(*row)


def backlog(dsn: str, home: Home, plant: Plant) -> int:
    """Return how many log entries the shard has still to commit."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT position FROM shard WHERE id = %s", [plant.shard]).fetchone()
    last = newest(plant, home)
    return (0 if last is None else last.position) - (0 if row is None else int(row[0]))

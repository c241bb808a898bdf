"""What the database says of a plant in a few numbers: for metrics, so read seldom and never by a scrape."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from psycopg import Connection

from engine.plant import Plant

RECENT = timedelta(days=3)
"""A shift or a score that is older says nothing of now."""
QUARANTINE_SPAN = timedelta(days=1)
MOST_REASONS = 30
"""Reasons told apart; the rarer ones are one: names of series must not grow without bound."""
OTHER = "other"

PROGRESS = """
SELECT clock, extract(epoch FROM clock_timestamp() - committed)::float8
FROM shard WHERE id = %(shard)s AND clock IS NOT NULL
"""
MACHINES = "FROM machines m WHERE m.tenant_id = %(tenant)s AND m.shard = %(shard)s"
STATES = f"""
SELECT m.name, (
    SELECT s.state FROM state_at(m.tenant_id, m.name, %(now)s, '-infinity') s
) {MACHINES}
"""
SCORES = """
SELECT DISTINCT ON (machine) machine, score, threshold FROM anomalies_latest
WHERE tenant_id = %(tenant)s AND ts BETWEEN %(score_since)s AND %(now)s
ORDER BY machine, ts DESC
"""
SCORE_SPAN = timedelta(hours=1)
CLOCKS = """
SELECT DISTINCT ON (machine, source)
    machine, coalesce(source, ''), offset_us / 1e6::float8, jitter_us / 1e6::float8 FROM clocks
WHERE tenant_id = %(tenant)s AND ts BETWEEN %(score_since)s AND %(now)s
ORDER BY machine, source, ts DESC
"""
OEE = """
SELECT DISTINCT ON (machine) machine, oee, availability, performance, quality FROM oee_latest
WHERE tenant_id = %(tenant)s AND ts BETWEEN %(since)s AND %(now)s
ORDER BY machine, ts DESC, as_of DESC
"""
QUARANTINE = """
SELECT reason, count(*) FROM quarantine
WHERE tenant_id = %(tenant)s AND ts > %(quarantine_since)s GROUP BY reason ORDER BY 2 DESC
"""

Rows = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Ratios:
    """A machine's newest shift; None where nothing defines a ratio."""

    oee: float | None
    availability: float | None
    performance: float | None
    quality: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A plant at one moment; by machine, or by reason. Of a shard that has not begun nothing is known."""

    commit_age: float | None = None
    """Seconds of real time since the last commit, when this was read."""
    states: dict[str, str] = field(default_factory=dict)
    oee: dict[str, Ratios] = field(default_factory=dict)
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Newest anomaly score and its threshold."""
    clocks: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """Offset and jitter of the clocks of each machine's sources, seconds."""
    quarantined: dict[str, int] = field(default_factory=dict)
    """Rows of the last day of plant time."""


def figures(plant: Plant, db: Rows) -> Figures:
    """Read the figures of a plant."""
    names: dict[str, Any] = {"tenant": plant.tenant, "shard": plant.shard}
    row = db.execute(PROGRESS, names).fetchone()
    if row is None:
        return Figures()
    now = row[0]
    names |= {"now": now, "since": now - RECENT, "score_since": now - SCORE_SPAN}
    names |= {"quarantine_since": now - QUARANTINE_SPAN}
    scores = {machine: (score, threshold) for machine, score, threshold in db.execute(SCORES, names)}
    return Figures(
        commit_age=row[1],
        states={machine: state for machine, state in db.execute(STATES, names) if state},
        oee={machine: Ratios(*ratios) for machine, *ratios in db.execute(OEE, names)},
        scores=scores,
        clocks={(row[0], row[1]): (row[2], row[3]) for row in db.execute(CLOCKS, names)},
        quarantined=bounded(db.execute(QUARANTINE, names).fetchall()),
    )


def bounded(counts: list[tuple[Any, ...]], most: int = MOST_REASONS) -> dict[str, int]:
    """Return the most frequent reasons, the rest as one.

    >>> bounded([("late", 5), ("bad_time", 2), ("not_a_number", 1)], most=1)
    {'late': 5, 'other': 3}
    """
    found = dict(counts[:most])
    rest = sum(count for _, count in counts[most:])
    return found | ({OTHER: found.get(OTHER, 0) + rest} if rest else {})

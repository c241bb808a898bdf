"""What people decide about parts: the queue of what to look at, their decisions, and labels to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from engine.store.database import connect

QUEUE = """
SELECT station, serial, attempt, part_number, ts, outcome, reason, score, uncertainty, novelty, priority
FROM review_queue
WHERE tenant_id = %(tenant)s AND (%(station)s = '' OR station = %(station)s)
  AND ts > (SELECT max(ts) FROM verdicts WHERE tenant_id = %(tenant)s) - %(days)s * interval '1 day'
ORDER BY priority DESC, ts DESC LIMIT %(limit)s
"""
LATEST = """
SELECT station, attempt, ts FROM verdicts
WHERE tenant_id = %s AND serial = %s AND (%s = '' OR station = %s) ORDER BY ts DESC LIMIT 1
"""
DECIDE = """
INSERT INTO reviews (tenant_id, station, serial, attempt, ts, decision, label, boxes, reason, person)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
SHADOWS = """
SELECT station, part_number, left(model_hash, 12) AS model, left(shadow_hash, 12) AS shadow, outcome,
       shadow_outcome, parts
FROM shadow_agreement WHERE tenant_id = %(tenant)s AND (%(station)s = '' OR station = %(station)s)
ORDER BY station, part_number, shadow, outcome, shadow_outcome
"""


class ReviewError(Exception):
    """A decision cannot be taken down, or labels cannot be written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of a part; ``boxes`` are (frame hash, label, x0 y0 x1 y1 in pixels)."""

    serial: str
    decision: str
    person: str
    reason: str
    label: str = ""
    boxes: tuple[dict[str, Any], ...] = ()
    station: str = ""
    """Whose verdict it is about; empty: the newest of the serial."""


def queue(dsn: str, tenant: int, station: str = "", limit: int = 20, days: int = 7) -> list[dict[str, Any]]:
    """Return the parts that nobody decided, the most instructive first, of the last days of plant time."""
    asked = {"tenant": tenant, "station": station, "limit": limit, "days": days}
    with connect(dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(QUEUE, asked).fetchall()


def decide(dsn: str, tenant: int, decision: Decision) -> dict[str, Any]:
    """Take a person's decision down and return the verdict that it is about.

    Raises
    ------
    ReviewError
        No verdict was given on the serial, or name or reason is missing.
    """
    for what, said in (("who you are", decision.person), ("why", decision.reason)):
        if not said.strip():
            raise ReviewError(f"Nobody can read later {what}: say it.")
    with connect(dsn) as connection, connection.transaction():
        asked = [tenant, decision.serial, decision.station, decision.station]
        found = connection.execute(LATEST, asked).fetchone()
        if found is None:
            raise ReviewError(f"No verdict was given on {decision.serial}; look its serial up.")
        station, attempt, ts = found
        connection.execute(
            DECIDE,
            [
                tenant, station, decision.serial, attempt, ts, decision.decision, decision.label,
                Jsonb(list(decision.boxes)), decision.reason.strip(), decision.person.strip(),
            ],
        )  # fmt: skip
    return {"station": station, "serial": decision.serial, "attempt": attempt, "decision": decision.decision}


def shadow_agreement(dsn: str, tenant: int, station: str = "") -> list[dict[str, Any]]:
    """Return what models that look on said, beside those in use: pairs of outcomes, counted."""
    with connect(dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SHADOWS, {"tenant": tenant, "station": station}).fetchall()

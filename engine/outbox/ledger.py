"""Which events of a shard were told, which wait, which are dead."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from engine.store.levels import Connection

WAITING = """
WITH told AS (
    SELECT position, key FROM outbox_deliveries WHERE shard = %(shard)s
    ORDER BY position DESC, key DESC LIMIT 1
), tried AS (
    SELECT shard, position, key FROM outbox_deliveries WHERE shard = %(shard)s AND outcome IS NULL
), fresh AS (
    SELECT shard, position, key FROM outbox
    WHERE shard = %(shard)s
      AND (position, key) > (coalesce((SELECT position FROM told), 0), coalesce((SELECT key FROM told), ''))
)
"""
"""Events are told in order, so all behind the last one noted are fresh; all of it goes by indexes."""
NEXT = f"""
{WAITING}, candidates AS (
    SELECT * FROM tried UNION ALL (SELECT * FROM fresh ORDER BY position, key LIMIT 1)
)
SELECT o.tenant_id AS tenant, o.position, o.key, o.kind, o.payload, d.first
FROM candidates JOIN outbox AS o USING (shard, position, key)
LEFT JOIN outbox_deliveries AS d USING (shard, position, key)
ORDER BY o.position, o.key LIMIT 1
"""
ENTER = """
INSERT INTO outbox_deliveries AS known (shard, position, key, attempts, first, last, outcome, error)
VALUES (%(shard)s, %(position)s, %(key)s, 1, %(now)s, %(now)s, %(outcome)s, %(error)s)
ON CONFLICT (shard, position, key) DO UPDATE SET
    attempts = known.attempts + 1, last = excluded.last, outcome = excluded.outcome, error = excluded.error
WHERE known.outcome IS NULL
"""
COUNTS = f"""
{WAITING}
SELECT
    (SELECT count(*) FROM tried) + (SELECT count(*) FROM fresh),
    (SELECT count(*) FROM outbox_deliveries WHERE shard = %(shard)s AND outcome = 'dead')
"""
OPEN = """
SELECT
    o.key, o.kind, o.machine, o.at,
    coalesce(d.attempts, 0), coalesce(d.outcome, 'waiting'), coalesce(d.error, '')
FROM outbox AS o LEFT JOIN outbox_deliveries AS d USING (shard, position, key)
WHERE o.shard = %s AND d.outcome IS DISTINCT FROM 'delivered'
ORDER BY o.position, o.key LIMIT %s
"""
FORGET = """
WITH gone AS (
    DELETE FROM outbox_deliveries
    WHERE shard = %(shard)s AND outcome = 'delivered' AND last < %(before)s AND (position, key) < (
        SELECT position, key FROM outbox_deliveries WHERE shard = %(shard)s
        ORDER BY position DESC, key DESC LIMIT 1
    )
    RETURNING position, key
)
DELETE FROM outbox USING gone
WHERE outbox.shard = %(shard)s AND (outbox.position, outbox.key) = (gone.position, gone.key)
"""
"""The last one noted stays: it tells where the fresh ones begin."""
AGAIN = """
UPDATE outbox_deliveries SET outcome = NULL, first = now() WHERE shard = %s AND outcome = 'dead'
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that somebody is to be told of; ``first`` is when that was tried first."""

    tenant: int
    position: int
    key: str
    kind: str
    payload: Any
    first: datetime | None

    @property
    def idempotency_key(self) -> str:
        """Return the key that tells it from all events of all tenants."""
        return f"{self.tenant}:{self.key}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of a shard that are not delivered."""

    waiting: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is not delivered: it waits, or is dead, and why."""

    key: str
    kind: str
    machine: str
    at: datetime
    attempts: int
    outcome: str
    error: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "at": self.at.isoformat()}


class Ledger:
    """The outbox of one shard, through a connection that commits each statement."""

    def __init__(self, connection: Connection, shard: str) -> None:
        self._connection, self._shard = connection, shard
        connection.autocommit = True

    def next(self) -> Pending | None:
        """Return the event to tell next, in the order of the log; None when all are told or dead."""
        with self._connection.cursor(row_factory=class_row(Pending)) as cursor:
            return cursor.execute(NEXT, {"shard": self._shard}).fetchone()

    def enter(self, event: Pending, now: datetime, outcome: str | None, error: str = "") -> None:
        """Note an attempt: ``delivered``, ``dead``, or None where it is to be tried again."""
        values = {"shard": self._shard, "position": event.position, "key": event.key}
        self._connection.execute(ENTER, values | {"now": now, "outcome": outcome, "error": error})

    def counts(self) -> Counts:
        """Return how many events wait, and how many are dead."""
        row = self._connection.execute(COUNTS, {"shard": self._shard}).fetchone()
        return Counts(*row) if row else Counts()

    def open(self, limit: int) -> list[Told]:
        """Return events that are not delivered, the oldest first."""
        return [Told(*row) for row in self._connection.execute(OPEN, [self._shard, limit]).fetchall()]

    def forget(self, before: datetime) -> int:
        """Remove what was delivered before a time; return how many events that were."""
        return self._connection.execute(FORGET, {"shard": self._shard, "before": before}).rowcount

    def again(self) -> int:
        """Have all dead events tried again; return how many there were."""
        return self._connection.execute(AGAIN, [self._shard]).rowcount

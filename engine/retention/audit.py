"""The audit of what retention took: written with each removal, never changed by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from engine.store.levels import Connection, Piece

ENTER = """
INSERT INTO retention_log
    (tenant_id, shard, what, since, until, rows, bytes, place, policy, clock, finished)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, CASE WHEN %s THEN clock_timestamp() END)
RETURNING id
"""
FINISH = "UPDATE retention_log SET rows = %s, bytes = %s, finished = clock_timestamp() WHERE id = %s"
NOTE = "UPDATE retention_log SET rows = %s, bytes = %s WHERE id = %s"
EARLIER = "SELECT count(*) FROM retention_log WHERE what = %s AND since = %s AND place IS NOT NULL"
LAST = """
SELECT policy -> 'before' FROM retention_log
WHERE shard = %s AND what = 'evidence' AND finished IS NOT NULL ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """What went, or would: rows of a day, or files of evidence."""

    what: str
    since: datetime | None
    until: datetime
    rows: int
    bytes: int
    place: Path | None
    policy: Mapping[str, Any]
    number: int = 0
    """Of its row in the audit; 0 before it has one."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "what": self.what,
            "since": None if self.since is None else self.since.isoformat(),
            "until": self.until.isoformat(),
            "rows": self.rows,
            "bytes": self.bytes,
            "place": None if self.place is None else str(self.place),
        }


class Audit:
    """Write the removals of one shard at one moment of plant time."""

    def __init__(self, connection: Connection, tenant: int, shard: str, clock: datetime) -> None:
        self.tenant, self.shard, self.clock = tenant, shard, clock
        self._connection = connection

    def enter(self, removal: Removal, finished: bool = True) -> Removal:
        """Write a removal, in the caller's transaction; one that is not finished says what is begun."""
        place = None if removal.place is None else str(removal.place)
        what = (removal.what, removal.since, removal.until, removal.rows, removal.bytes, place)
        values = (self.tenant, self.shard, *what, Jsonb(dict(removal.policy)), self.clock, finished)
        row = self._connection.execute(ENTER, values).fetchone()
        return replace(removal, number=row[0] if row else 0)

    def finish(self, removal: Removal, rows: int, size: int) -> Removal:
        """Say that a removal is done and what it came to."""
        with self._connection.transaction():
            self._connection.execute(FINISH, [rows, size, removal.number])
        return replace(removal, rows=rows, bytes=size)

    def note(self, removal: Removal, rows: int, size: int) -> Removal:
        """Say what a removal has come to that is not done: the next pass looks at all of it again."""
        with self._connection.transaction():
            self._connection.execute(NOTE, [rows, size, removal.number])
        return replace(removal, rows=rows, bytes=size)

    def weigh(self, removal: Removal, size: int) -> Removal:
        """Say how many bytes a removal really gave back."""
        return self.finish(removal, removal.rows, size)

    def before(self) -> dict[str, datetime]:
        """Return the cutoffs by outcome up to which evidence is gone already."""
        with self._connection.transaction():
            row = self._connection.execute(LAST, [self.shard]).fetchone()
        return {outcome: datetime.fromisoformat(text) for outcome, text in (row[0] if row else {}).items()}

    def place(self, archive: Path, piece: Piece) -> Path:
        """Return the file for rows of a piece; each removal from it has one of its own."""
        with self._connection.transaction():
            row = self._connection.execute(EARLIER, [piece.table, piece.start]).fetchone()
        number = f"-{row[0] + 1}" if row and row[0] else ""
        return archive / piece.table / f"{piece.table}-{piece.start:%Y-%m-%d}{number}.parquet"

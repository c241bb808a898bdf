"""One transaction that lands outputs: rows by COPY, then the shard's new position, fenced by its epoch.

The last statement moves the position only if this writer still owns the shard and the position is
where it left it. Anything but one row rolls all of it back. Fencing last, a takeover never waits
behind a stalled COPY; one that stalls between the last statement and its commit holds the shard's row,
until the database ends its session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg import sql

from engine.store import levels
from engine.store.copy import HEADER, TRAILER, fields, pieces
from engine.store.database import open_session
from engine.store.errors import Fenced, RowsRefused, StoreError
from engine.store.tables import Table, read_tables
from streams.abc import Output
from streams.clock import DAY
from streams.records import Rows

TAKE = """
INSERT INTO shard (id, tenant_id, epoch, position) VALUES (%(shard)s, %(tenant)s, 1, 0)
ON CONFLICT (id) DO UPDATE SET epoch = shard.epoch + 1
RETURNING epoch, position, tenant_id
"""
MOVE = """
UPDATE shard
SET position = %(new)s, clock = to_timestamp(0) + %(clock)s * interval '1 microsecond', committed = now()
WHERE id = %(shard)s AND epoch = %(epoch)s AND position = %(old)s
"""
REFUSALS = (RowsRefused, psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What no repetition mends: such rows go to quarantine. The last is an OperationalError too."""
STALLED_MS = 5000
"""A writer that leaves a transaction open for so long, doing nothing, has lost its session."""
LAST_DAY = 2_932_896 - 1
"""30 December 9999 in days since 1970: the last whole day that Python and PostgreSQL both know."""

COMMITTED = "SELECT position, (extract(epoch FROM clock) * 1000000)::int8 FROM shard WHERE id = %s"
LOOK = "SELECT epoch, position FROM shard WHERE id = %s"


class Ownership(NamedTuple):
    """What taking a shard gave: the epoch that fences others off and where to go on."""

    epoch: int
    position: int


class Committed(NamedTuple):
    """The log entry that was committed last: its position (0 for none) and its stamp."""

    position: int = 0
    received: int | None = None


class Batch(NamedTuple):
    """The rows of one table that land together."""

    table: Table
    parts: list[Rows]
    days: set[int]


class Overtaken(psycopg.OperationalError):
    """The position did not move: it had moved before (a commit thought lost), or another owner came."""


class Landing:
    """Land outputs of one shard through one connection."""

    def __init__(self, dsn: str, shard: str, tenant: int) -> None:
        self._dsn = dsn
        self._shard = shard
        self._tenant = tenant
        self._connection = writing_session(dsn)
        self._tables = read_tables(self._connection)
        self._partitions = levels.partitions(self._connection)
        self._connection.commit()
        self._own = self._take()

    @property
    def epoch(self) -> int:
        """The epoch under which this writer owns the shard."""
        return self._own.epoch

    @property
    def position(self) -> int:
        """The position committed last."""
        return self._own.position

    def _take(self) -> Ownership:
        names = {"shard": self._shard, "tenant": self._tenant}
        with self._connection.transaction():
            row = self._connection.execute(TAKE, names).fetchone()
        if row is None or row[2] != self._tenant:
            raise StoreError(f"The shard {self._shard} belongs to another tenant; give it another name.")
        return Ownership(row[0], row[1])

    def land(self, outputs: Sequence[Output]) -> None:
        """Commit outputs, which follow the last committed position.

        Raises
        ------
        RowsRefused, psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded
            Some row does not fit its table or an index; nothing was committed.
        Fenced
            Another owner took the shard; nothing was committed.
        psycopg.OperationalError
            The connection was lost; `reconnect` tells what became of it.
        """
        batches = self._prepare(outputs)
        try:
            self._commit(batches, outputs[-1])
        except psycopg.errors.IdleInTransactionSessionTimeout as exc:
            raise psycopg.OperationalError("this writer stood still for too long") from exc
        self._own = self._own._replace(position=outputs[-1].position)

    def refusal(self, rows: Rows) -> Exception | None:
        """Say why rows cannot be landed, None if they can; nothing is landed.

        Raises
        ------
        psycopg.OperationalError
            The connection was lost.
        """
        try:
            for batch in self._prepare([Output(0, 0, (rows,))]):
                self._partitions.ensure(self._connection, batch.table.name, batch.days)
                with self._connection.transaction(force_rollback=True):
                    self._copy(batch)
        except REFUSALS as exc:
            return exc
        return None

    def reconnect(self, intended: int) -> bool:
        """Open a new connection; return whether the transaction up to ``intended`` was committed.

        Raises
        ------
        Fenced
            Another owner took the shard meanwhile.
        psycopg.OperationalError
            The database is still away.
        """
        self._connection.close()
        self._connection = writing_session(self._dsn)
        return self._settle(intended)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _settle(self, intended: int) -> bool:
        with self._connection.transaction():
            row = self._connection.execute(LOOK, [self._shard]).fetchone()
        if row == (self._own.epoch, intended):
            self._own = self._own._replace(position=intended)
            return True
        if row == tuple(self._own):
            return False
        raise Fenced(f"The shard {self._shard} was taken over by another process; this one stops writing.")

    def _commit(self, batches: list[Batch], last: Output) -> None:
        for batch in batches:
            self._partitions.ensure(self._connection, batch.table.name, batch.days)
        with self._connection.transaction():
            for batch in batches:
                self._copy(batch)
            self._move(last)

    def _prepare(self, outputs: Sequence[Output]) -> list[Batch]:
        """Group all rows by table, with the days that they fall on."""
        batches: dict[str, Batch] = {}
        for rows in (rows for output in outputs for rows in output.rows if len(rows)):
            table = self._tables.get(rows.table)
            if table is None:
                raise RowsRefused(f"there is no table {rows.table}")
            batch = batches.setdefault(rows.table, Batch(table, [], set()))
            batch.parts.append(rows)
            batch.days.update(days_of(rows))
        return list(batches.values())

    def _copy(self, batch: Batch) -> None:
        """Encode and send piece by piece, so that the server works while the next piece is encoded."""
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in batch.table.columns)
        table = sql.Identifier(batch.table.name)
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.write(HEADER)
            for rows in batch.parts:
                for piece in pieces(fields(batch.table, rows, self._tenant), len(rows)):
                    copy.write(piece.data)
            copy.write(TRAILER)

    def _move(self, last: Output) -> None:
        values: dict[str, Any] = {
            "new": last.position,
            "clock": last.received,
            "shard": self._shard,
            "epoch": self._own.epoch,
            "old": self._own.position,
        }
        if self._connection.execute(MOVE, values).rowcount != 1:
            raise Overtaken


def writing_session(dsn: str) -> levels.Connection:
    """Open a session that cannot hold others up for long by doing nothing."""
    connection = open_session(dsn)
    with connection.transaction():
        connection.execute(f"SET idle_in_transaction_session_timeout = {STALLED_MS:d}")
    return connection


def last_committed(connection: levels.Connection, shard: str) -> Committed:
    """Look up how far a shard is committed, without owning it."""
    with connection.transaction():
        row = connection.execute(COMMITTED, [shard]).fetchone()
    return Committed(*row) if row else Committed()


def days_of(rows: Rows) -> set[int]:
    """Return the days since 1970 UTC that rows fall on.

    Raises
    ------
    RowsRefused
        One of them is in no calendar.
    """
    stamps = rows.columns.get("ts")
    if not isinstance(stamps, np.ndarray):
        return set()
    low, high = int(stamps.min()) // DAY, int(stamps.max()) // DAY
    if low < 0 or high > LAST_DAY:
        raise RowsRefused(f"column ts of table {rows.table} holds a time before 1970 or after 9999")
    return {low} if low == high else set(np.unique(stamps // DAY).tolist())

"""Take rows away, a day of a table at a time: the whole partition where all of it is due, rows of it else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from engine.retention.audit import Audit, Removal
from engine.retention.parquet import write_parquet
from engine.retention.rules import Rule
from engine.store.levels import Connection, Partitions, Piece

PATIENCE = "SET LOCAL lock_timeout = '1s'"
"""A piece that somebody reads is left for the next pass: waiting for it would hold up the writer too."""
MINE = "(SELECT name FROM machines WHERE machines.tenant_id = {tenant} AND shard = {shard})"
COUNT = "SELECT count(*), count(*) FILTER (WHERE {due}), pg_total_relation_size({name}) FROM {piece}"
SIZE = "SELECT pg_total_relation_size(%s)"
FOLD = """
INSERT INTO frame_sums AS known
SELECT
    tenant_id, station, camera, run, min(ts), max(ts), max(last),
    coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'inspected'), 0),
    coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'dropped'), 0),
    coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'late'), 0),
    coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'unmatched'), 0)
FROM {piece} WHERE {due}
GROUP BY tenant_id, station, camera, run
ON CONFLICT (tenant_id, station, camera, run) DO UPDATE SET
    since = least(known.since, excluded.since),
    until = greatest(known.until, excluded.until),
    captured = greatest(known.captured, excluded.captured),
    inspected = known.inspected + excluded.inspected,
    dropped = known.dropped + excluded.dropped,
    late = known.late + excluded.late,
    unmatched = known.unmatched + excluded.unmatched
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of one piece that may go."""

    piece: Piece
    condition: sql.Composed
    rows: int
    bytes: int
    whole: bool
    rule: Rule

    def removal(self, place: Path | None = None) -> Removal:
        """Return what it is in the audit."""
        name, piece = self.rule.table, self.piece
        return Removal(name, piece.start, piece.end, self.rows, self.bytes, place, self.rule.asked())


class RowSweep:
    """Find and remove the rows of one plant's machines that its rules let go."""

    def __init__(self, connection: Connection, partitions: Partitions, audit: Audit) -> None:
        self._connection = connection
        self._partitions = partitions
        self._audit = audit

    def due(self, rule: Rule, now: datetime) -> Iterator[Due]:
        """Go through the pieces of a table that hold rows which may go."""
        with self._connection.transaction():
            pieces = self._partitions.pieces(self._connection, rule.table)
        for piece in pieces:
            if widths := rule.widths(piece.end, now):
                with self._connection.transaction():
                    due = self._look(rule, piece, self._condition(rule, widths))
                if due.rows or due.whole:
                    yield due

    def remove(self, due: Due, archive: Path | None) -> Removal | None:
        """Remove the rows, archived first if there is an archive; None when the piece is in use.

        Rows, sums and the audit change in one transaction; a Parquet file of an attempt that failed is
        written over by the next.
        """
        place = None if archive is None else self._audit.place(archive, due.piece)
        try:
            with self._connection.transaction():
                self._connection.execute(PATIENCE)
                self._lock(due.piece)
                due = self._look(due.rule, due.piece, due.condition)
                removal = self._take(due, place)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return None
        return removal if due.whole else self._shrink(due, removal)

    def _condition(self, rule: Rule, widths: list[int]) -> sql.Composed:
        tenant, shard = sql.Literal(self._audit.tenant), sql.Literal(self._audit.shard)
        parts = [sql.SQL("tenant_id = {}").format(tenant), sql.SQL(rule.also)]
        if rule.owner:
            mine = sql.SQL(MINE).format(tenant=tenant, shard=shard)
            parts.append(sql.SQL("{} IN {}").format(sql.Identifier(rule.owner), mine))
        if 0 not in widths:
            parts.append(sql.SQL("width_us = ANY({})").format(sql.Literal(widths)))
        return sql.SQL(" AND ").join(parts)

    def _look(self, rule: Rule, piece: Piece, condition: sql.Composed) -> Due:
        name = sql.Literal(piece.identifier.as_string(self._connection))
        query = sql.SQL(COUNT).format(due=condition, piece=piece.identifier, name=name)
        total, rows, size = self._connection.execute(query).fetchone() or (0, 0, 0)
        whole = rows == total
        return Due(piece, condition, rows, size if whole else size * rows // total, whole, rule)

    def _lock(self, piece: Piece) -> None:
        query = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(piece.identifier)
        self._connection.execute(query)

    def _take(self, due: Due, place: Path | None) -> Removal:
        names = {"piece": due.piece.identifier, "due": due.condition}
        if place is not None:
            query = sql.SQL("SELECT * FROM {piece} WHERE {due} ORDER BY ts").format(**names)
            write_parquet(self._connection, query, place)
        if due.rule.table == "frame_ledger":
            self._connection.execute(sql.SQL(FOLD).format(**names))
        if due.whole:
            self._partitions.drop(self._connection, due.piece)
        else:
            self._connection.execute(sql.SQL("DELETE FROM {piece} WHERE {due}").format(**names))
        return self._audit.enter(due.removal(place))

    def _shrink(self, due: Due, removal: Removal) -> Removal:
        """Give the room of deleted rows back: nothing new comes into an old piece to fill it."""
        name = due.piece.identifier
        text = name.as_string(self._connection)
        before = self._connection.execute(SIZE, [text]).fetchone() or (0,)
        try:
            self._connection.execute("SET lock_timeout = '1s'")
            self._connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(name))
        except psycopg.errors.LockNotAvailable:
            return removal
        after = self._connection.execute(SIZE, [text]).fetchone() or (0,)
        return self._audit.weigh(removal, before[0] - after[0])

"""The three levels of database: plain PostgreSQL, TimescaleDB Apache edition, TimescaleDB Community.

Tables, views and results are the same on each. What differs (how time series are cut into days)
sits behind `Partitions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import sql

from streams.clock import DAY, SECOND

Connection = psycopg.Connection[tuple[Any, ...]]

PARTITION_LOCK = 0x5EA3
"""Advisory lock under which partitions are made, so that two writers never make the same one."""


class Level(StrEnum):
    """What kind of database stands behind the DSN."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale_apache"
    TIMESCALE_COMMUNITY = "timescale_community"

    @property
    def folder(self) -> str:
        """Return the folder of this level's migrations."""
        return "plain" if self is Level.PLAIN else "timescale"


def detect(connection: Connection) -> Level:
    """Return the database's level; TimescaleDB counts where its extension is installed."""
    installed = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if installed is None:
        return Level.PLAIN
    row = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return Level.TIMESCALE_COMMUNITY if row == ("timescale",) else Level.TIMESCALE_APACHE


def enable(connection: Connection) -> None:
    """Install the TimescaleDB extension where the server has it loaded and lets this role do so."""
    loaded = connection.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL"
        " AND current_setting('timescaledb.disable_load', true) = 'off'"
    ).fetchone()
    if loaded is None or _holds_tables(connection):
        return
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.errors.InsufficientPrivilege:
        connection.rollback()


def _holds_tables(connection: Connection) -> bool:
    row = connection.execute("SELECT to_regclass('readings') IS NOT NULL").fetchone()
    return row == (True,)


class Piece(NamedTuple):
    """A part of a time series: a table of its own, with the rows of [start, end)."""

    table: str
    schema: str
    name: str
    start: datetime
    end: datetime

    @property
    def identifier(self) -> sql.Identifier:
        """Return its name in SQL."""
        return sql.Identifier(self.schema, self.name)


class Partitions(Protocol):
    """How time series are cut into pieces of a day."""

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Make sure that the table takes rows of these days (since 1970 UTC); outside a transaction."""

    def pieces(self, connection: Connection, table: str) -> list[Piece]:
        """Return the pieces that are there, oldest first."""

    def drop(self, connection: Connection, piece: Piece) -> None:
        """Drop a piece with all its rows, in the caller's transaction."""


CHUNKS = """
SELECT chunk_schema, chunk_name, range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = %s ORDER BY range_start
"""
CHILDREN = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = %s::regclass ORDER BY relname
"""


class Chunks:
    """TimescaleDB makes its chunks itself."""

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Do nothing."""

    def pieces(self, connection: Connection, table: str) -> list[Piece]:
        """Return the chunks, oldest first."""
        return [Piece(table, *row) for row in connection.execute(CHUNKS, [table]).fetchall()]

    def drop(self, connection: Connection, piece: Piece) -> None:
        """Drop one chunk."""
        query = "SELECT drop_chunks(%s::regclass, older_than => %s, newer_than => %s)"
        connection.execute(query, [piece.table, piece.end, piece.start]).fetchall()


REMEMBERED = 2
"""Days before a table's newest whose partitions never go; older ones are looked up each time."""


DAY_FORMAT = "%Y%m%d"


class DailyPartitions:
    """Declarative partitions, one a day; made aside and attached, so that readers are never blocked."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()
        self._newest: dict[str, int] = {}

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Attach the partitions that are not there yet, each in a transaction of its own."""
        for day in sorted(days):
            if day < self._newest.get(table, 0) - REMEMBERED or (table, day) not in self._known:
                with connection.transaction():
                    self._attach(connection, table, day)
                self._known.add((table, day))
                self._newest[table] = max(day, self._newest.get(table, 0))

    def pieces(self, connection: Connection, table: str) -> list[Piece]:
        """Return the partitions, oldest first."""
        found = []
        for (name,) in connection.execute(CHILDREN, [table]).fetchall():
            start = datetime.strptime(name.removeprefix(f"{table}_"), DAY_FORMAT).replace(tzinfo=UTC)
            found.append(Piece(table, "public", name, start, start + timedelta(days=1)))
        return found

    def drop(self, connection: Connection, piece: Piece) -> None:
        """Drop one partition."""
        connection.execute(sql.SQL("DROP TABLE {}").format(piece.identifier))

    def _attach(self, connection: Connection, table: str, day: int) -> None:
        start = datetime.fromtimestamp(day * DAY // SECOND, UTC)
        name = f"{table}_{start:{DAY_FORMAT}}"
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITION_LOCK])
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            return
        parts = {
            "table": sql.Identifier(table),
            "name": sql.Identifier(name),
            "start": sql.Literal(start.isoformat()),
            "end": sql.Literal((start + timedelta(days=1)).isoformat()),
        }
        connection.execute(sql.SQL("CREATE TABLE {name} (LIKE {table} INCLUDING ALL)").format(**parts))
        attach = "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})"
        connection.execute(sql.SQL(attach).format(**parts))


def partitions(connection: Connection) -> Partitions:
    """Return how this database's time series are cut."""
    return DailyPartitions() if detect(connection) is Level.PLAIN else Chunks()

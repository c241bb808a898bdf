"""The three levels of database: plain PostgreSQL, TimescaleDB Apache edition, TimescaleDB Community.

Tables, views and results are the same on each. What differs (how time series are cut into days)
sits behind `Partitions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

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


class Partitions(Protocol):
    """Make room for rows before they are copied."""

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Make sure that the table takes rows of these days (since 1970 UTC); outside a transaction."""


class Chunks:
    """TimescaleDB makes its chunks itself."""

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Do nothing."""


class DailyPartitions:
    """Declarative partitions, one a day; made aside and attached, so that readers are never blocked."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()

    def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> None:
        """Attach the partitions that are not there yet, each in a transaction of its own."""
        for day in sorted(days):
            if (table, day) not in self._known:
                with connection.transaction():
                    self._attach(connection, table, day)
                self._known.add((table, day))

    def _attach(self, connection: Connection, table: str, day: int) -> None:
        start = datetime.fromtimestamp(day * DAY // SECOND, UTC)
        name = f"{table}_{start:%Y%m%d}"
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

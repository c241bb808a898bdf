"""Bring a database to the present schema: plain SQL files, applied once each by yoyo."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations

from engine.store import levels
from engine.store.database import READER, TENANT, connect
from engine.store.levels import Connection, Level

FOLDER = Path(__file__).parent.parent / "sql"

MIGRATION_LOCK = 0x5EA4
"""Advisory lock: one process migrates at a time, and one that dies leaves no lock behind."""

VIEWS = "planning, quality, reliability"
"""The schemas whose views others build on."""

GRANTS = {
    READER: f"GRANT USAGE ON SCHEMA public, {VIEWS} TO {READER};"
    f" GRANT SELECT ON ALL TABLES IN SCHEMA public, {VIEWS} TO {READER}",
    TENANT: f"GRANT USAGE ON SCHEMA {VIEWS} TO {TENANT};"
    f" GRANT SELECT ON ALL TABLES IN SCHEMA {VIEWS} TO {TENANT}",
}
"""What each role may read, given where the role is there."""


def migrate(dsn: str, only: Container[str] | None = None) -> Level:
    """Apply what was not applied yet and return the database's level; safe to repeat, also at once.

    ``only`` names the migrations to go as far as an older version did.

    Raises
    ------
    StoreError
        The database cannot be reached.
    """
    with connect(dsn) as connection:
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        levels.enable(connection)
        level = levels.detect(connection)
        _apply(dsn, level, only)
        if only is None:
            _grant(connection)
    return level


def _apply(dsn: str, level: Level, only: Container[str] | None) -> None:
    migrations = read_migrations(str(FOLDER), str(FOLDER / level.folder))
    if only is not None:
        migrations = migrations.filter(lambda migration: migration.id in only)
    with get_backend(backend_uri(dsn)) as backend:
        backend.break_lock()
        with backend.lock():
            backend.apply_migrations(backend.to_apply(migrations))


def known() -> set[str]:
    """Return the names of all migrations of this version."""
    return {path.stem for path in FOLDER.rglob("*.sql")}


def _grant(connection: Connection) -> None:
    for role, grant in GRANTS.items():
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            connection.execute(grant)


def backend_uri(dsn: str) -> str:
    """Return a DSN, URL or keywords, as the URL that yoyo understands.

    >>> backend_uri("host=/tmp/run user=ann dbname=plant")
    'postgresql+psycopg://ann@/plant?host=%2Ftmp%2Frun'
    """
    fields = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password = fields.pop("user", ""), fields.pop("password", "")
    database = fields.pop("dbname", user)
    secret = f":{quote(password, safe='')}" if password else ""
    return f"postgresql+psycopg://{quote(user, safe='')}{secret}@/{quote(database)}?{urlencode(fields)}"

"""Which database: the one that ``SEAMLINE_DSN`` names, or the embedded one of this home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.paths import Home
from engine.store.embedded import READER, TENANT, WRITER, Embedded
from engine.store.errors import StoreError
from engine.store.levels import Connection

VARIABLE = "SEAMLINE_DSN"
READER_VARIABLE = "SEAMLINE_READER_DSN"

PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "seamline",
}
"""How long a silent network is trusted; what the DSN says itself goes first."""

__all__ = ["READER", "TENANT", "WRITER", "connect", "open_database", "reader_dsn", "resolve_dsn"]


def resolve_dsn(home: Home) -> str:
    """Return the DSN to write with; starts the embedded database where none is named or running."""
    return os.environ.get(VARIABLE) or Embedded(home.database).start()


@contextmanager
def open_database(home: Home) -> Iterator[str]:
    """Give a DSN for a while; an embedded database that had to be started is stopped again."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    embedded = Embedded(home.database)
    ours = embedded.pid() is None
    try:
        yield embedded.start()
    finally:
        if ours:
            embedded.stop()


def reader_dsn(dsn: str) -> str:
    """Return a DSN that can only read: another role where the writer's is ours, a read-only session else."""
    if asked := os.environ.get(READER_VARIABLE):
        return asked
    fields = conninfo_to_dict(dsn)
    if fields.get("user") == WRITER and not fields.get("password"):
        return make_conninfo(dsn, user=READER)
    options = f"{fields.get('options') or ''} -c default_transaction_read_only=on".strip()
    return make_conninfo(dsn, options=options)


def connect(dsn: str) -> Connection:
    """Open a connection whose session speaks UTC.

    Raises
    ------
    StoreError
        The database cannot be reached, or the DSN is none; the message never quotes it.
    """
    try:
        return open_session(dsn)
    except psycopg.ProgrammingError:
        raise StoreError(
            f"{VARIABLE} cannot be read; write it like postgresql://user:password@host/database,"
            " with %40 for an @ in the password."
        ) from None
    except psycopg.OperationalError as exc:
        reason = str(exc).strip().splitlines()[-1]
        raise StoreError(f"The database cannot be reached ({reason}); check {VARIABLE}.") from exc


def open_session(dsn: str) -> Connection:
    """Open a connection, or raise psycopg's own error."""
    given = conninfo_to_dict(dsn)
    patience = {key: value for key, value in PATIENCE.items() if key not in given}
    options = f"{given.get('options') or ''} -c timezone=UTC".strip()
    return psycopg.connect(make_conninfo(dsn, options=options, **patience))

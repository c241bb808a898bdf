"""Two databases row by row, and what senders know beside what arrived."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from engine.store.digest import TABLES
from streams.log.abc import Kind
from streams.log.reader import FileLogReader

SHOWN = 5
"""So many rows of a difference are told."""
READINGS = """
SELECT tag, (extract(epoch FROM ts) * 1000000)::int8, coalesce(text, value::text) FROM readings
WHERE machine = %s
"""
UNREADABLE = "SELECT raw FROM quarantine WHERE reason = 'unreadable' AND source LIKE %s"

Reading = tuple[str, int, str]
"""Tag, event time in microseconds, value or text as text."""


class Balance(NamedTuple):
    """What was promised and is not there, and what is there too often."""

    lost: int
    duplicated: int


def rows(dsn: str, table: str) -> Counter[str]:
    """Return all rows of a table as text, each with how often it is there."""
    query = f"SELECT row_to_json(t)::text FROM {table} AS t"
    with psycopg.connect(dsn) as connection:
        connection.execute("SET timezone = 'UTC'")
        return Counter(json.dumps(json.loads(row), sort_keys=True) for (row,) in connection.execute(query))


def differences(dsn: str, reference: str) -> dict[str, dict[str, Any]]:
    """Return by table what one database has too much or lacks against the other; empty when they agree."""
    found = {}
    for table in TABLES:
        ours, theirs = rows(dsn, table), rows(reference, table)
        if ours != theirs:
            extra, lost = ours - theirs, theirs - ours
            found[table] = {
                "rows": extra.total() + lost.total(),
                "extra": list(extra.items())[:SHOWN],
                "lost": list(lost.items())[:SHOWN],
            }
    return found


def counts(dsn: str) -> dict[str, int]:
    """Return the number of rows by table."""
    return {table: rows(dsn, table).total() for table in TABLES}


def committed(dsn: str, shard: str) -> int:
    """Return the shard's committed position; 0 while there is none or the database is away."""
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT position FROM shard WHERE id = %s", [shard]).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return 0 if row is None else int(row[0])


def epoch(dsn: str, shard: str) -> int:
    """Return how often the shard was taken over; 0 while the database is away."""
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT epoch FROM shard WHERE id = %s", [shard]).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return 0 if row is None else int(row[0])


def logged(folder: Path, producer: str) -> list[tuple[Kind, bytes]]:
    """Return what the log holds of a producer, in order."""
    reader, found, position = FileLogReader(folder), [], 0
    while read := reader.read(position, 1 << 22):
        found += [(entry.kind, bytes(entry.payload)) for entry in read if entry.producer == producer]
        position = read[-1].position
    reader.close()
    return found


def balance(promised: Counter[Any], found: Counter[Any]) -> Balance:
    """Return what is missing, and what is too much, of things that all were acknowledged."""
    return Balance((promised - found).total(), (found - promised).total())


def landed(dsn: str, machine: str) -> Counter[Reading]:
    """Return the readings of a machine, each with how often it is there."""
    with psycopg.connect(dsn) as connection:
        return Counter(connection.execute(READINGS, [machine]).fetchall())


def unreadable(dsn: str, source: str) -> Counter[str]:
    """Return the messages of a source that nobody could read, each with how often it is there."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(UNREADABLE, [f"{source}/%"]).fetchall()
    return Counter(raw for (raw,) in found)

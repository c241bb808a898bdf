"""Compare two databases row by row, and what a killed plant must not differ in from an undisturbed one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg

TABLES = (
    "anomalies",
    "findings",
    "frame_ledger",
    "machines",
    "oee",
    "quarantine",
    "readings",
    "runs",
    "states",
    "tags",
    "tenants",
    "verdicts",
    "windows",
)


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
            found[table] = {
                "extra": list((ours - theirs).items())[:5],
                "lost": list((theirs - ours).items())[:5],
            }
    return found


def counts(dsn: str) -> dict[str, int]:
    """Return the number of rows by table."""
    return {table: sum(rows(dsn, table).values()) for table in TABLES}


def committed(dsn: str, shard: str) -> int:
    """Return the shard's committed position; 0 while there is none."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT position FROM shard WHERE id = %s", [shard]).fetchone()
    return 0 if row is None else int(row[0])

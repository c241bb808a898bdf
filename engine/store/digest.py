"""Fingerprints of the rows that a log decides: two databases agree when theirs do, in whatever order."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import sql

from engine.store.levels import Connection

TABLES = (
    "anomalies",
    "clocks",
    "drift",
    "findings",
    "frame_ledger",
    "machines",
    "model_approvals",
    "oee",
    "outbox",
    "quarantine",
    "readings",
    "releases",
    "runs",
    "shadow_verdicts",
    "states",
    "tags",
    "tenants",
    "verdicts",
    "waveforms",
    "windows",
)
"""All but the shard's epoch and time of commit, the snapshots, which tell of restarts, and deliveries."""

# 60 bits of every row's hash, added up: a row that is there twice counts twice.
QUERY = """
SELECT count(*), coalesce(sum(('x' || left(md5(row_to_json(t)::text), 15))::bit(60)::int8), 0)
FROM {} AS t
"""


class Digest(NamedTuple):
    """How many rows a table has, and what they are, as 16 hexadecimal digits."""

    rows: int
    hash: str


def digests(connection: Connection) -> dict[str, Digest]:
    """Return the digest of every table; the session must speak UTC."""
    found = {}
    for table in TABLES:
        row = connection.execute(sql.SQL(QUERY).format(sql.Identifier(table))).fetchone()
        count, total = row or (0, 0)
        found[table] = Digest(count, f"{int(total) % (1 << 64):016x}")
    return found

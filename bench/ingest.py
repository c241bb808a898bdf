"""Rows landed by the writer, against a bare COPY of the same rows and against ``executemany``.

The three alternate in one run, into the same table with the same indexes of one database. The writer
gets columns as the flow gives them: it encodes, copies and moves the shard's position in the same
transaction. The bare COPY sends the rows already encoded, in one transaction. Rows are readings of
2,000 tags at 1 Hz; all three land the same rows (checked). Each lands its first entry before its time
is taken, so that sessions and partitions are as they are in a plant that runs. Rates are medians of the
rounds, ratios medians of each round's own ratio.
"""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from engine.store import Embedded, connect, migrate
from engine.store.copy import HEADER, TRAILER, fields, pieces
from engine.store.levels import Connection, partitions
from engine.store.tables import read_tables
from engine.writer import Writer
from streams.abc import Output
from streams.clock import DAY, SECOND
from streams.records import GOOD, NULL, Rows, Text, constant

TAGS = 2_000
ROWS = 400_000
ENTRY = 2_000
"""Rows of one log entry: what the gateway batches at this load."""
PLAIN_ROWS = 10_000
ROUNDS = 7
T0 = 20_000 * DAY
SEND = 128 * 1024

COLUMNS = "tenant_id, machine, tag, ts, value, text, quality, received, source_ts"
INSERT = f"""
INSERT INTO readings ({COLUMNS}) VALUES (1, %s, %s, to_timestamp(%s), %s, NULL, 0, to_timestamp(%s), NULL)
"""
CHECK = """
SELECT count(*), count(DISTINCT tag), round(sum(value)::numeric, 6), max(ts) FROM (
    SELECT * FROM readings ORDER BY ts LIMIT %s
) AS first
"""


def entries(size: int = ROWS) -> list[Output]:
    """Return the readings as outputs of a flow, one per log entry."""
    tags = tuple(f"tag-{number:04d}" for number in range(TAGS))
    generator = np.random.default_rng(1)
    return [
        Output(number + 1, T0 + number * SECOND, (_rows(tags, number, generator),))
        for number in range(size // ENTRY)
    ]


def _rows(tags: tuple[str, ...], number: int, generator: np.random.Generator) -> Rows:
    stamp = T0 + number * SECOND
    return Rows(
        "readings",
        {
            "machine": Text.constant("load", ENTRY),
            "tag": Text(tags, np.arange(ENTRY, dtype=np.int32) % TAGS),
            "ts": stamp + np.arange(ENTRY, dtype=np.int64),
            "value": generator.normal(size=ENTRY),
            "text": Text.constant(None, ENTRY),
            "quality": constant(GOOD, ENTRY, np.int16),
            "received": constant(stamp + SECOND, ENTRY, np.int64),
            "source_ts": constant(NULL, ENTRY, np.int64),
        },
    )


def by_writer(dsn: str, outputs: list[Output]) -> float:
    """Return the seconds in which the writer commits the outputs behind the first."""
    writer = Writer(dsn, "bench", 1)
    writer.write(outputs[:1])
    writer.flush(600)
    started = time.perf_counter()
    writer.write(outputs[1:])
    writer.flush(600)
    taken = time.perf_counter() - started
    writer.close()
    return taken


def by_copy(connection: Connection, encoded: tuple[bytes, bytes]) -> float:
    """Return the seconds of a bare COPY of encoded rows, behind one of the first of them."""
    first, rest = encoded
    _copy(connection, first)
    started = time.perf_counter()
    _copy(connection, rest)
    return time.perf_counter() - started


def _copy(connection: Connection, encoded: bytes) -> None:
    query = f"COPY readings ({COLUMNS}) FROM STDIN (FORMAT binary)"
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copy:
        for start in range(0, len(encoded), SEND):
            copy.write(encoded[start : start + SEND])


def by_executemany(connection: Connection, rows: list[tuple[Any, ...]]) -> float:
    """Return the seconds of ``executemany``, pipelined as psycopg does it, in one transaction."""
    started = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
    return time.perf_counter() - started


def encode(connection: Connection, outputs: list[Output]) -> bytes:
    """Return all rows as one binary COPY."""
    table = read_tables(connection)["readings"]
    parts = [
        piece.tobytes()
        for output in outputs
        for rows in output.rows
        for piece in pieces(fields(table, rows, 1), len(rows))
    ]
    return b"".join([HEADER, *parts, TRAILER])


def plain_rows(outputs: list[Output]) -> list[tuple[Any, ...]]:
    """Return rows as Python objects."""
    found: list[tuple[Any, ...]] = []
    for output in outputs:
        columns: dict[str, Any] = dict(output.rows[0].columns)
        texts = columns["machine"].to_list(), columns["tag"].to_list()
        seconds = (columns["ts"] / SECOND).tolist(), (columns["received"] / SECOND).tolist()
        found += zip(*texts, seconds[0], columns["value"].tolist(), seconds[1], strict=True)
    return found


def measure(dsn: str, rounds: int = ROUNDS, size: int = ROWS) -> dict[str, Any]:
    """Alternate the three and return rates and ratios."""
    outputs = entries(size)
    few = plain_rows(outputs[: PLAIN_ROWS // ENTRY])
    with connect(dsn) as connection:
        partitions(connection).ensure(connection, "readings", [T0 // DAY])
        encoded = encode(connection, outputs[:1]), encode(connection, outputs[1:])
        connection.commit()
        ways: dict[str, tuple[int, Callable[[], float]]] = {
            "writer": (size - ENTRY, lambda: by_writer(dsn, outputs)),
            "copy": (size - ENTRY, lambda: by_copy(connection, encoded)),
            "executemany": (len(few), lambda: by_executemany(connection, few)),
        }
        rates = _alternate(connection, ways, rounds)
    return {
        "rows_per_s": round(statistics.median(rates["writer"])),
        "vs_copy": round(_ratio(rates, "copy"), 3),
        "vs_executemany": round(_ratio(rates, "executemany"), 1),
        "copy_rows_per_s": round(statistics.median(rates["copy"])),
        "executemany_rows_per_s": round(statistics.median(rates["executemany"])),
        "rows": size,
        "rounds": rounds,
    }


def _alternate(
    connection: Connection, ways: dict[str, tuple[int, Callable[[], float]]], rounds: int
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in ways}
    answers = set()
    for number in range(rounds + 1):  # the first round only warms up
        order = list(ways.items())
        for name, (size, land) in order[number % 3 :] + order[: number % 3]:
            _empty(connection)
            taken = land()
            if number:
                rates[name].append(size / taken)
            answers.add(tuple(connection.execute(CHECK, [PLAIN_ROWS]).fetchall()))
            connection.commit()
    if len(answers) != 1:
        raise RuntimeError(f"the three do not land the same rows: {answers}")
    return rates


def _ratio(rates: dict[str, list[float]], other: str) -> float:
    pairs = zip(rates["writer"], rates[other], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def _empty(connection: Connection) -> None:
    connection.execute("TRUNCATE readings")
    connection.execute("DELETE FROM shard WHERE id = 'bench'")
    connection.commit()


def run() -> dict[str, Any]:
    """Measure on a fresh embedded database; and, where ``SEAMLINE_TIMESCALE_DSN`` names a server, on it."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="seamline-ingest-"))
        server = Embedded(Path(folder) / "pg")
        dsn = server.start()
        stack.callback(server.stop)
        migrate(dsn)
        figures = measure(dsn)
    asked = os.environ.get("SEAMLINE_TIMESCALE_DSN")
    if asked:
        with fresh_database(asked) as dsn:
            figures |= {f"timescale_{name}": figure for name, figure in measure(dsn).items()}
    return figures


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Make a database of its own on a server for a while."""
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            dsn = make_conninfo(server, dbname=name)
            migrate(dsn)
            yield dsn
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

"""Every table as one file of a binary COPY, and back: the same rows on every database level."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg import IsolationLevel, sql

from engine.backup.errors import BackupError
from engine.backup.sinks import Sink
from engine.store.levels import Connection, partitions
from engine.store.tables import Table, read_tables
from streams.clock import DAY, SECOND

FOLDER = "database"
OF_MIGRATIONS = ("_yoyo", "yoyo")
APPLIED = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid
"""
BLOCK = 1 << 20


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """See the database as it is at the first query, however long it takes."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction():
        yield


def dump(connection: Connection, sink: Sink) -> dict[str, Any]:
    """Write every table and return what is needed to make them again; inside `one_moment`."""
    cut = partitions(connection)
    tables = {}
    for table in _tables(connection):
        days = [int(piece.start.timestamp()) * SECOND // DAY for piece in cut.pieces(connection, table.name)]
        rows = _dump_table(connection, table, sink)
        columns = [column.name for column in table.columns]
        tables[table.name] = {"columns": columns, "rows": rows, "days": days}
    applied = [row[0] for row in connection.execute(APPLIED).fetchall()]
    sequences: dict[str, int | None] = dict(connection.execute(SEQUENCES).fetchall())
    return {"migrations": applied, "tables": tables, "sequences": sequences}


def load(connection: Connection, folder: Path, facts: dict[str, Any]) -> int:
    """Fill the empty tables of a database that was migrated as far; all or nothing. Return the rows.

    Raises
    ------
    BackupError
        There is something in it, or a file holds other rows than the manifest says.
    """
    tables = facts["tables"]
    cut = partitions(connection)
    _check_empty(connection)
    for name, table in tables.items():
        if table["days"]:
            cut.ensure(connection, name, table["days"])
    with connection.transaction():
        for name in _by_reference(connection, list(tables)):
            _load_table(connection, name, tables[name], folder)
        for name, value in facts["sequences"].items():
            if value is not None:
                connection.execute("SELECT setval(%s::regclass, %s)", [name, value])
    return sum(table["rows"] for table in tables.values())


def _tables(connection: Connection) -> list[Table]:
    found = read_tables(connection).values()
    return [table for table in found if not table.name.startswith(OF_MIGRATIONS)]


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _dump_table(connection: Connection, table: Table, sink: Sink) -> int:
    columns = _names([column.name for column in table.columns])
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)")
    copied = query.format(columns, sql.Identifier(table.name))
    with sink.open(file_of(table.name)) as file, connection.cursor() as cursor:
        with pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as out, cursor.copy(copied) as copy:
            for block in copy:
                out.write(bytes(block))
        return cursor.rowcount


def _load_table(connection: Connection, name: str, table: dict[str, Any], folder: Path) -> None:
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
    copied = query.format(sql.Identifier(name), _names(table["columns"]))
    with connection.cursor() as cursor:
        with (
            pa.CompressedInputStream(str(folder / file_of(name)), "zstd") as source,
            cursor.copy(copied) as copy,
        ):
            while block := source.read(BLOCK):
                copy.write(block)
        if cursor.rowcount != table["rows"]:
            raise BackupError(
                f"Table {name} holds {cursor.rowcount} rows, not {table['rows']}; use another backup."
            )


def _check_empty(connection: Connection) -> None:
    for table in _tables(connection):
        query = sql.SQL("SELECT EXISTS (SELECT 1 FROM {})").format(sql.Identifier(table.name))
        with connection.transaction():
            row = connection.execute(query).fetchone()
        if row == (True,):
            raise BackupError(
                f"The database holds rows already (table {table.name}); restore into an empty one."
            )


def _by_reference(connection: Connection, names: list[str]) -> list[str]:
    """Return tables in an order in which each stands behind those that it refers to."""
    order = TopologicalSorter({name: set[str]() for name in names})
    for table, other in connection.execute(REFERENCES).fetchall():
        if table in names and other in names:
            order.add(table, other)
    return list(order.static_order())


def file_of(table: str) -> str:
    """Return a table's file in the backup."""
    return f"{FOLDER}/{table}.copy.zst"

"""Rows of a query as a Parquet file: exact times and numbers, readable by everything."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from psycopg import sql

from engine.store.levels import Connection

TYPES = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "timestamptz": pa.int64(),
}
"""PostgreSQL's types as they are read; times come as microseconds. All others are text."""
ARRAYS = {"_float4": pa.list_(pa.float32())}
"""Types of arrays of numbers: read as text, ``{1,2}``, and taken apart."""
TIME = pa.timestamp("us", tz="UTC")
DESCRIBE = "SELECT typname FROM pg_type WHERE oid = %s"
BLOCK = 1 << 22


def write_parquet(connection: Connection, query: sql.Composed, place: Path) -> int:
    """Write what a query gives and return the number of rows; on disk under its name when it returns.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}")
    columns = _columns(connection, query)
    rows = 0
    schema = pa.schema([(name, _kept(kind)) for name, kind in columns])
    with draft.open("wb") as file:
        with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in _tables(connection, query, columns):
                writer.write_table(_cast(table, schema))
                rows += table.num_rows
        file.flush()
        os.fsync(file.fileno())
    draft.rename(place)
    return rows


def _kept(kind: str) -> pa.DataType:
    """Return the type in the file."""
    return TIME if kind == "timestamptz" else ARRAYS.get(kind, _type(kind))


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        pc.split_pattern(pc.utf8_trim(column, "{}"), ",").cast(field.type)
        if pa.types.is_list(field.type)
        else column.cast(field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _type(kind: str) -> pa.DataType:
    return TYPES.get(kind, pa.string())


def _columns(connection: Connection, query: sql.Composed) -> list[tuple[str, str]]:
    """Return name and type of every column."""
    nothing = connection.execute(sql.SQL("SELECT * FROM ({}) AS q LIMIT 0").format(query))
    found = [(column.name, column.type_code) for column in nothing.description or ()]
    kinds = {code: connection.execute(DESCRIBE, [code]).fetchone() for _, code in found}
    return [(name, str((kinds[code] or ("text",))[0])) for name, code in found]


def _tables(
    connection: Connection, query: sql.Composed, columns: list[tuple[str, str]]
) -> Iterator[pa.Table]:
    """Yield the rows, some megabytes at a time, as they come from a COPY."""
    chosen = sql.SQL(", ").join(_chosen(name, kind) for name, kind in columns)
    copied = sql.SQL("COPY (SELECT {} FROM ({}) AS q) TO STDOUT (FORMAT csv, HEADER)").format(chosen, query)
    convert = pa.csv.ConvertOptions(
        column_types={name: _type(kind) for name, kind in columns},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    read = pa.csv.ReadOptions(block_size=BLOCK, use_threads=False)
    with connection.cursor() as cursor, cursor.copy(copied) as copy:
        stream = io.BufferedReader(_Stream(iter(copy)), BLOCK)
        for batch in pa.csv.open_csv(stream, read, parse, convert):
            yield pa.Table.from_batches([batch])


def _chosen(name: str, kind: str) -> sql.Composed:
    form = "(extract(epoch FROM {0}) * 1000000)::int8 AS {0}" if kind == "timestamptz" else "{0}"
    return sql.SQL(form).format(sql.Identifier(name))


class _Stream(io.RawIOBase):
    """The blocks of a COPY as a file."""

    def __init__(self, blocks: Iterator[bytes | bytearray | memoryview]) -> None:
        super().__init__()
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with what is there next; 0 at the end."""
        while not self._left:
            try:
                self._left = memoryview(next(self._blocks))
            except StopIteration:
                return 0
        target = memoryview(buffer)  # type: ignore[arg-type]
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size

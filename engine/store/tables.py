"""What the catalogue says of the tables: names, types and nullability of their columns."""

from __future__ import annotations

from dataclasses import dataclass

from engine.store.levels import Connection

INTEGER_WIDTHS = {"int2": 2, "int4": 4, "int8": 8, "timestamptz": 8}

QUERY = """
SELECT c.relname, a.attname, t.typname, NOT a.attnotnull
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``type`` is PostgreSQL's name of it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table with its columns in order."""

    name: str
    columns: tuple[Column, ...]


def read_tables(connection: Connection) -> dict[str, Table]:
    """Return every table of the schema, partitions left out."""
    found: dict[str, list[Column]] = {}
    for table, name, kind, nullable in connection.execute(QUERY):
        found.setdefault(table, []).append(Column(name, kind, nullable))
    return {name: Table(name, tuple(columns)) for name, columns in found.items()}

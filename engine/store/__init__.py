"""The database: which one, its tables, and the rows that land in it."""

from engine.store.database import connect, open_database, reader_dsn, resolve_dsn
from engine.store.embedded import Embedded
from engine.store.errors import Fenced, LogMismatch, RowsRefused, StoreBusy, StoreError, WriterClosed
from engine.store.levels import Level, detect
from engine.store.migrations import migrate

__all__ = [
    "Embedded",
    "Fenced",
    "Level",
    "LogMismatch",
    "RowsRefused",
    "StoreBusy",
    "StoreError",
    "WriterClosed",
    "connect",
    "detect",
    "migrate",
    "open_database",
    "reader_dsn",
    "resolve_dsn",
]

"""What can go wrong with the store, as a tree: each leaf is something a caller handles differently."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used; the message says what to do."""


class Fenced(StoreError):
    """Another process owns the shard now: stop, nothing more will be committed here."""


class StoreBusy(StoreError):
    """A backup or retention is under way: try again later."""


class WriterClosed(StoreError):
    """The writer was closed before everything handed to it was committed; the log still has it."""


class RowsRefused(StoreError):
    """Rows do not fit their table; committed as they are they would be refused for ever."""


class LogMismatch(StoreError):
    """The log and the database do not belong together."""

"""The serials that a station has inspected, on disk: none is inspected twice without a rework order."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    serial  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at_us   INTEGER NOT NULL,
    PRIMARY KEY (serial, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rework (
    id        INTEGER PRIMARY KEY,
    serial    TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    reason    TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    attempt   INTEGER,
    used_us   INTEGER
);
CREATE INDEX IF NOT EXISTS rework_open ON rework (serial) WHERE attempt IS NULL;
CREATE TABLE IF NOT EXISTS counter (last INTEGER NOT NULL);
INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter);
"""
BOOK = ".serials"
"""How the names of books end."""
PATIENCE = 5.0
"""Seconds to wait for the other process that writes: the station, or the command line."""


class BookError(Exception):
    """The book of serials cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """A rework order: who let a serial be inspected once more, and why."""

    serial: str
    by: str
    reason: str
    opened_us: int
    attempt: int | None
    """The attempt that it allowed; None while it is open."""
    used_us: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Book:
    """The serials of one station; safe from any thread, and beside another process.

    Nothing is ever removed: it is the record of who allowed which attempt.

    Parameters
    ----------
    folder
        Where stations keep what outlives them (`engine.paths.Home.stations`).

    Raises
    ------
    BookError
        The file cannot be opened, or is none of ours.
    """

    def __init__(self, folder: Path, station: str) -> None:
        self.path = self.of(folder, station)
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as exc:
            raise BookError(
                f"The book of serials {self.path} cannot be used: {exc}; take that of a backup instead."
            ) from exc

    @staticmethod
    def of(folder: Path, station: str) -> Path:
        """Return where a station's book is, or would be."""
        return folder / f"{quote(station, safe='')}{BOOK}"

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def admit(self, serial: str) -> int:
        """Note that a serial is inspected now; return which attempt it is, 0 when it may not be.

        Raises
        ------
        BookError
            It cannot be noted.
        """
        now = time.time_ns() // 1000
        with self._writing() as db:
            before = db.execute("SELECT max(attempt) FROM attempts WHERE serial = ?", [serial]).fetchone()[0]
            attempt = (before or 0) + 1
            if before:
                used = db.execute(
                    "UPDATE rework SET attempt = ?, used_us = ? WHERE id ="
                    " (SELECT min(id) FROM rework WHERE serial = ? AND attempt IS NULL)",
                    [attempt, now, serial],
                )
                if not used.rowcount:
                    return 0
            db.execute("INSERT INTO attempts VALUES (?, ?, ?)", [serial, attempt, now])
        return attempt

    def number(self) -> int:
        """Return the next number of the station's own serials.

        Raises
        ------
        BookError
            It cannot be noted.
        """
        with self._writing() as db:
            found: int = db.execute("UPDATE counter SET last = last + 1 RETURNING last").fetchone()[0]
        return found

    def probe(self) -> None:
        """See that the book can be written.

        Raises
        ------
        BookError
            It cannot.
        """
        with self._writing() as db:
            db.execute("UPDATE counter SET last = last")

    def attempts(self, serial: str) -> int:
        """Return how often a serial was inspected."""
        with self._lock:
            found = self._db.execute("SELECT max(attempt) FROM attempts WHERE serial = ?", [serial])
            return found.fetchone()[0] or 0

    def open_order(self, serial: str, by: str, reason: str) -> Order:
        """Let a serial be inspected once more.

        Raises
        ------
        BookError
            It was never inspected, an order is open for it already, or it cannot be noted.
        """
        if not (by.strip() and reason.strip()):
            raise BookError("A rework order names who opens it and why; write --by and --reason.")
        if not self.attempts(serial):
            raise BookError(f"Serial {serial} was never inspected here; it needs no rework order.")
        now = time.time_ns() // 1000
        with self._writing() as db:
            if db.execute("SELECT 1 FROM rework WHERE serial = ? AND attempt IS NULL", [serial]).fetchone():
                raise BookError(f"A rework order for serial {serial} is open already.")
            db.execute(
                "INSERT INTO rework (serial, opened_by, reason, opened_us) VALUES (?, ?, ?, ?)",
                [serial, by.strip(), reason.strip(), now],
            )
        return Order(serial, by.strip(), reason.strip(), now, None, None)

    def orders(self, serial: str = "", only_open: bool = False) -> list[Order]:
        """Return the rework orders, of one serial or of all, the newest first."""
        wanted = "SELECT serial, opened_by, reason, opened_us, attempt, used_us FROM rework"
        wanted += " WHERE (? = '' OR serial = ?)" + (" AND attempt IS NULL" if only_open else "")
        with self._lock:
            found = self._db.execute(f"{wanted} ORDER BY id DESC", [serial, serial]).fetchall()
        return [Order(*row) for row in found]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Change the book, whole or not at all."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as exc:
                raise BookError(
                    f"The book of serials {self.path} cannot be written: {exc}; make room on the disk."
                ) from exc


def begin_thousand(path: Path, thousand: int = 1000) -> None:
    """Let a station number its parts from a new thousand on: those since the backup are unknown here."""
    with closing(sqlite3.connect(path, isolation_level=None)) as book:
        book.execute("UPDATE counter SET last = (last / ? + 1) * ? WHERE last > 0", [thousand, thousand])


def copied(source: Path, target: Path) -> None:
    """Copy a book as it is at one moment, also while its station writes."""
    with closing(sqlite3.connect(source)) as book, closing(sqlite3.connect(target)) as copy:
        book.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")

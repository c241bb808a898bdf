"""Where the pictures of one station lie: an SQLite file beside its packs, made anew from them if need be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vision.evidence.pack import Pack, Place, numbers

FILE = "index.db"
PATIENCE = 30.0
"""Seconds that one process waits for another's change."""
WAL = "PRAGMA journal_mode = WAL"
TABLES = """
CREATE TABLE IF NOT EXISTS pictures (
    hash BLOB PRIMARY KEY, pack INTEGER, start INTEGER, size INTEGER, kept REAL, going INTEGER DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS packs (number INTEGER PRIMARY KEY, pictures INTEGER, ended INTEGER);
"""
RENEW = "UPDATE pictures SET kept = ? WHERE hash = ? AND NOT going"
ENTER = "INSERT OR REPLACE INTO pictures (hash, pack, start, size, kept) VALUES (?, ?, ?, ?, ?)"
COUNT = """
INSERT INTO packs VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET pictures = pictures + excluded.pictures, ended = max(ended, excluded.ended)
"""

EMPTIED = """
DELETE FROM packs WHERE number = ? AND pictures = 0 AND number < (SELECT max(number) FROM packs)
"""


class Index:
    """The pictures of one folder of packs.

    ``new`` makes what is not there yet; without it the file is there, and is left as it is until `change`.

    Raises
    ------
    sqlite3.Error
        The file is damaged, cannot be written, or is not there.
    """

    def __init__(self, folder: Path, new: bool = False) -> None:
        self._folder = folder
        place = f"{(folder / FILE).absolute().as_uri()}?mode={'rwc' if new else 'rw'}"
        self._db = sqlite3.connect(
            place, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            for step in (WAL, TABLES) if new else ():
                self._db.executescript(step)
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def change(self, durable: bool = False) -> Iterator[None]:
        """Change several things at once or none; ``durable``: on disk before anything that follows."""
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def find(self, name: bytes) -> Place | None:
        """Return where a picture lies, None where it is not, or is on its way out."""
        query = "SELECT pack, start, size FROM pictures WHERE hash = ? AND NOT going"
        row = self._db.execute(query, [name]).fetchone()
        return None if row is None else Place(*row)

    def renew(self, names: Sequence[bytes]) -> list[bytes]:
        """Note that pictures are kept now, too, and return those that are not there."""
        now = time.time()
        return [name for name in names if not self._db.execute(RENEW, [now, name]).rowcount]

    def enter(self, names: Sequence[bytes], places: Sequence[Place]) -> None:
        """Note where pictures lie from now on."""
        now = time.time()
        for name in names:
            self._leave(name)
        rows = zip(names, places, strict=True)
        self._db.executemany(ENTER, [(name, item.pack, item.start, item.size, now) for name, item in rows])
        self._db.executemany(COUNT, [(item.pack, 1, item.end) for item in places])

    def going(self, name: bytes, fresh: float) -> Place | None:
        """Mark a picture as on its way out and return where it lies.

        None where it was kept within the last ``fresh`` seconds, or is not there.
        """
        query = "UPDATE pictures SET going = 1 WHERE hash = ? AND kept < ? RETURNING pack, start, size"
        rows = self._db.execute(query, [name, time.time() - fresh]).fetchall()
        return Place(*rows[0]) if rows else None

    def gone(self, name: bytes, place: Place) -> None:
        """Forget a picture that was on its way out, and its pack with the last of the pictures."""
        query = "DELETE FROM pictures WHERE hash = ? AND going AND pack = ? AND start = ?"
        if self._db.execute(query, [name, place.pack, place.start]).rowcount:
            self._one_less(place.pack)
        if self._db.execute(EMPTIED, [place.pack]).rowcount:
            Pack(self._folder, place.pack).path.unlink(missing_ok=True)

    def recover(self) -> None:
        """Note what packs hold behind what is noted: a process died, or the index was lost."""
        known = dict(self._db.execute("SELECT number, ended FROM packs").fetchall())
        packs = numbers(self._folder)
        for number in packs:
            found = list(Pack(self._folder, number).walk(known.get(number, 0), checked=number in packs[-2:]))
            with self.change():
                missing = [(name, place) for name, place in found if self.find(name) is None]
                self.enter([name for name, _ in missing], [place for _, place in missing])

    def _leave(self, name: bytes) -> None:
        """Take a picture that is on its way out off its pack's count."""
        row = self._db.execute("SELECT pack FROM pictures WHERE hash = ?", [name]).fetchone()
        if row is not None:
            self._one_less(row[0])

    def _one_less(self, pack: int) -> None:
        self._db.execute("UPDATE packs SET pictures = pictures - 1 WHERE number = ?", [pack])


def open_index(folder: Path) -> Index:
    """Open a folder's index for the process that appends; one that is damaged is made anew."""
    try:
        index = Index(folder, new=True)
        index.recover()
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            raise
        for file in folder.glob(f"{FILE}*"):
            file.unlink()
        index = Index(folder, new=True)
        index.recover()
    return index

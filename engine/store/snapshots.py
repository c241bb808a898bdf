"""Operator state, aside from the outputs: kept every few seconds, so that a restart replays little.

A snapshot is the chain's state right behind one log position. It is saved only when that position is
committed, in a transaction of its own, in rows below 1 MB. The newest two are kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import psycopg
import structlog

from engine.store.database import open_session
from engine.store.levels import Connection
from streams.log.errors import LogError

PART_BYTES = 1_000_000 - 4_096
KEPT = 2
INTERVAL = 10.0
RETRY = 1.0
FAILURES = (psycopg.Error, OSError, LogError, ValueError)
"""The database's, the log's, and those of a log elsewhere that cannot be understood."""

State = dict[str, tuple[int, bytes]]
"""Operator -> version of its layout and its state."""

SAVE = (
    "INSERT INTO snapshots (shard, operator, version, position, part, data, since)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
CLEAR = "DELETE FROM snapshots WHERE shard = %s AND position = %s"
OWNED = "SELECT 1 FROM shard WHERE id = %s AND epoch = %s AND position >= %s"
KEPT_POSITIONS = "SELECT DISTINCT position FROM snapshots WHERE shard = %s ORDER BY position DESC LIMIT %s"
OLDEST = "SELECT min(coalesce(since, position)) FROM snapshots WHERE shard = %s"
PRUNE = "DELETE FROM snapshots WHERE shard = %s AND position < %s"
NEWEST = "SELECT DISTINCT position FROM snapshots WHERE shard = %s AND position <= %s ORDER BY position DESC"
SINCE = "SELECT min(since) FROM snapshots WHERE shard = %s AND position = %s"
LOAD = (
    "SELECT operator, version, data FROM snapshots WHERE shard = %s AND position = %s ORDER BY operator, part"
)

log = structlog.get_logger(__name__)


class Snapshot(NamedTuple):
    """The chain's state right behind the entry at ``position``."""

    position: int
    state: State
    since: int | None = None
    """Entries behind this position, up to the snapshot's, are to be remembered; None: none are."""


def save(connection: Connection, shard: str, epoch: int, snapshot: Snapshot) -> int | None:
    """Keep a snapshot and drop those too old; return the position behind which the log is needed.

    None when the shard has another owner by now, or the position is not committed: nothing is kept.
    """
    with connection.transaction():
        if connection.execute(OWNED, [shard, epoch, snapshot.position]).fetchone() is None:
            return None
        connection.execute(CLEAR, [shard, snapshot.position])
        for row in rows_of(snapshot):  # one by one: together they would be held once more
            connection.execute(SAVE, (shard, *row, snapshot.since))
        oldest = connection.execute(KEPT_POSITIONS, [shard, KEPT]).fetchall()[-1][0]
        connection.execute(PRUNE, [shard, oldest])
        ((needed,),) = connection.execute(OLDEST, [shard]).fetchall()
    return int(needed)


def load(
    connection: Connection,
    shard: str,
    committed: int,
    versions: Mapping[str, int],
    older: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> Snapshot | None:
    """Return the newest snapshot that is not ahead of ``committed`` and that all these operators can read.

    If there is none, the newest of those that most of them can read, without what the others wrote.

    Parameters
    ----------
    versions : operator -> version of the layout that it writes.
    older : operator -> earlier ones that it reads, too.
    """
    best: Snapshot | None = None
    with connection.transaction():
        for (position,) in connection.execute(NEWEST, [shard, committed]).fetchall():
            state = join(connection.execute(LOAD, [shard, position]).fetchall())
            readable = {
                name: kept
                for name, kept in state.items()
                if versions.get(name) in (kept[0], None) or kept[0] in older.get(name, ())
            }
            if best is None or len(readable) > len(best.state):
                ((since,),) = connection.execute(SINCE, [shard, position]).fetchall()
                best = Snapshot(position, readable, since)
            if len(readable) == len(state):
                break
    return best


def rows_of(snapshot: Snapshot) -> Iterator[tuple[str, int, int, int, memoryview]]:
    """Yield (operator, version, position, part, data) rows, each below 1 MB; nothing is copied."""
    for operator, (version, data) in snapshot.state.items():
        for part, start in enumerate(range(0, max(len(data), 1), PART_BYTES)):
            yield operator, version, snapshot.position, part, memoryview(data)[start : start + PART_BYTES]


def join(rows: list[tuple[str, int, bytes]]) -> State:
    """Put the parts of `rows_of` together again, given in order."""
    versions = {operator: version for operator, version, _ in rows}
    return {
        wanted: (version, b"".join(data for operator, _, data in rows if operator == wanted))
        for wanted, version in versions.items()
    }


class Keeper:
    """Save snapshots from a thread of its own, as soon as their position is committed.

    Parameters
    ----------
    kept
        Called after each save with the position behind which the log is needed. When it
        fails (the log's disk), the next save calls it again.
    """

    def __init__(
        self,
        dsn: str,
        shard: str,
        epoch: int,
        kept: Callable[[int], None],
        interval: float = INTERVAL,
    ) -> None:
        self._dsn = dsn
        self._shard = shard
        self._epoch = epoch
        self._kept = kept
        self._interval = interval
        self._due = time.monotonic() + interval
        self._offered: Snapshot | None = None
        self._saving = False
        self._committed = 0
        self._closing = False
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self.failures = 0
        """How many saves, or the calls after them, failed; each was, or will be, followed by a newer one."""
        self._thread = threading.Thread(target=self._run, name=f"snapshots-{shard}", daemon=True)
        self._thread.start()

    @property
    def due(self) -> bool:
        """Whether it is time to offer a snapshot; none is while one is still here: two would not fit.

        Raises
        ------
        Exception
            What ended the keeper's thread: nothing that is offered would be kept any more.
        """
        if self._error is not None:
            raise self._error
        return self._offered is None and not self._saving and time.monotonic() >= self._due

    def offer(self, snapshot: Snapshot) -> None:
        """Hand over a snapshot; returns at once."""
        with self._changed:
            self._offered = snapshot
            self._due = time.monotonic() + self._interval
            self._changed.notify_all()

    def committed(self, position: int) -> None:
        """Hear that everything up to ``position`` is committed."""
        with self._changed:
            self._committed = position
            self._changed.notify_all()

    def close(self) -> None:
        """Save what is offered and committed, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _ready(self) -> bool:
        return self._offered is not None and self._offered.position <= self._committed

    def _run(self) -> None:
        try:
            while (snapshot := self._next()) is not None:
                self._try(snapshot)
                del snapshot  # or it would stay until the next one is there
                self._saving = False
        except Exception as exc:  # the flow learns of it behind its next entry
            log.error("keeper_failed", shard=self._shard, error=str(exc))
            self._error = exc

    def _try(self, snapshot: Snapshot) -> None:
        try:
            self._save(snapshot)
        except FAILURES as exc:
            self.failures += 1
            log.warning("snapshot_failed", shard=self._shard, error=str(exc))

    def _save(self, snapshot: Snapshot) -> None:
        with open_session(self._dsn) as connection:
            needed = save(connection, self._shard, self._epoch, snapshot)
        if needed is not None:
            self._kept(needed)

    def _next(self) -> Snapshot | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._ready())
            if not self._ready():
                return None
            snapshot, self._offered, self._saving = self._offered, None, True
            return snapshot

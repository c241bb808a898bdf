"""Read the database for all browsers at once: one feed for each set of data, each in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from engine import health
from engine.store.database import reader_dsn

Value = TypeVar("Value")
ReaderPool = ConnectionPool[psycopg.Connection[tuple[Any, ...]]]
Query = Callable[[psycopg.Connection[tuple[Any, ...]]], Value]

log = structlog.get_logger()

PATIENCE = 2.0
"""Seconds to wait for a connection before the database counts as away."""
SEEN = 2.0
"""A page that has not looked for so many seconds is gone."""
SHARE = 4
"""A feed rests so many times as long as its query took: the database serves the line first."""


@dataclass(slots=True, eq=False)
class Feed(Generic[Value]):
    """The newest answer to one query; ``version`` rises whenever the answer is another one."""

    name: str
    query: Query[Value]
    interval: float = 0.5
    value: Value | None = None
    version: int = 0
    read: float = 0.0
    """When the value was read, by `time.monotonic`."""
    away_since: float | None = None
    """Wall time at which the database stopped answering; None while it answers."""
    fault: str = ""
    unseen: float = 0.0
    """Seconds that the feed rests beyond its pause while no page shows it."""
    seen: float = 0.0
    """When a page last looked, by `time.monotonic`."""
    wanted: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Say that a page shows this feed."""
        self.seen = time.monotonic()
        self.wanted.set()

    @property
    def shown(self) -> bool:
        """Return whether a page looks at it now."""
        return time.monotonic() - self.seen < SEEN

    def take(self, value: Value) -> None:
        """Keep a fresh answer."""
        if self.away_since is not None:
            log.info("database answers again", feed=self.name)
        if self.version == 0 or value != self.value:
            self.value, self.version = value, self.version + 1
        self.read, self.away_since, self.fault = time.monotonic(), None, ""

    def miss(self, fault: Exception) -> None:
        """Note that there is no answer; the last one stays."""
        if self.away_since is None:
            self.away_since = time.time()
            log.warning("database does not answer", feed=self.name, fault=str(fault))
        self.fault = str(fault) or type(fault).__name__

    def health(self) -> health.Part:
        """Return whether it is answered."""
        trouble = f"The database does not answer: {self.fault.splitlines()[0]}" if self.fault else ""
        return health.Part("feed", self.name, trouble, {"changes": self.version})

    def told(self) -> tuple[Value, float] | None:
        """Return the value and the seconds since it was read; None while there is none to believe."""
        if self.away_since is not None or self.value is None:
            return None
        return self.value, self.since_read()

    def since_read(self) -> float:
        """Return the seconds since the value was read."""
        return time.monotonic() - self.read


@dataclass(slots=True)
class Poller:
    """Threads that keep feeds fresh until `stop`."""

    pool: ReaderPool
    feeds: tuple[Feed[Any], ...]
    stopped: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Open the pool and begin to read; the database need not be there yet."""
        self.pool.open(wait=False)
        self.threads = [
            threading.Thread(target=self._run, args=[feed], name=feed.name) for feed in self.feeds
        ]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and close the pool."""
        self.stopped.set()
        for feed in self.feeds:
            feed.wanted.set()
        for thread in self.threads:
            thread.join()
        self.pool.close()

    def report(self) -> health.Report:
        """Return how the feeds are."""
        return health.Report(parts=tuple(feed.health() for feed in self.feeds))

    def _run(self, feed: Feed[Any]) -> None:
        pause = 0.0
        while not self.stopped.wait(pause):
            if pause:
                self._rest(feed)
            began = time.monotonic()
            self.refresh(feed)
            pause = (
                max(feed.interval, SHARE * (time.monotonic() - began)) if not feed.fault else feed.interval
            )

    def _rest(self, feed: Feed[Any]) -> None:
        """Wait until a page looks or the feed has rested; one that failed asks on, an end wakes it too."""
        if feed.unseen and not feed.fault and not feed.shown:
            feed.wanted.clear()
            if not self.stopped.is_set():
                feed.wanted.wait(feed.unseen)

    def refresh(self, feed: Feed[Any]) -> None:
        """Ask once."""
        ask(self.pool, feed)


def ask(pool: ReaderPool, feed: Feed[Any]) -> None:
    """Read a feed anew; a database that is away or refuses is noted on it, never raised."""
    try:
        with pool.connection(timeout=PATIENCE) as connection:
            feed.take(feed.query(connection))
    except Exception as exc:  # whatever it is, the page says since when it knows nothing new
        feed.miss(exc)


def reader_pool(dsn: str) -> ReaderPool:
    """Return a pool, still closed, of connections that can only read."""
    return ConnectionPool(
        reader_dsn(dsn),
        kwargs={"autocommit": True, "application_name": "seamline-console", "connect_timeout": 2},
        configure=_limit,
        min_size=1,
        max_size=3,
        reconnect_timeout=1.0,
        open=False,
    )


def _limit(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    connection.execute("SET default_transaction_read_only = on; SET statement_timeout = '10s'")

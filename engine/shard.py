"""A shard: one line's flow, from its partition of the log into the database, exactly once.

It takes the shard over, restores the newest snapshot not ahead of the committed position, replays up
to that position with outputs off, and goes on from there. Run it as ``python -m engine.shard
PLANT.yaml``, or in an actor through `run_shard`. ``SEAMLINE_SNAPSHOT_SECONDS`` sets how often operator
state is kept (10 if unset).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import psycopg
import structlog

from engine import health, logs
from engine.clocks import troubled
from engine.line_log import open_view
from engine.parts import PartRows
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.plant.secrets import SecretError
from engine.recovery import Recovery, Restorable, mark, upheld
from engine.retention.steward import steward
from engine.signals import stop_on_signals
from engine.store import snapshots
from engine.store.database import open_session, resolve_dsn
from engine.store.errors import LogMismatch, StoreError
from engine.store.landing import Committed, last_committed
from engine.store.master import register
from engine.store.migrations import migrate
from engine.store.snapshots import INTERVAL, Keeper, Snapshot, State
from engine.writer import Writer, away
from streams.abc import Output
from streams.chain import LineChain
from streams.connectors.curve import KeyFileError
from streams.flow import run_flow
from streams.log.abc import Entry, LogReader, LogView
from streams.log.errors import LogError, LogGap
from streams.log.gaps import OverGaps

SNAPSHOT_VARIABLE = "SEAMLINE_SNAPSHOT_SECONDS"
FLUSH_SECONDS = 10.0
LOG_POLL = 0.1
WAYS_OUT = "put the right log folder back, or begin with a new shard name or a new database."
PATIENCE = 0.5
"""Seconds between attempts to reach the database at the start."""

log = structlog.get_logger(__name__)


class Chain(Restorable, Protocol):
    """What a shard needs of the line's chain of operators."""

    def update(self, entry: Entry) -> Output:
        """Take one entry and return all that it changed."""

    @property
    def clock_jumps(self) -> int:
        """How often any of them jumped."""

    @property
    def repeated(self) -> int:
        """How many numbers came again."""

    @property
    def older(self) -> Mapping[str, Collection[int]]:
        """Older versions of operators' states that `restore` takes, too."""


class Watched:
    """A chain that offers its state for keeping, right behind the entry after which it is due."""

    def __init__(self, chain: Chain, mark: State, keeper: Keeper, position: int) -> None:
        self._chain = chain
        self._mark = mark
        self._keeper = keeper
        self._position = position

    def update(self, entry: Entry) -> Output:
        """Take one entry and return all that it changed."""
        output = self._chain.update(entry)
        self._position = entry.position
        if self._keeper.due:
            self.offer()
        return output

    def offer(self) -> None:
        """Offer the state as it is now."""
        state = self._chain.snapshot() | self._mark
        self._keeper.offer(Snapshot(self._position, state, self._chain.since))


class Shard:
    """The owner of one shard: its writer, its keeper of snapshots, its chain and its log.

    Raises
    ------
    psycopg.OperationalError
        The database is away.
    """

    def __init__(
        self,
        plant: Plant,
        view: LogView,
        dsn: str,
        stop: threading.Event,
        chain: Chain,
        snapshot_every: float = INTERVAL,
    ) -> None:
        self._name = plant.shard
        self._dsn = dsn
        self._stop = stop
        self._chain = chain
        self._plant = plant
        self._mark = mark(plant)
        self._view = view
        self._clock = plant.clock()
        self._writer = Writer(dsn, plant.shard, plant.tenant, stop=stop)
        drops = plant.log.when_full == "drop_oldest"
        self._reader: LogReader = OverGaps(view, self._skipped) if drops else view
        self._commits = 0
        self._snapshot_at: float | None = None
        self._keeper = Keeper(dsn, plant.shard, self._writer.epoch, self._kept, snapshot_every)
        self._writer.listen(self._committed)

    def run(self) -> None:
        """Restore, replay, and flow until told to stop."""
        try:
            self._recover()
            self._flow()
        except BaseException:
            with suppress(StoreError, psycopg.Error):
                self._close(0.0)
            raise
        self._close(FLUSH_SECONDS)

    def report(self) -> health.Report:
        """Return how far it is and what hinders it; what is not known yet has no counter."""
        lag = max(0, self._view.end - self._writer.position)
        counters: dict[str, float] = {
            "position": self._writer.position,
            "epoch": self._writer.epoch,
            "commits": self._commits,
            "lag_entries": lag,
            "refused": self._writer.refused,
            "repeated": self._chain.repeated,
            "clock_jumps": self._chain.clock_jumps,
            "snapshot_failures": self._keeper.failures,
        }
        if self._snapshot_at is not None:
            counters["snapshot_age_s"] = time.monotonic() - self._snapshot_at
        if self._writer.received is not None:
            behind = self._clock.wall_seconds(self._clock.now() - self._writer.received)
            counters["lag_s"] = max(0.0, behind) if lag else 0.0
        now = self._clock.now()
        troubles = *troubled(self._chain.clocks, now), *upheld(self._chain.standing, now)
        return health.Report(counters, (database(self._writer.trouble), *troubles))

    def _committed(self, position: int) -> None:
        self._commits += 1
        self._view.committed(position)
        self._keeper.committed(position)

    def _kept(self, needed: int) -> None:
        self._snapshot_at = time.monotonic()
        self._view.consumed(needed)

    def _skipped(self, first: int, last: int) -> None:
        log.warning(
            "entries_skipped", shard=self._name, first=first, last=last, reason="the log dropped them"
        )

    def _recover(self) -> None:
        committed = self._writer.position
        versions = {name: version for name, (version, _) in self._chain.snapshot().items()}
        with open_session(self._dsn) as connection:
            snapshot = snapshots.load(connection, self._name, committed, versions, self._chain.older)
            known = last_committed(connection, self._name)
            await_log(self._view, known, self._stop)
        first = self._view.first
        recovery = Recovery(self._plant, self._chain, self._reader, self._dsn, first, known, self._stop)
        start = recovery.run(snapshot)
        log.info(
            "shard_ready", shard=self._name, epoch=self._writer.epoch, snapshot=start, position=committed
        )

    def _flow(self) -> None:
        if self._stop.is_set():
            return
        watched = Watched(self._chain, self._mark, self._keeper, self._writer.position)
        self._keeper.committed(self._writer.position)
        run_flow(self._reader, watched, self._writer, self._writer.position, self._stop)
        if self._writer.flush(FLUSH_SECONDS):
            watched.offer()

    def _close(self, timeout: float) -> None:
        self._keeper.close()
        self._writer.close(timeout)


def database(trouble: str) -> health.Part:
    """Return how the database is, as a shard finds it."""
    return health.Part("database", "database", trouble)


class Watch:
    """What a shard's process says of itself: it waits for the database, or its shard runs."""

    def __init__(self) -> None:
        self.trouble = "The database has not answered yet."
        self.shard: Shard | None = None

    def report(self) -> health.Report:
        """Return how the shard is."""
        if self.shard is not None:
            return self.shard.report()
        return health.Report(parts=(database(self.trouble),))


def check_log(plant: Plant, reader: LogReader, dsn: str, stop: threading.Event) -> None:
    """Wait until the log is seen to be the one that the database knows, before anything is owned.

    So a second plant of the same name cannot fence the rightful owner off.

    Raises
    ------
    LogMismatch
        It is another one.
    """
    with open_session(dsn) as connection:
        committed = last_committed(connection, plant.shard)
    await_log(reader, committed, stop)


def await_log(reader: LogReader, committed: Committed, stop: threading.Event, patience: float = 10.0) -> None:
    """Wait until the log leads on from what is committed; after a power cut its appender first looks.

    Raises
    ------
    LogMismatch
        It ends before, or its entry there has another stamp: it is another log, or a part was lost.
    """
    deadline = time.monotonic() + patience
    position, received = committed
    with suppress(LogGap):  # the committed entry may be gone: what follows it is what counts
        while position and not (found := reader.read(position - 1, 1)):
            if time.monotonic() > deadline:
                raise LogMismatch(
                    f"The log ends before position {position}, which the database has committed already;"
                    f" {WAYS_OUT}"
                )
            if stop.wait(LOG_POLL):
                return
        if position and received is not None and found[0].received != received:
            raise LogMismatch(
                f"The log is another log; its entry {position} is not the one that the database has"
                f" committed: {WAYS_OUT}"
            )


def run_shard(plant: Plant, home: Home, dsn: str, stop: threading.Event) -> None:
    """Run the plant's shard until told to stop; the database may be away, also at the start.

    Raises
    ------
    Fenced
        Another process took the shard over.
    LogMismatch, LogError
        The log does not lead on from what is committed.
    """
    watch = Watch()
    publisher = health.Publisher(home.create().health, "shard", plant.shard, watch.report)
    with closing(open_view(plant, home)) as view, publisher, steward(plant, home.evidence, dsn):
        own_shard(plant, view, dsn, stop, watch)


def own_shard(plant: Plant, view: LogView, dsn: str, stop: threading.Event, watch: Watch) -> None:
    """Take the shard over as soon as the database lets it, and run it."""
    chain = LineChain(plant.catalog(), PartRows(plant))
    every = float(os.environ.get(SNAPSHOT_VARIABLE, INTERVAL))
    while not stop.is_set():
        try:
            check_log(plant, view, dsn, stop)
            if stop.is_set():
                return
            with open_session(dsn) as connection:
                register(connection, plant)
            watch.shard = Shard(plant, view, dsn, stop, chain, every)
        except psycopg.OperationalError as exc:
            watch.trouble = away(exc)
            log.warning("database_away", shard=plant.shard, error=str(exc))
            stop.wait(PATIENCE)
        else:
            watch.shard.run()
            return


def await_schema(dsn: str, stop: threading.Event) -> None:
    """Migrate the database as soon as it can be reached."""
    while not stop.is_set():
        try:
            migrate(dsn)
            return
        except (StoreError, psycopg.OperationalError) as exc:
            log.warning("database_away", error=str(exc))
            stop.wait(PATIENCE)


def main() -> int:
    """Run the shard of a plant file."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        print("Usage: python -m engine.shard PLANT.yaml", file=sys.stderr)
        return 2
    logs.begin("shard")
    try:
        plant, home, stop = load(Path(sys.argv[1])), Home.default().create(), stop_on_signals()
        dsn = resolve_dsn(home)
        await_schema(dsn, stop)
        run_shard(plant, home, dsn, stop)
    except (PlantError, StoreError, LogError, KeyFileError, SecretError, psycopg.Error) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

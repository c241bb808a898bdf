"""How a shard finds its operators' state again: the newest snapshot, and the log for what that lacks.

A snapshot is of use to any plant file, as states name machines and tags. What another version of an
operator wrote is of none: its state is rebuilt from the log's oldest entry. Where the log does not reach
back to its first, shifts and windows that began before cannot be told whole: what is committed stands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol
from zlib import crc32

import structlog

from engine.health import Part
from engine.plant import Plant
from engine.store import stated
from engine.store.database import open_session
from engine.store.landing import Committed
from engine.store.snapshots import Snapshot, State
from streams.calendar import EPOCH
from streams.chain import KnownState
from streams.clock import HOUR, MINUTE
from streams.log.abc import Entry, LogReader
from streams.log.errors import LogGap
from streams.operators.clocks import ClockEstimate
from streams.operators.standing import Standing

REPLAY_BYTES = 4 << 20
PLANT = "plant"
"""Where a snapshot names the plant file: its fingerprint as the version, its machines as the state."""
PARTLY = {
    "windows": ("windows", "anomalies"),
    "anomaly": ("anomalies",),
    "states": ("runs",),
    "oee": ("oee",),
}
"""Operator -> tables of which it tells a part only where the log does not reach back to their beginning."""
LOG_POLL = 0.1
TOLD_FOR = HOUR
"""How long after the last row held back it is told that some are, plant time."""
HOLDS_FOR = HOUR
"""How long a machine is taken to be in its last state though nobody listened to it."""
STATION_FIELDS = {"name", "judges", "cycle_s", "shifts"}

log = structlog.get_logger("shard")


class Restorable(Protocol):
    """What a recovery needs of the line's chain of operators."""

    def update(self, entry: Entry) -> object:
        """Take one entry."""

    @property
    def clocks(self) -> tuple[ClockEstimate, ...]:
        """What is known of the machines' clocks."""

    @property
    def since(self) -> int | None:
        """The position behind which entries are to be remembered; None: none are."""

    @property
    def standing(self) -> Standing:
        """What stands as it was committed."""

    def remember(self, entry: Entry) -> None:
        """Take an entry again, up to the snapshot restored: nothing follows from it."""

    def resume(self, known: Iterable[KnownState], until: int | None = None) -> None:
        """Begin with the states that machines are known to be in, until ``until`` if that is given."""

    def snapshot(self) -> State:
        """Return the state of every operator."""

    def restore(self, state: State) -> None:
        """Go back to a state."""


class Recovery:
    """Bring a chain to where a shard is committed, nothing of it told again.

    Parameters
    ----------
    first : position of the log's oldest entry.
    committed : the entry committed last.
    """

    def __init__(
        self,
        plant: Plant,
        chain: Restorable,
        reader: LogReader,
        dsn: str,
        first: int,
        committed: Committed,
        stop: threading.Event,
    ) -> None:
        self._plant, self._chain, self._reader = plant, chain, reader
        self._dsn, self._first, self._committed, self._stop = dsn, first, committed, stop
        self._machines = names_of(plant)
        self._whole: dict[str, dict[str, int]] = {}
        self._oldest: int | None = None
        """When the oldest state began that was taken from the database."""

    def run(self, snapshot: Snapshot | None) -> int:
        """Restore a snapshot and replay the log behind it; return the position behind which that began."""
        known = {} if snapshot is None else readable(snapshot)
        lost = self._chain.snapshot().keys() - known.keys() - {Standing.name}
        start = snapshot.position if snapshot and known else self._committed.position
        if lost:
            self._rebuild(start, sorted(lost))
        if known:
            self._chain.restore(self._chain.snapshot() | known)
            self._remember(start)
        back = self._machines_back(snapshot)
        self._read(start, self._committed.position, self._chain.update)
        other = snapshot is not None and (lost or (edited(snapshot, self._plant) and self._behind(start)))
        if other or back or self._whole:
            self._uphold()
        return min(start, self._first - 1) if lost else start

    def _behind(self, start: int) -> bool:
        return start < self._committed.position

    def _rebuild(self, until: int, lost: Iterable[str]) -> None:
        """Take the log from its oldest entry on, from the states that are committed of that time."""
        begin, first = self._first - 1, self._reader.read(self._first - 1, 1)
        if cut := bool(begin and self._committed.position and first):
            self._resume(self._machines, first[0].received)
        self._read(begin, until, self._chain.update)
        if self._committed.position:
            log.warning("state_rebuilt_from_oldest_entry", operators=lost, position=self._first)
        if cut:
            lead = max([MINUTE, *(clock.jitter - clock.offset for clock in self._chain.clocks)])
            tables = [table for operator in lost for table in PARTLY.get(operator, ())]
            self._whole = {table: dict.fromkeys(self._machines, first[0].received + lead) for table in tables}

    def _machines_back(self, snapshot: Snapshot | None) -> bool:
        """Have machines begin anew that another log, or plant file, told of: what is committed stands."""
        new = set(self._machines) - known_machines(snapshot) if self._is_new(snapshot) else set()
        if not new:
            return False
        with open_session(self._dsn) as connection:
            back = stated.accounted(connection, self._plant.tenant, sorted(new))
        now = self._begin() if back else 0
        for machine, until in ((name, min(until, now)) for name, until in back.items()):
            self._resume([machine], until, until if now - until > HOLDS_FOR else None)
            for table in {table for tables in PARTLY.values() for table in tables}:
                whole = self._whole.setdefault(table, {})
                whole[machine] = max(until, whole.get(machine, until))
        return bool(back)

    def _begin(self) -> int:
        """Return the stamp from which on machines are told of; of a new log that of its first entry."""
        while not (self._committed.received or self._stop.is_set()):
            if first := self._reader.read(self._first - 1, 1):
                self._committed = self._committed._replace(received=first[0].received)
            else:
                self._stop.wait(LOG_POLL)
        return self._committed.received or 0

    def _is_new(self, snapshot: Snapshot | None) -> bool:
        return not self._committed.position or bool(known_machines(snapshot))

    def _resume(self, machines: list[str], at: int, until: int | None = None) -> None:
        with open_session(self._dsn) as connection:
            known = stated.states(connection, self._plant.tenant, machines, at)
        began = [state.ts for state in known] + ([] if self._oldest is None else [self._oldest])
        self._oldest = min(began, default=None)
        self._chain.resume(known, until)

    def _uphold(self) -> None:
        at = self._committed.received or 0
        with open_session(self._dsn) as connection:
            lifts = stated.lifts(
                connection, self._plant.tenant, at, at if self._oldest is None else self._oldest
            )
        self._chain.standing.begin(self._whole, lifts)

    def _remember(self, position: int) -> None:
        """Read again what a snapshot is too small for; where the log has lost some of it, go on without."""
        if (since := self._chain.since) is None:
            return
        try:
            self._read(since, position, self._chain.remember)
        except LogGap as exc:
            log.warning("late_readings_not_revisable", shard=self._plant.shard, error=str(exc))

    def _read(self, after: int, last: int, take: Callable[[Entry], object]) -> None:
        read_through(self._reader, after, last, self._stop, take)


def mark(plant: Plant) -> State:
    """Return how a snapshot names the plant file."""
    return {PLANT: (fingerprint(plant), "\n".join(names_of(plant)).encode())}


def names_of(plant: Plant) -> list[str]:
    """Return the names of the plant's machines, its stations included."""
    return [machine.name for machine in plant.catalog().machines]


def known_machines(snapshot: Snapshot | None) -> set[str]:
    """Return the machines of the plant file under which a snapshot was taken."""
    names = snapshot.state.get(PLANT, (0, b""))[1].decode() if snapshot else ""
    return set(names.split("\n")) if names else set()


def edited(snapshot: Snapshot, plant: Plant) -> bool:
    """Return whether a snapshot was taken under another plant file."""
    return snapshot.state.get(PLANT, (0, b""))[0] != fingerprint(plant)


def readable(snapshot: Snapshot) -> State:
    """Return the states of a snapshot that go together: none without the watermarks."""
    state = {name: kept for name, kept in snapshot.state.items() if name != PLANT}
    return state if "watermark" in state else {}


def fingerprint(plant: Plant) -> int:
    """Return a number that changes with whatever of the plant the operators' results depend on."""
    stations = [section.model_dump_json(include=STATION_FIELDS) for section in plant.stations]
    machines = [section.model_dump_json(exclude={"sensors"}) for section in plant.machines]
    return crc32("\n".join([plant.timezone, *machines, *stations]).encode()) >> 1


def read_through(
    reader: LogReader,
    after: int,
    last: int,
    stop: threading.Event,
    take: Callable[[Entry], object],
) -> None:
    """Hand over every entry behind ``after`` up to ``last``."""
    while after < last and not stop.is_set():
        for entry in reader.read(after, REPLAY_BYTES):
            if entry.position > last:
                return
            take(entry)
            after = entry.position


def upheld(standing: Standing, now: int) -> list[Part]:
    """Return as a part in trouble that rows are held back, for an hour of plant time after the last."""
    if standing.last is None or standing.whole is None or now - standing.last > TOLD_FOR:
        return []
    moment = (EPOCH + timedelta(microseconds=standing.whole)).isoformat(timespec="seconds")
    trouble = (
        f"Shifts and windows that began before {moment} stand as they were committed, for the log does not"
        " reach back to their beginning; later ones are whole."
    )
    return [Part("log", "restart", trouble)]

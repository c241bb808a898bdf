"""When something is told to others: long stops, alarms of the anomaly score, late revisions of shifts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from streams import events
from streams.calendar import containing
from streams.catalog import EventRule
from streams.clock import DAY
from streams.events import Event
from streams.oee import Losses
from streams.operators.alarms import NEVER, Above, Alarms
from streams.operators.batch import Keys
from streams.operators.tracks import Interval
from streams.records import NULL, Int64, Rows, Text

REMEMBERED = 3 * DAY
"""How long a closed shift is known: its account is revised for a day, or while its last stop lasts."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What one log entry changed: watermarks, states, rows of ``anomalies`` and of ``oee``."""

    position: int
    marks: Int64
    intervals: tuple[Interval, ...]
    scores: tuple[Rows, ...]
    accounts: tuple[Rows, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that lasts; ``end`` is NULL but while the states of one entry are gone through.

    It was told as having begun at ``named``, though it may turn out to have begun earlier.
    """

    since: int
    reason: str
    program: str | None
    told: bool = False
    end: int = NULL
    named: int = NULL


class Outbox:
    """Tell what the rule finds worth telling, each event once; without a rule nothing.

    A stop goes on where only its reason changes. Time passes by the machines' watermarks alone. States that
    are told anew count as they are told now: a stop that was told and had not lasted long enough is
    withdrawn, as long as nothing else followed it. Scores that are told anew count likewise: see `Alarms`.
    """

    name = "outbox"
    version = 4
    older = (3,)
    """Versions of snapshots that are read, too."""

    def __init__(self, keys: Keys, rule: EventRule | None) -> None:
        self._keys, self._rule = keys, rule
        self._number = {name: number for number, name in enumerate(keys.owner)}
        self._patience = NEVER if rule is None else rule.stopped_after
        self._stops: dict[int, Stop] = {}
        self._alarms = self._no_alarms()
        self._closed: dict[int, set[int]] = {}
        """Machine -> starts of its closed shifts."""
        self._withdrawals: dict[int, tuple[int, int]] = {}
        """Machine -> beginning of the stop that was withdrawn last, and how often it was."""
        self._due = np.full(len(keys.machines), NEVER, dtype=np.int64)
        """(machines,) mark from which on a stop is to be told of, or an alarm looked at."""

    def update(self, batch: Changes) -> tuple[Rows, ...]:
        """Return rows of ``outbox``."""
        if self._rule is None:
            return ()
        found = list(self._states(batch.intervals))
        found += self._scored(batch)
        found += [event for accounts in batch.accounts for event in self._stated(accounts)]
        for machine in np.flatnonzero(batch.marks >= self._due).tolist():
            found += self._passed(machine, int(batch.marks[machine]))
        return (events.rows(self._rule, batch.position, found),) if found else ()

    def _no_alarms(self) -> list[Alarms]:
        return [Alarms(machine.name, machine.allowance) for machine in self._keys.machines]

    def _states(self, intervals: tuple[Interval, ...]) -> Iterator[Event]:
        """Take states that were told, some of them anew; one of length zero is withdrawn."""
        for interval in intervals:
            if interval.end != interval.ts:
                yield from self._state(interval)
        for interval in intervals:
            stop = self._stops.get(interval.machine)
            if interval.end == interval.ts and stop is not None and stop.since == interval.ts:
                del self._stops[interval.machine]
                yield from self._withdrawn(interval.machine, stop, interval.ts)
        for machine in sorted({interval.machine for interval in intervals}):
            stop = self._stops.get(machine)
            if stop is not None and stop.end != NULL:
                yield from self._ended(machine, stop.end)
            self._schedule(machine)

    def _state(self, interval: Interval) -> Iterator[Event]:
        """Begin a stop, go on with it, or end it; what lies before the stop that lasts is over."""
        machine, stop = interval.machine, self._stops.get(interval.machine)
        if stop is not None and stop.end == NULL and interval.ts < stop.since:
            if interval.state == "stop" and interval.end == NULL:
                self._stops[machine] = replace(stop, since=interval.ts)
            return
        goes_on = interval.state == "stop" and stop is not None and stop.end in (NULL, interval.ts)
        if stop is not None and not goes_on:
            yield from self._ended(machine, interval.ts if stop.end == NULL else stop.end)
        if stop is not None and goes_on:
            self._stops[machine] = replace(stop, end=interval.end)
        elif interval.state == "stop":
            self._stops[machine] = Stop(interval.ts, interval.reason, interval.program, end=interval.end)

    def _ended(self, machine: int, until: int) -> Iterator[Event]:
        yield from self._stopped(machine, until)
        yield from self._withdrawn(machine, self._stops.pop(machine), until)

    def _withdrawn(self, machine: int, stop: Stop, until: int) -> Iterator[Event]:
        """Take back a stop that was told, if it was over before it had lasted long enough."""
        since = stop.since if stop.named == NULL else stop.named
        if stop.told and until < stop.since + self._patience:
            again = self._withdrawn_before(machine, since)
            yield events.stop_withdrawn(self._keys.owner[machine], until, since, again)
            self._withdrawals[machine] = since, again + 1

    def _withdrawn_before(self, machine: int, since: int) -> int:
        """Return how often a stop was withdrawn: told again it is another event than before."""
        beginning, times = self._withdrawals.get(machine, (NULL, 0))
        return times if beginning == since else 0

    def _scored(self, batch: Changes) -> Iterator[Event]:
        """Take scores; tell what is another alarm by them."""
        changed = set()
        for scores in batch.scores:
            for name, ts, above in _heard(scores):
                machine = self._number[name]
                self._alarms[machine].take(ts, above)
                changed.add(machine)
        for machine in sorted(changed):
            yield from self._alarms[machine].tell(int(batch.marks[machine]))
            self._schedule(machine)

    def _stated(self, accounts: Rows) -> Iterator[Event]:
        """Note which shifts are closed, tell of those that were closed before."""
        for name, start, as_of, row in _statements(accounts):
            machine = self._number[name]
            span = containing(self._keys.machines[machine].calendar, start)
            if span is None or as_of < span.end:
                continue
            closed = self._closed.setdefault(machine, set())
            if start in closed:
                yield events.shift_revised(name, span, *_account(accounts, row))
            self._closed[machine] = {item for item in closed if item > start - REMEMBERED} | {start}

    def _passed(self, machine: int, mark: int) -> Iterator[Event]:
        """Tell what has come true with the time."""
        if mark >= self._alarms[machine].due:
            yield from self._alarms[machine].tell(mark)
        yield from self._stopped(machine, mark)
        self._schedule(machine)

    def _stopped(self, machine: int, until: int) -> Iterator[Event]:
        """Tell of a stop that had lasted long enough at a time."""
        stop = self._stops.get(machine)
        if stop is not None and not stop.told and until >= stop.since + self._patience:
            name, at = self._keys.owner[machine], stop.since + self._patience
            again = self._withdrawn_before(machine, stop.since)
            yield events.machine_stopped(name, at, stop.since, stop.reason, stop.program, again)
            self._stops[machine] = replace(stop, told=True, named=stop.since)

    def _schedule(self, machine: int) -> None:
        stop = self._stops.get(machine)
        telling = NEVER if stop is None or stop.told else stop.since + self._patience
        self._due[machine] = min(self._alarms[machine].due, telling)

    def snapshot(self) -> bytes:
        """Return stops that last, alarms that may change, and closed shifts, by the machines' names."""
        owner, alarms = self._keys.owner, [alarms.snapshot() for alarms in self._alarms]
        saved = {
            "stops": {owner[machine]: asdict(stop) for machine, stop in sorted(self._stops.items())},
            "alarms": {name: known for name, known in zip(owner, alarms, strict=True) if known is not None},
            "withdrawals": {owner[machine]: last for machine, last in sorted(self._withdrawals.items())},
            "closed": {owner[machine]: sorted(starts) for machine, starts in sorted(self._closed.items())},
        }
        return json.dumps(saved).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name. Of version 3 there are the alarms that last."""
        saved = json.loads(state)
        self._stops = {machine: Stop(**item) for machine, item in self._known(saved["stops"])}
        self._alarms = self._no_alarms()
        for machine, item in self._known(saved["alarms"]):
            alarms = self._alarms[machine]
            (alarms.restore if "told" in item else alarms.restore_lasting)(item)
        self._withdrawals = {machine: tuple(last) for machine, last in self._known(saved["withdrawals"])}
        self._closed = {machine: set(starts) for machine, starts in self._known(saved["closed"])}
        for machine in range(len(self._keys.machines)):
            self._schedule(machine)

    def _known(self, saved: dict[str, Any]) -> Iterator[tuple[int, Any]]:
        return ((self._number[name], item) for name, item in saved.items() if name in self._number)


def _heard(scores: Rows) -> Iterator[tuple[str, int, Above | None]]:
    """Yield machine, time and score of those above their thresholds, and of those told anew: None below."""
    columns: Any = scores.columns
    above = columns["score"] > columns["threshold"]
    rows = np.flatnonzero(above | (columns["version"] > 1))
    names = (columns[name][rows].to_list() for name in ("machine", "tag"))
    numbers = (columns[name][rows].tolist() for name in ("ts", "score", "threshold", "share"))
    for machine, tag, ts, score, threshold, share, high in zip(*names, *numbers, above[rows], strict=True):
        yield machine, ts, Above(score, threshold, tag, share) if high else None


def _statements(accounts: Rows) -> Iterator[tuple[str, int, int, int]]:
    """Yield machine, start, as_of and row of each account."""
    columns: Any = accounts.columns
    starts, ends = columns["ts"].tolist(), columns["as_of"].tolist()
    return zip(columns["machine"].to_list(), starts, ends, range(len(starts)), strict=True)


def _account(accounts: Rows, row: int) -> tuple[int, Losses, tuple[int, int, int]]:
    """Return version, losses and parts of an account."""
    value = {
        name: int(column[row]) for name, column in accounts.columns.items() if not isinstance(column, Text)
    }
    losses = Losses(**{item.name: value[f"{item.name}_us"] for item in fields(Losses)})
    return value["version"], losses, (value["good"], value["reject"], value["review"])

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
from streams.clock import DAY, MINUTE, SECOND
from streams.events import Event
from streams.oee import Losses
from streams.operators.batch import Keys
from streams.operators.tracks import Interval
from streams.records import NULL, Int64, Rows, Text

APART = MINUTE
"""An alarm goes on while the next score above the threshold follows within this, as in `anomaly_alarms`."""
WIDTH = SECOND
"""Scores are of so long: one that begins at a mark is known so much later."""
REMEMBERED = 3 * DAY
"""How long a closed shift is known: its account is revised for a day, or while its last stop lasts."""
NEVER = int(np.iinfo(np.int64).max)


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


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that lasts: its first and last score above the threshold, how many there were, the highest."""

    began: int
    last: int
    scores: int
    peak: float


class Outbox:
    """Tell what the rule finds worth telling, each event once; without a rule nothing.

    A stop goes on where only its reason changes. Time passes by the machines' watermarks alone. States that
    are told anew count as they are told now: a stop that was told and had not lasted long enough is
    withdrawn, as long as nothing else followed it. What was told of alarms stays told.
    """

    name = "outbox"
    version = 3

    def __init__(self, keys: Keys, rule: EventRule | None) -> None:
        self._keys, self._rule = keys, rule
        self._number = {name: number for number, name in enumerate(keys.owner)}
        self._patience = NEVER if rule is None else rule.stopped_after
        self._stops: dict[int, Stop] = {}
        self._alarms: dict[int, Alarm] = {}
        self._closed: dict[int, set[int]] = {}
        """Machine -> starts of its closed shifts."""
        self._withdrawals: dict[int, tuple[int, int]] = {}
        """Machine -> beginning of the stop that was withdrawn last, and how often it was."""
        self._due = np.full(len(keys.machines), NEVER, dtype=np.int64)
        """(machines,) mark from which on a stop is to be told of, or an alarm may have ended."""

    def update(self, batch: Changes) -> tuple[Rows, ...]:
        """Return rows of ``outbox``."""
        if self._rule is None:
            return ()
        found = list(self._states(batch.intervals))
        found += [event for scores in batch.scores for event in self._scored(scores)]
        found += [event for accounts in batch.accounts for event in self._stated(accounts)]
        for machine in np.flatnonzero(batch.marks >= self._due).tolist():
            found += self._passed(machine, int(batch.marks[machine]))
        return (events.rows(self._rule, batch.position, found),) if found else ()

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

    def _scored(self, scores: Rows) -> Iterator[Event]:
        """Begin, go on with and end alarms; a machine's scores stand in the order of time."""
        for score in _above(scores):
            machine = self._number[score["machine"]]
            alarm = self._alarms.get(machine)
            if alarm is not None and score["ts"] > alarm.last + APART:
                yield self._end(machine)
                alarm = None
            if alarm is None:
                yield events.alarm_began(**score)
                alarm = Alarm(score["ts"], score["ts"], 0, score["score"])
            peak = max(alarm.peak, score["score"])
            self._alarms[machine] = Alarm(alarm.began, max(alarm.last, score["ts"]), alarm.scores + 1, peak)
            self._schedule(machine)

    def _end(self, machine: int) -> Event:
        alarm = self._alarms.pop(machine)
        return events.alarm_ended(self._keys.owner[machine], **asdict(alarm))

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
        alarm = self._alarms.get(machine)
        if alarm is not None and mark >= alarm.last + APART + WIDTH:
            yield self._end(machine)
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
        alarm, stop = self._alarms.get(machine), self._stops.get(machine)
        ending = NEVER if alarm is None else alarm.last + APART + WIDTH
        telling = NEVER if stop is None or stop.told else stop.since + self._patience
        self._due[machine] = min(ending, telling)

    def snapshot(self) -> bytes:
        """Return the stops and alarms that last, and the closed shifts, by the machines' names."""
        owner = self._keys.owner
        saved = {
            "stops": {owner[machine]: asdict(stop) for machine, stop in sorted(self._stops.items())},
            "alarms": {owner[machine]: asdict(alarm) for machine, alarm in sorted(self._alarms.items())},
            "withdrawals": {owner[machine]: last for machine, last in sorted(self._withdrawals.items())},
            "closed": {owner[machine]: sorted(starts) for machine, starts in sorted(self._closed.items())},
        }
        return json.dumps(saved).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        saved = json.loads(state)
        self._stops = {machine: Stop(**item) for machine, item in self._known(saved["stops"])}
        self._alarms = {machine: Alarm(**item) for machine, item in self._known(saved["alarms"])}
        self._withdrawals = {machine: tuple(last) for machine, last in self._known(saved["withdrawals"])}
        self._closed = {machine: set(starts) for machine, starts in self._known(saved["closed"])}
        for machine in range(len(self._keys.machines)):
            self._schedule(machine)

    def _known(self, saved: dict[str, Any]) -> Iterator[tuple[int, Any]]:
        return ((self._number[name], item) for name, item in saved.items() if name in self._number)


def _above(scores: Rows) -> Iterator[dict[str, Any]]:
    """Yield the scores above their thresholds, as `streams.events.alarm_began` takes them.

    Those that late readings change later are left out: what was told was told.
    """
    columns: Any = scores.columns
    above = np.flatnonzero((columns["score"] > columns["threshold"]) & (columns["version"] == 1))
    names = {name: columns[name][above].to_list() for name in ("machine", "tag")}
    numbers = {name: columns[name][above].tolist() for name in ("ts", "score", "threshold", "share")}
    told = names | numbers
    return (dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True))


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

"""Machine states and program runs, from the text tags by which a machine tells what it does."""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from streams.operators import quarantine
from streams.operators.admit import UNAVAILABLE
from streams.operators.batch import Admitted, Keys, Step
from streams.operators.tracks import (
    AVAILABILITY,
    EXECUTION,
    PROGRAM,
    SILENCE,
    Interval,
    Run,
    Spoken,
    Word,
    first,
)
from streams.records import NULL, Int16, Int32, Int64, Rows, Text

Column = Text | Int16 | Int32 | Int64
NEVER: int = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows of ``states``, ``runs`` and ``quarantine``; intervals and runs by machine, in order of time.

    ``before`` are the runs that were told otherwise before and do not count any more.
    """

    rows: tuple[Rows, ...] = ()
    intervals: tuple[Interval, ...] = ()
    runs: tuple[Run, ...] = ()
    before: tuple[Run, ...] = ()


class States:
    """Order state words by event time, up to the watermark, and cut intervals and runs from them.

    An interval lasts while neither the state nor the machine's own word for it changes; none is of
    length zero. A run begins with the first ``run`` state after a stop and ends with one of the rule's
    ``run_ends``, or when the machine is unavailable.

    A word up to the allowance behind the watermark counts at its own time: intervals and runs that it
    changes are told again as the next version, those that it undoes end where they began. Different words
    of one tag and time count in the order in which they came, a word that is repeated counts once.

    A word beyond the allowance still counts at its own time while no later change is told: it cuts the
    open interval. Adapters tell a lost connection so, minutes late. Behind a later change, UNAVAILABLE
    counts from the watermark on; any other word is quarantined as ``late``.

    Ticks keep the log going while nothing happens. Where two entries' stamps are further apart than the
    largest ``idle_after``, nothing was running: from the former stamp on (or from what the machine said
    ahead of it) its state is ``no_data``, until its execution is told again.
    """

    name = "states"
    version = 3

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._role = np.array([_role(keys, key) for key in range(len(keys))], dtype=np.uint8)
        self._allowance = keys.per_machine("allowance")
        self._spoken = [Spoken(number, machine) for number, machine in enumerate(keys.machines)]
        self._marks = np.full(len(keys.machines), NULL, dtype=np.int64)
        self._next = np.full(len(keys.machines), NEVER, dtype=np.int64)
        self._oldest = self._next.copy()
        self._arrivals = 0
        self._received = NULL
        self._patience = max((machine.idle_after for machine in keys.machines), default=0)

    def update(self, step: Step) -> Timeline:
        """Take the words of one entry, then go on to its watermarks."""
        if self._received != NULL and step.received - self._received > self._patience:
            self._fall_silent(self._received)
        self._received = step.received
        late = self._take(step) if step.admitted.text.values else ()
        moved = np.flatnonzero(self._next < step.marks)
        intervals: list[Interval] = []
        runs: list[Run] = []
        before: list[Run] = []
        for number in moved.tolist():
            told, former = self._spoken[number].take(int(self._marks[number]), int(step.marks[number]))
            intervals += [item for item in told if isinstance(item, Interval)]
            runs += [item for item in told if isinstance(item, Run)]
            before += former
        self._marks = step.marks
        floor = np.where(step.marks == NULL, NULL, step.marks - self._allowance)
        for number in np.flatnonzero(self._oldest < floor).tolist():
            self._spoken[number].settle(int(floor[number]))
            self._note(number)
        for number in moved.tolist():
            self._note(number)
        rows = [_intervals(self._keys, intervals)] if intervals else []
        rows += [_runs(self._keys, runs)] if runs else []
        return Timeline((*late, *rows), tuple(intervals), tuple(runs), tuple(before))

    def _note(self, number: int) -> None:
        """Note when a machine's words are to be looked at next: at once where one came behind others."""
        spoken, mark = self._spoken[number], int(self._marks[number])
        ahead = spoken.words[first(spoken.words, mark) :][:1]
        self._next[number] = NULL if spoken.stale else ahead[0].ts if ahead else NEVER
        self._oldest[number] = spoken.words[0].ts if spoken.words else NEVER

    def _fall_silent(self, ts: int) -> None:
        """Put among the words ahead that what the machines said counts up to ``ts`` only."""
        for spoken in self._spoken:
            if spoken.machine.tells_state and (spoken.head.words or spoken.words):
                since = max(ts, spoken.words[-1].ts) if spoken.words else ts
                self._insert(spoken, since, SILENCE, UNAVAILABLE)

    def _take(self, step: Step) -> tuple[Rows, ...]:
        admitted = step.admitted
        worded = np.flatnonzero(admitted.text.codes >= 0)
        telling = worded[self._role[admitted.key[worded]] > 0]
        late = [row for row in telling.tolist() if not self._put(admitted, row)]
        if not late:
            return ()
        readings = admitted[late].readings(self._keys)
        reasons = Text.constant("late", len(late))
        return (quarantine.refused(readings, reasons, step.received, step.producer),)

    def _put(self, admitted: Admitted, row: int) -> bool:
        """Put a word among the machine's; False when it comes too late."""
        key, ts = admitted.key[row], int(admitted.ts[row])
        number, text = int(self._keys.machine[key]), admitted.text.values[admitted.text.codes[row]]
        return self._insert(self._spoken[number], ts, int(self._role[key]), text)

    def _insert(self, spoken: Spoken, ts: int, role: int, text: str) -> bool:
        mark, opened = int(self._marks[spoken.number]), spoken.head.open
        beyond = mark != NULL and ts < mark - int(self._allowance[spoken.number])
        if beyond and opened is not None and ts < opened.ts:
            if text != UNAVAILABLE:
                return False
            ts = mark
        same = spoken.words[first(spoken.words, ts) : first(spoken.words, ts + 1)]
        if (role, text) in [(word.role, word.text) for word in same]:
            return True
        self._arrivals += 1
        insort(spoken.words, Word(ts, role, self._arrivals, text))
        spoken.stale |= ts < mark
        self._note(spoken.number)
        return True

    def resume(self, known: Iterable[Interval], until: int | None = None) -> None:
        """Go on from states that are known to hold, in place of those that no word was heard of yet.

        They hold until ``until``, if that is given: nobody listened from then on.
        """
        for interval in known:
            spoken = Spoken.begun(self._keys.machines[interval.machine], interval)
            self._spoken[interval.machine] = spoken
            if until is not None and interval.state != "no_data":
                self._insert(spoken, max(until, interval.ts + 1), SILENCE, UNAVAILABLE)

    def snapshot(self) -> bytes:
        """Return the last stamp, and of each machine what is settled, what is not, and what was told."""
        saved = zip(self._keys.owner, self._spoken, strict=True)
        spoken = {name: item.saved() for name, item in saved}
        marks = dict(zip(self._keys.owner, self._marks.tolist(), strict=True))
        state = {"received": self._received, "arrivals": self._arrivals, "marks": marks}
        return json.dumps(state | {"spoken": spoken}).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        saved = json.loads(state)
        self._arrivals, self._received = saved["arrivals"], saved["received"]
        for number, machine in enumerate(self._keys.machines):
            found = saved["spoken"].get(machine.name)
            self._spoken[number] = Spoken.loaded(number, machine, found)
            self._marks[number] = saved["marks"].get(machine.name, NULL)
            self._note(number)


def _role(keys: Keys, key: int) -> int:
    machine, tag = keys.machines[int(keys.machine[key])], keys.names[key][1]
    rule = machine.state_rule
    roles = {rule.program: PROGRAM, rule.availability: AVAILABILITY, rule.execution: EXECUTION}
    return 0 if keys.numeric[key] else roles.get(tag, 0)


def _integers(items: Iterable[int]) -> Int64:
    return np.fromiter(items, dtype=np.int64)


def _intervals(keys: Keys, intervals: list[Interval]) -> Rows:
    columns: dict[str, Column] = {
        "machine": keys.machine_names(np.array([item.machine for item in intervals], dtype=np.int32)),
        "ts": _integers(item.ts for item in intervals),
        "version": np.array([item.version for item in intervals], dtype=np.int32),
        "end_ts": _integers(item.end for item in intervals),
        "state": Text.of([item.state for item in intervals]),
        "reason": Text.of([item.reason for item in intervals]),
        "program": Text.of([item.program for item in intervals]),
    }
    return Rows("states", columns)


def _runs(keys: Keys, runs: list[Run]) -> Rows:
    columns: dict[str, Column] = {
        "machine": keys.machine_names(np.array([run.machine for run in runs], dtype=np.int32)),
        "ts": _integers(run.ts for run in runs),
        "version": np.array([run.version for run in runs], dtype=np.int32),
        "end_ts": _integers(run.end for run in runs),
        "program": Text.of([run.program for run in runs]),
        "completed": np.array([run.completed for run in runs], dtype=np.int16),
        "parts": _integers(run.parts for run in runs),
    }
    return Rows("runs", columns)

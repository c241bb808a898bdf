"""Machine states and program runs, from the text tags by which a machine tells what it does."""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from streams.catalog import StateRule
from streams.operators import quarantine
from streams.operators.admit import UNAVAILABLE
from streams.operators.batch import Admitted, Keys, Step
from streams.records import NULL, Int16, Int32, Int64, Rows, Text

Column = Text | Int16 | Int32 | Int64

PROGRAM, AVAILABILITY, EXECUTION, SILENCE = 1, 2, 3, 4
"""What a tag tells; words of one time are taken in this order, so that a run knows its program.

SILENCE is no tag's: the log itself stood still, and what the machine had said no longer counts.
"""

NO_LOG = "NO_LOG"
"""The reason of a state that is unknown because the log stood still."""


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """One word of one of a machine's state tags; words sort by time, role, arrival."""

    ts: int
    role: int
    arrival: int
    text: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A state that began at ``ts``; ``version`` 1 when it opens, one more when it closes or is revised."""

    machine: int
    ts: int
    version: int
    state: str
    reason: str
    program: str | None
    end: int = NULL


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program on a machine."""

    machine: int
    start: int
    end: int
    program: str | None
    completed: bool
    parts: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows of ``states``, ``runs`` and ``quarantine``; intervals and runs by machine, in order of time."""

    rows: tuple[Rows, ...] = ()
    intervals: tuple[Interval, ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(slots=True)
class Track:
    """What is known of one machine: the words in force, the open interval and run, words ahead."""

    machine: int
    words: dict[int, str] = field(default_factory=dict)
    open: Interval | None = None
    run: tuple[int, str | None] | None = None
    ahead: list[Word] = field(default_factory=list)


class States:
    """Order state words by event time, up to the watermark, and cut intervals and runs from them.

    An interval lasts while neither the state nor the machine's own word for it changes; none is of
    length zero. A run begins with the first ``run`` state after a stop and ends with one of the rule's
    ``run_ends``, or when the machine is unavailable.

    A word behind the watermark still counts at its own time while no later change is settled: it cuts
    the open interval. Adapters tell a lost connection so, many seconds late. Behind a later change,
    UNAVAILABLE counts from the watermark on; any other word is quarantined as ``late``.

    Ticks keep the log going while nothing happens. Where two entries' stamps are further apart than the
    largest ``idle_after``, nothing was running: from the former stamp on (or from what the machine said
    ahead of it) its state is ``no_data``, until its execution is told again.
    """

    name = "states"
    version = 2

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._role = np.array([_role(keys, key) for key in range(len(keys))], dtype=np.uint8)
        self._meaning = [dict(machine.state_rule.states) for machine in keys.machines]
        self._tracks = [Track(number) for number in range(len(keys.machines))]
        self._marks = np.full(len(keys.machines), NULL, dtype=np.int64)
        self._next = self._marks.copy()
        self._arrivals = 0
        self._received = NULL
        self._patience = max((machine.idle_after for machine in keys.machines), default=0)

    def update(self, step: Step) -> Timeline:
        """Take the words of one entry, then settle what its watermarks have passed."""
        if self._received != NULL and step.received - self._received > self._patience:
            self._fall_silent(self._received)
        self._received = step.received
        late = self._take(step) if step.admitted.text.values else ()
        moved = np.flatnonzero((self._next != NULL) & (self._next < step.marks))
        self._marks = step.marks
        intervals: list[Interval] = []
        runs: list[Run] = []
        for machine in moved.tolist():
            for words in self._due(machine, int(step.marks[machine])):
                runs += self._run(machine, words)
                intervals += self._interval(machine, words)
        rows = [_intervals(self._keys, intervals)] if intervals else []
        rows += [_runs(self._keys, runs)] if runs else []
        return Timeline((*late, *rows), tuple(intervals), tuple(runs))

    def _fall_silent(self, ts: int) -> None:
        """Put among the words ahead that what the machines said counts up to ``ts`` only."""
        for track, machine in zip(self._tracks, self._keys.machines, strict=True):
            if machine.tells_state and (track.words or track.ahead):
                since = max(ts, track.ahead[-1].ts) if track.ahead else ts
                self._insert(track, since, SILENCE, UNAVAILABLE)

    def _take(self, step: Step) -> tuple[Rows, ...]:
        admitted = step.admitted
        worded = np.flatnonzero(admitted.text.codes >= 0)
        telling = worded[self._role[admitted.key[worded]] > 0]
        late = [row for row in telling.tolist() if not self._put(admitted, row)]
        if not late:
            return ()
        readings = admitted[late].readings(self._keys)
        return (quarantine.refused(readings, ["late"] * len(late), step.received, step.producer),)

    def _put(self, admitted: Admitted, row: int) -> bool:
        """Put a word among those ahead; False when its time is settled otherwise."""
        key, ts = admitted.key[row], int(admitted.ts[row])
        machine, text = int(self._keys.machine[key]), admitted.text.values[admitted.text.codes[row]]
        return self._insert(self._tracks[machine], ts, int(self._role[key]), text)

    def _insert(self, track: Track, ts: int, role: int, text: str) -> bool:
        mark = int(self._marks[track.machine])
        if ts < mark and track.open is not None and ts < track.open.ts:
            if text != UNAVAILABLE:
                return False
            ts = mark
        self._arrivals += 1
        insort(track.ahead, Word(ts, role, self._arrivals, text))
        self._next[track.machine] = track.ahead[0].ts
        return True

    def _due(self, machine: int, mark: int) -> Iterator[list[Word]]:
        """Take out the words before the mark, those of one time together."""
        track = self._tracks[machine]
        due = [word for word in track.ahead if word.ts < mark]
        track.ahead = track.ahead[len(due) :]
        self._next[machine] = track.ahead[0].ts if track.ahead else NULL
        for _, words in groupby(due, key=lambda word: word.ts):
            yield list(words)

    def _run(self, machine: int, words: list[Word]) -> Iterator[Run]:
        """Put the words in force one by one; return the runs that they end."""
        track, rule = self._tracks[machine], self._keys.machines[machine].state_rule
        for word in words:
            track.words[word.role] = word.text
            if word.role == PROGRAM:
                continue
            if track.run is not None and _ends(rule, word):
                start, program = track.run
                track.run = None
                if start < word.ts:
                    yield _run(rule, machine, (start, word.ts), program or track.words.get(PROGRAM), word)
            elif track.run is None and word.role != SILENCE and self._state(track)[0] == "run":
                track.run = (word.ts, track.words.get(PROGRAM))
            if word.role == SILENCE:
                track.words = {SILENCE: NO_LOG}

    def _interval(self, machine: int, words: list[Word]) -> Iterator[Interval]:
        """Return the interval that the words close or revise, and the one that they open."""
        track, ts = self._tracks[machine], words[0].ts
        state, reason = self._state(track)
        version = 1
        if track.open is not None:
            if (track.open.state, track.open.reason) == (state, reason):
                return
            version = track.open.version + 1
            if track.open.ts < ts:
                yield replace(track.open, version=version, end=ts)
                version = 1
        track.open = Interval(machine, ts, version, state, reason, track.words.get(PROGRAM))
        yield track.open

    def _state(self, track: Track) -> tuple[str, str]:
        if track.words.get(AVAILABILITY) == UNAVAILABLE:
            return "no_data", UNAVAILABLE
        word = track.words.get(EXECUTION)
        if word is None:
            return "no_data", track.words.get(SILENCE, "")
        return self._meaning[track.machine].get(word, "no_data"), word

    def snapshot(self) -> bytes:
        """Return the last stamp, each machine's words, open interval and run, and the words ahead."""
        tracks = {name: asdict(track) for name, track in zip(self._keys.owner, self._tracks, strict=True)}
        marks = dict(zip(self._keys.owner, self._marks.tolist(), strict=True))
        saved = {"received": self._received, "arrivals": self._arrivals, "marks": marks, "tracks": tracks}
        return json.dumps(saved).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        saved = json.loads(state)
        self._arrivals, self._received = saved["arrivals"], saved["received"]
        for number, name in enumerate(self._keys.owner):
            track = _track(number, saved["tracks"].get(name))
            self._tracks[number] = track
            self._marks[number] = saved["marks"].get(name, NULL)
            self._next[number] = track.ahead[0].ts if track.ahead else NULL


def _role(keys: Keys, key: int) -> int:
    machine, tag = keys.machines[int(keys.machine[key])], keys.names[key][1]
    rule = machine.state_rule
    roles = {rule.program: PROGRAM, rule.availability: AVAILABILITY, rule.execution: EXECUTION}
    return 0 if keys.numeric[key] else roles.get(tag, 0)


def _ends(rule: StateRule, word: Word) -> bool:
    return word.text in rule.run_ends if word.role == EXECUTION else word.text == UNAVAILABLE


def _run(rule: StateRule, machine: int, span: tuple[int, int], program: str | None, word: Word) -> Run:
    completed = word.role == EXECUTION and word.text in rule.run_completes
    return Run(machine, *span, program, completed, rule.parts_per_run if completed else 0)


def _track(number: int, saved: dict[str, Any] | None) -> Track:
    if saved is None:
        return Track(number)
    return Track(
        machine=number,
        words={int(role): text for role, text in saved["words"].items()},
        open=Interval(**(saved["open"] | {"machine": number})) if saved["open"] else None,
        run=tuple(saved["run"]) if saved["run"] else None,
        ahead=[Word(**word) for word in saved["ahead"]],
    )


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
        "ts": _integers(run.start for run in runs),
        "end_ts": _integers(run.end for run in runs),
        "program": Text.of([run.program for run in runs]),
        "completed": np.array([run.completed for run in runs], dtype=np.int16),
        "parts": _integers(run.parts for run in runs),
    }
    return Rows("runs", columns)

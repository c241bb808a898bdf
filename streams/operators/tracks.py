"""What a machine's words make of it: words in order of time become state intervals and program runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any, Self

from streams.catalog import Machine, StateRule
from streams.operators.admit import UNAVAILABLE
from streams.records import NULL

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
    """A state that began at ``ts``; each telling of it has the next version.

    ``end`` is `NULL` while it lasts; one that ends where it begins is withdrawn: there was none.
    """

    machine: int
    ts: int
    state: str
    reason: str
    program: str | None
    end: int = NULL
    version: int = 1

    def withdrawn(self) -> Self:
        """Return it as one that never was."""
        return replace(self, end=self.ts)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program on a machine; one that ends where it begins is withdrawn."""

    machine: int
    ts: int
    end: int
    program: str | None
    completed: bool
    parts: int
    version: int = 1

    def withdrawn(self) -> Self:
        """Return it as one that never was."""
        return replace(self, end=self.ts, completed=False, parts=0)


Piece = Interval | Run


@dataclass(slots=True)
class Track:
    """What is known of one machine up to a time: the words in force, the open interval and run."""

    words: dict[int, str] = field(default_factory=dict)
    open: Interval | None = None
    run: tuple[int, str | None] | None = None

    def copy(self) -> Self:
        """Return one that can go its own way."""
        return replace(self, words=dict(self.words))

    def go_on(self, number: int, machine: Machine, words: Iterable[Word]) -> Iterator[Piece]:
        """Put words in force, in their order; return the runs and intervals that end or begin with them."""
        for ts, together in groupby(words, key=lambda word: word.ts):
            for word in together:
                yield from self._run(number, machine.state_rule, word)
            yield from self._interval(number, machine.state_rule, ts)

    def _run(self, number: int, rule: StateRule, word: Word) -> Iterator[Run]:
        self.words[word.role] = word.text
        if word.role == PROGRAM:
            return
        if self.run is not None and _ends(rule, word):
            (start, program), self.run = self.run, None
            if start < word.ts:
                completed = word.role == EXECUTION and word.text in rule.run_completes
                parts = rule.parts_per_run if completed else 0
                yield Run(number, start, word.ts, program or self.words.get(PROGRAM), completed, parts)
        elif self.run is None and word.role != SILENCE and self._state(rule)[0] == "run":
            self.run = (word.ts, self.words.get(PROGRAM))
        if word.role == SILENCE:
            self.words = {SILENCE: NO_LOG}

    def _interval(self, number: int, rule: StateRule, ts: int) -> Iterator[Interval]:
        state, reason = self._state(rule)
        if self.open is not None:
            if (self.open.state, self.open.reason) == (state, reason):
                return
            if self.open.ts < ts:
                yield replace(self.open, end=ts)
        self.open = Interval(number, ts, state, reason, self.words.get(PROGRAM))
        yield self.open

    def _state(self, rule: StateRule) -> tuple[str, str]:
        if self.words.get(AVAILABILITY) == UNAVAILABLE:
            return "no_data", UNAVAILABLE
        word = self.words.get(EXECUTION)
        if word is None:
            return "no_data", self.words.get(SILENCE, "")
        return dict(rule.states).get(word, "no_data"), word


@dataclass(slots=True)
class Spoken:
    """One machine's words that may still be joined by others, and what was told of them.

    ``settled`` is how the machine stands behind all earlier words, ``head`` how it stands now. A word
    that comes in between has ``head`` go the way from ``settled`` anew; what then differs from what was
    told is told again.
    """

    number: int
    machine: Machine
    settled: Track = field(default_factory=Track)
    head: Track = field(default_factory=Track)
    words: list[Word] = field(default_factory=list)
    """In order; those before the watermark are in ``head``."""
    intervals: dict[int, Interval] = field(default_factory=dict)
    """By start, as told last; withdrawn ones too."""
    runs: dict[int, Run] = field(default_factory=dict)
    stale: bool = False
    """Whether a word came behind others that ``head`` has taken."""

    @classmethod
    def begun(cls, machine: Machine, interval: Interval) -> Self:
        """Return one of which no more is known than the state that it is in."""
        role = SILENCE if interval.reason == NO_LOG else EXECUTION
        words = {role: interval.reason} if interval.reason else {}
        if interval.program is not None:
            words[PROGRAM] = interval.program
        run = (interval.ts, interval.program) if interval.state == "run" else None
        settled = Track(words, interval, run)
        return cls(interval.machine, machine, settled, settled.copy(), intervals={interval.ts: interval})

    def take(self, since: int, until: int) -> tuple[list[Piece], list[Run]]:
        """Take the words from one mark up to the next.

        Returns
        -------
        list, list
            What is to be told, with its versions, and the runs that were told otherwise before.
        """
        if self.stale:
            self.head = self.settled.copy()
        begin = 0 if self.stale else first(self.words, since)
        due = self.words[begin : first(self.words, until)]
        pieces = list(self.head.go_on(self.number, self.machine, due))
        if self.stale:
            pieces = self._differing(pieces)
        self.stale = False
        return self._versioned(pieces)

    def _differing(self, pieces: list[Piece]) -> list[Piece]:
        """Return, by start, what of all that follows from the settled words was told otherwise."""
        intervals = {item.ts: item for item in pieces if isinstance(item, Interval)}
        if self.settled.open is not None:
            intervals.setdefault(self.settled.open.ts, self.settled.open)
        runs = {item.ts: item for item in pieces if isinstance(item, Run)}
        return [*_changes(self.intervals, intervals), *_changes(self.runs, runs)]

    def _versioned(self, pieces: list[Piece]) -> tuple[list[Piece], list[Run]]:
        told: list[Piece] = []
        before: list[Run] = []
        for piece in pieces:
            former: Any = self.intervals if isinstance(piece, Interval) else self.runs
            known = former.get(piece.ts)
            if isinstance(known, Run):
                before.append(known)
            told.append(replace(piece, version=known.version + 1 if known else 1))
            former[piece.ts] = told[-1]
        return told, before

    def settle(self, floor: int) -> None:
        """Go on to where no word can come any more, and forget what was told of the time before."""
        end = first(self.words, floor)
        due, self.words = self.words[:end], self.words[end:]
        for piece in list(self.settled.go_on(self.number, self.machine, due)):
            if isinstance(piece, Run):
                self.runs.pop(piece.ts, None)
        since = self.settled.open.ts if self.settled.open is not None else NULL
        begun = self.settled.run[0] if self.settled.run is not None else NULL
        self.intervals = {ts: item for ts, item in self.intervals.items() if ts >= since}
        self.runs = {
            ts: item for ts, item in self.runs.items() if item.end > ts or ts >= since or ts == begun
        }

    def saved(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {name: _plain(getattr(self, name)) for name in SAVED}

    @classmethod
    def loaded(cls, number: int, machine: Machine, saved: dict[str, Any] | None) -> Self:
        """Return what was saved, under another number perhaps; nothing known where nothing was."""
        if saved is None:
            return cls(number, machine)
        return cls(
            number,
            machine,
            settled=_track(number, saved["settled"]),
            head=_track(number, saved["head"]),
            words=[Word(**word) for word in saved["words"]],
            intervals={item["ts"]: Interval(**(item | {"machine": number})) for item in saved["intervals"]},
            runs={item["ts"]: Run(**(item | {"machine": number})) for item in saved["runs"]},
            stale=saved["stale"],
        )


SAVED = ("settled", "head", "words", "intervals", "runs", "stale")


def first(words: list[Word], ts: int) -> int:
    """Return the place of the first word that is not before a time."""
    return bisect_left(words, ts, key=lambda word: word.ts)


def _ends(rule: StateRule, word: Word) -> bool:
    return word.text in rule.run_ends if word.role == EXECUTION else word.text == UNAVAILABLE


def _changes(told: dict[int, Any], true: dict[int, Any]) -> Iterator[Piece]:
    """Return, by start, what is true and was told otherwise, and what was told and is not true."""
    for ts in sorted({*told, *true}):
        before, now = told.get(ts), true.get(ts)
        if before is None:
            yield true[ts]
        elif now is None and before.end != ts:
            yield before.withdrawn()
        elif now is not None and replace(now, version=before.version) != before:
            yield now


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [asdict(item) for item in value.values()]
    if isinstance(value, list):
        return [asdict(item) for item in value]
    return asdict(value) if isinstance(value, Track) else value


def _track(number: int, saved: dict[str, Any]) -> Track:
    return Track(
        words={int(role): text for role, text in saved["words"].items()},
        open=Interval(**(saved["open"] | {"machine": number})) if saved["open"] else None,
        run=tuple(saved["run"]) if saved["run"] else None,
    )

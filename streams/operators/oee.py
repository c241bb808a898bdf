"""OEE of every machine and shift: states and parts become losses that add up to the shift's time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from streams.calendar import Span, containing, upcoming
from streams.catalog import STATES
from streams.clock import DAY, SECOND
from streams.oee import Losses
from streams.operators.accounts import Account, Books, History
from streams.operators.batch import Keys
from streams.operators.cycles import Cycle, Cycles, Pace
from streams.operators.states import Timeline
from streams.operators.tracks import Interval, Run
from streams.records import NULL, Int64, PartCounts, Rows, Text

LABEL = {state: label for label, state in enumerate(STATES)}
EVERY = 10 * SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """What one log entry brought: its stamp, the watermarks, states and runs, judged parts."""

    received: int
    marks: Int64
    timeline: Timeline
    parts: PartCounts


@dataclass(frozen=True, slots=True)
class Statement:
    """One row of the table ``oee`` to be."""

    machine: int
    span: Span
    version: int
    as_of: int
    losses: Losses
    parts: tuple[int, int, int]
    ideal_cycle: int


class Oee:
    """Keep the books of every machine and state them when parts came, every 10 s of stamps, and at shift end.

    A part belongs to the shift in which its run ended, or in which it was judged; outside every shift
    it belongs to none. Machines with ``counts="runs"`` take completed runs as good parts, those with
    ``counts="parts"`` the judged ones, never both. A stop is minor while it is shorter than the limit:
    when it passes it, all of it becomes an unplanned stop, in a closed shift too. Parts revise a closed
    shift for a day, at the ideal cycles that held at its end. States and runs that are told otherwise
    take the place of what was told before. A shift that has begun when the calendar is changed ends as
    it began; of the new calendar's, the first counts that begins behind it.
    """

    name = "oee"
    version = 2

    def __init__(self, keys: Keys) -> None:
        self._owner = keys.owner
        self._number = {name: number for number, name in enumerate(keys.owner)}
        self._books = [Books(machine) for machine in keys.machines]
        self._tells = [machine.tells_state for machine in keys.machines]
        self._marks = np.full(len(self._books), NULL, dtype=np.int64)
        self._ends = np.full(len(self._books), NULL, dtype=np.int64)
        self._due = NULL

    def update(self, batch: Progress) -> tuple[Rows, ...]:
        """Enter what happened and return the accounts that are to be told anew."""
        touched: set[int] = set()
        for interval in batch.timeline.intervals:
            label = LABEL[interval.state] if interval.end != interval.ts else None
            self._books[interval.machine].change(interval.ts, label)
        self._count(batch, touched)
        ended = (batch.marks != NULL) & (batch.marks >= self._ends)
        regular = batch.received >= self._due
        chosen = range(len(self._books)) if regular else sorted({*touched, *np.flatnonzero(ended).tolist()})
        statements = [item for number in chosen for item in self._settle(number, int(batch.marks[number]))]
        self._marks = batch.marks
        if regular:
            self._due = batch.received // EVERY * EVERY + EVERY
        return (_rows(self._owner, statements),) if statements else ()

    def resume(self, known: Iterable[Interval]) -> None:
        """Have states that are known to hold in the books."""
        for interval in known:
            self._books[interval.machine].change(interval.ts, LABEL[interval.state])

    def _count(self, batch: Progress, touched: set[int]) -> None:
        for run in batch.timeline.before:
            self._count_run(run, -1, touched)
        for run in batch.timeline.runs:
            self._count_run(run, 1, touched)
        parts = batch.parts
        rows = zip(
            parts.ts.tolist(), parts.good.tolist(), parts.reject.tolist(), parts.review.tolist(), strict=True
        )
        for name, (ts, *judged) in zip(parts.machine.to_list(), rows, strict=True):
            number = self._number.get(name or "", -1)
            if number >= 0 and self._books[number].machine.counts == "parts":
                self._books[number].pace.part(ts)
                self._enter(number, ts, "", (judged[0], judged[1], judged[2]), touched)

    def _count_run(self, run: Run, sign: int, touched: set[int]) -> None:
        """Count a completed run's parts and its cycle, or, with -1, take them back."""
        books = self._books[run.machine]
        if run.completed and run.parts and books.machine.counts == "runs":
            cycle = Cycle(run.end, run.program or "", (run.end - run.ts) // run.parts)
            if sign > 0:
                books.pace.add(cycle)
            else:
                books.pace.take_back(cycle)
            self._enter(run.machine, run.end, cycle.program, (sign * run.parts, 0, 0), touched)

    def _enter(
        self, number: int, ts: int, program: str, parts: tuple[int, int, int], touched: set[int]
    ) -> None:
        books, mark = self._books[number], int(self._marks[number])
        books.touch(ts)
        account = next((item for item in books.accounts if item.span.start <= ts < item.span.end), None)
        if account is None:
            span = containing(books.machine.calendar, ts)
            if span is None or (mark != NULL and span.end + DAY <= mark) or books.former(span):
                return
            account = Account(span, closed=mark != NULL and span.end <= mark)
            books.accounts.append(account)
            books.accounts.sort(key=lambda item: item.span.start)
        account.count(program, parts)
        touched.add(number)

    def _settle(self, number: int, mark: int) -> list[Statement]:
        """State the accounts of a machine that changed up to its mark; open and close shifts."""
        books = self._books[number]
        if mark == NULL or not self._tells[number]:
            return []
        self._open(books, number, mark)
        statements = []
        for account in books.accounts:
            if account.span.start < mark:
                statements += _stated(books, number, account, mark)
        oldest = [item for item in books.accounts if item.span.end + DAY > mark or item.provisional]
        books.accounts = oldest
        floor = mark - books.machine.allowance
        books.settle(floor)
        since = min((item.span.start for item in oldest), default=mark)
        books.history.forget(min(since - books.machine.allowance, floor))
        return statements

    def _open(self, books: Books, number: int, mark: int) -> None:
        """See that there is an account for every shift from the last mark to this one, and the next."""
        since = int(self._marks[number]) if self._marks[number] != NULL else mark
        while mark >= self._ends[number]:
            span = upcoming(books.machine.calendar, since)
            if span is None:
                self._ends[number] = mark + DAY
                return
            if all(item.span != span for item in books.accounts) and not books.former(span):
                books.accounts.append(Account(span))
            self._ends[number] = since = span.end
        books.accounts.sort(key=lambda item: item.span.start)

    def snapshot(self) -> bytes:
        """Return the books of every machine."""
        books = {name: _saved(item) for name, item in zip(self._owner, self._books, strict=True)}
        marks = {name: int(mark) for name, mark in zip(self._owner, self._marks, strict=True)}
        ends = {name: int(end) for name, end in zip(self._owner, self._ends, strict=True)}
        return json.dumps({"due": self._due, "marks": marks, "ends": ends, "books": books}).encode()

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name. Shifts that were to begin, in no calendar now, never do."""
        saved = json.loads(state)
        self._due = saved["due"]
        for number, name in enumerate(self._owner):
            self._marks[number] = saved["marks"].get(name, NULL)
            self._ends[number] = saved["ends"].get(name, NULL)
            _load(self._books[number], saved["books"].get(name))
            if self._books[number].drop_unbegun(int(self._marks[number])):
                self._ends[number] = NULL


def _stated(books: Books, number: int, account: Account, mark: int) -> list[Statement]:
    """Return the account as a statement if it says something new."""
    limit = books.machine.minor_stop
    if account.closed and not account.stale and not account.provisional:
        return []
    account.stale = False
    account.closed |= mark >= account.span.end
    since = books.history.undecided(mark, limit)
    account.provisional = account.closed and since != NULL and since < account.span.end
    losses, parts = books.losses(account, mark), account.total()
    as_of, ideal = min(mark, account.span.end), books.ideal_cycle(account)
    told = (as_of, *(getattr(losses, item.name) for item in fields(losses)), *parts, ideal)
    if told == account.told:
        return []
    account.told = told
    account.version += 1
    return [Statement(number, account.span, account.version, as_of, losses, parts, ideal)]


def _saved(books: Books) -> dict[str, Any]:
    return {
        "starts": books.history.starts.tolist(),
        "labels": books.history.labels.tolist(),
        "accounts": [asdict(account) for account in books.accounts],
        "pace": asdict(books.pace),
    }


def _load(books: Books, saved: dict[str, Any] | None) -> None:
    if saved is None:
        saved = _saved(Books(books.machine))
    books.history = History(array("q", saved["starts"]), array("i", saved["labels"]))
    books.accounts = [_account(item) for item in saved["accounts"]]
    books.pace = _pace(saved["pace"])


def _pace(saved: dict[str, Any]) -> Pace:
    settled = {
        program: Cycles({int(middle): times for middle, times in item["bins"].items()}, item["best"])
        for program, item in saved["settled"].items()
    }
    recent = [Cycle(*item) for item in saved["recent"]]
    return Pace(settled, recent, saved["parts"], saved["last_part"])


def _account(saved: dict[str, Any]) -> Account:
    span = saved["span"]
    breaks = tuple((low, high) for low, high in span["breaks"])
    told = tuple(saved["told"])
    return Account(**(saved | {"span": Span(**(span | {"breaks": breaks})), "told": told}))


def _rows(owner: tuple[str, ...], statements: Sequence[Statement]) -> Rows:
    def column(values: Sequence[int]) -> Int64:
        return np.array(values, dtype=np.int64)

    machine = np.array([item.machine for item in statements], dtype=np.int32)
    columns: dict[str, Text | Int64] = {
        "machine": Text(owner, machine),
        "ts": column([item.span.start for item in statements]),
        "shift": Text.of([item.span.name for item in statements]),
        "version": column([item.version for item in statements]),
        "as_of": column([item.as_of for item in statements]),
        "calendar_us": column([item.losses.calendar for item in statements]),
    }
    for loss in fields(Losses):
        columns[f"{loss.name}_us"] = column([getattr(item.losses, loss.name) for item in statements])
    for place, name in enumerate(("good", "reject", "review")):
        columns[name] = column([item.parts[place] for item in statements])
    columns["ideal_cycle_us"] = column([item.ideal_cycle for item in statements])
    return Rows("oee", columns)

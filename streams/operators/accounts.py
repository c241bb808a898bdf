"""The books of one machine: its states since the oldest open shift, its shifts, its parts."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from kernels import intervals as kernel
from streams.calendar import Span, holds
from streams.catalog import STATES, Machine
from streams.oee import Losses
from streams.operators.cycles import Pace
from streams.records import NULL, Int32, Int64

NO_DATA, RUN, STOP, SETUP, PLANNED = range(len(STATES))
MINOR = len(STATES)
"""Label of a stop shorter than the machine's limit."""


@dataclass(slots=True)
class History:
    """A machine's states: state ``labels[i]`` holds from ``starts[i]`` to the next start."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("i"))

    def put(self, ts: int, label: int) -> None:
        """Have a state begin at a time, in place of one that began there."""
        self.withdraw(ts)
        at = bisect_left(self.starts, ts)
        self.starts.insert(at, ts)
        self.labels.insert(at, label)

    def withdraw(self, ts: int) -> None:
        """Have no state begin at a time: the one before goes on."""
        at = bisect_left(self.starts, ts)
        if at < len(self.starts) and self.starts[at] == ts:
            del self.starts[at], self.labels[at]

    def forget(self, before: int) -> None:
        """Drop states that ended at or before a time; one that others follow under its label is all one."""
        starts, _ = self._joined()
        ended = int(np.searchsorted(starts[1:], before, side="right"))
        if ended:
            gone = bisect_left(self.starts, int(starts[ended]))
            del self.starts[:gone], self.labels[:gone]

    def _joined(self) -> tuple[Int64, Int32]:
        start, label = np.array(self.starts, dtype=np.int64), np.array(self.labels, dtype=np.int32)
        fresh = np.append(True, label[1:] != label[:-1])[: len(label)]
        return start[fresh], label[fresh]

    def undecided(self, until: int, limit: int) -> int:
        """Return since when a stop lasts that may still turn out minor or not at ``until``; NULL if none."""
        starts, labels = self._joined()
        if not len(labels) or labels[-1] != STOP or until - starts[-1] >= limit:
            return NULL
        return int(starts[-1])

    def columns(self, until: int, limit: int) -> tuple[Int64, Int64, Int32]:
        """Return start, end and label of every state up to a time, short stops labelled `MINOR`."""
        start, label = self._joined()
        end = np.append(start, until)[1:]
        label[(label == STOP) & (end - start < limit)] = MINOR
        return start, end, label


@dataclass(slots=True)
class Account:
    """One shift of a machine: parts by program, and the ideal cycles that held at the end of the shift."""

    span: Span
    version: int = 0
    closed: bool = False
    provisional: bool = False
    """Whether a stop that reaches to the end may still turn out to be no minor one."""
    counts: dict[str, list[int]] = field(default_factory=dict)
    """Program -> parts good, rejected, under review."""
    frozen: bool = False
    """Whether no cycle can end in the shift any more: its ideal cycles stay as they are."""
    ideals: dict[str, int] = field(default_factory=dict)
    """Program -> ideal cycle, once frozen."""
    usual: int = NULL
    """Most frequent cycle of all programs, once frozen."""
    told: tuple[int, ...] = ()
    """The times and counts emitted last."""
    stale: bool = False
    """Whether parts or states came since."""

    def count(self, program: str, parts: tuple[int, int, int]) -> None:
        """Add parts, good, rejected and under review; numbers below zero take some back."""
        so_far = self.counts.pop(program, (0, 0, 0))
        sums = [a + b for a, b in zip(so_far, parts, strict=True)]
        if any(sums):
            self.counts[program] = sums
        self.stale = True

    def total(self) -> tuple[int, int, int]:
        """Return all parts, good, rejected and under review."""
        good, reject, review = (sum(parts[i] for parts in self.counts.values()) for i in range(3))
        return good, reject, review


@dataclass(slots=True)
class Books:
    """All that a machine's OEE rests on."""

    machine: Machine
    history: History = field(default_factory=History)
    accounts: list[Account] = field(default_factory=list)
    """Rising by start: closed ones that late parts may revise, the current one, later ones."""
    pace: Pace = field(default_factory=Pace)

    def change(self, ts: int, label: int | None) -> None:
        """Have a state begin, or, if None, not begin; shifts that it reaches into are to be stated anew."""
        if label is None:
            self.history.withdraw(ts)
        else:
            self.history.put(ts, label)
        self.touch(ts)

    def touch(self, ts: int) -> None:
        """Have shifts stated anew that end behind a time."""
        for account in self.accounts:
            account.stale |= ts < account.span.end

    def former(self, span: Span) -> bool:
        """Return whether a shift reaches into one that began by another calendar, and goes on."""
        return any(
            account.span.start < span.end and span.start < account.span.end
            for account in self.accounts
            if not holds(self.machine.calendar, account.span)
        )

    def drop_unbegun(self, mark: int) -> bool:
        """Drop shifts of another calendar that have not begun by a mark; say whether there were any."""
        kept = [
            item
            for item in self.accounts
            if item.span.start < mark or item.counts or holds(self.machine.calendar, item.span)
        ]
        dropped = len(kept) < len(self.accounts)
        self.accounts = kept
        return dropped

    def ideal(self, program: str, account: Account) -> int | None:
        """Return a program's ideal cycle: as configured, or what is most frequent up to the shift's end."""
        if self.machine.ideal_cycle is not None:
            return self.machine.ideal_cycle
        if account.frozen:
            return account.ideals.get(program) or self.pace.best(program)
        return self.pace.best(program, account.span.end)

    def settle(self, floor: int) -> None:
        """Freeze the cycles of shifts that end up to where nothing can come any more; keep the later ones."""
        for account in self.accounts:
            if account.span.end <= floor and not account.frozen:
                known = {program: self.ideal(program, account) for program in account.counts}
                account.ideals = {program: ideal for program, ideal in known.items() if ideal is not None}
                account.usual = self.pace.usual(account.span.end) or NULL
                account.frozen = True
        self.pace.settle(floor)

    def losses(self, account: Account, until: int) -> Losses:
        """Return where the shift's time went up to ``until``."""
        span, as_of = account.span, min(until, account.span.end)
        time = np.zeros(len(STATES) + 1, dtype=np.int64)
        start, end, label = self.history.columns(until, self.machine.minor_stop)
        working = span.working(as_of)
        for within in working:
            kernel.totals(start, end, label, within, time)
        spent = [int(item) for item in time]
        unknown = sum(high - low for low, high in working) - sum(spent)
        good, reject, review = self.ideal_times(account)
        return Losses(
            unscheduled=span.unscheduled(as_of),
            no_data=spent[NO_DATA] + unknown,
            planned_stop=spent[PLANNED],
            setup=spent[SETUP],
            unplanned_stop=spent[STOP],
            minor_stop=spent[MINOR],
            speed_loss=spent[RUN] - good - reject - review,
            reject_loss=reject,
            review_loss=review,
            effective=good,
        )

    def ideal_times(self, account: Account) -> tuple[int, int, int]:
        """Return the ideal time of the parts good, rejected and under review; 0 where no cycle is known."""
        times = [0, 0, 0]
        for program, parts in account.counts.items():
            ideal = self.ideal(program, account) or 0
            times = [so_far + ideal * number for so_far, number in zip(times, parts, strict=True)]
        return times[0], times[1], times[2]

    def ideal_cycle(self, account: Account) -> int:
        """Return the ideal time per part of the shift, over all its programs; NULL while none is known."""
        if self.machine.ideal_cycle is not None:
            return self.machine.ideal_cycle
        ideal, parts = sum(self.ideal_times(account)), sum(account.total())
        if parts:
            return ideal // parts if ideal else NULL
        return account.usual if account.frozen else self.pace.usual(account.span.end) or NULL

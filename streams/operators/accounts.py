"""The books of one machine: its states since the oldest open shift, its shifts, its parts."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from kernels import intervals as kernel
from streams.calendar import Span
from streams.catalog import STATES, Machine
from streams.oee import Losses
from streams.operators.cycles import Cycles
from streams.records import NULL, Int32, Int64

NO_DATA, RUN, STOP, SETUP, PLANNED = range(len(STATES))
MINOR = len(STATES)
"""Label of a stop shorter than the machine's limit."""


@dataclass(slots=True)
class History:
    """A machine's states: state ``labels[i]`` holds from ``starts[i]`` to the next start."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("i"))

    def change(self, ts: int, label: int) -> None:
        """Enter a state; times never fall, a state of the same time takes the other's place."""
        if self.starts and self.starts[-1] == ts:
            del self.starts[-1], self.labels[-1]
        if not self.labels or self.labels[-1] != label:
            self.starts.append(ts)
            self.labels.append(label)

    def forget(self, before: int) -> None:
        """Drop states that ended at or before a time."""
        ended = int(np.searchsorted(np.array(self.starts[1:], dtype=np.int64), before, side="right"))
        del self.starts[:ended], self.labels[:ended]

    def undecided(self, until: int, limit: int) -> int:
        """Return since when a stop lasts that may still turn out minor or not at ``until``; NULL if none."""
        if not self.labels or self.labels[-1] != STOP or until - self.starts[-1] >= limit:
            return NULL
        return self.starts[-1]

    def columns(self, until: int, limit: int) -> tuple[Int64, Int64, Int32]:
        """Return start, end and label of every state up to a time, short stops labelled `MINOR`."""
        start, label = np.array(self.starts, dtype=np.int64), np.array(self.labels, dtype=np.int32)
        end = np.append(start, until)[1:]
        label[(label == STOP) & (end - start < limit)] = MINOR
        return start, end, label


@dataclass(slots=True)
class Account:
    """One shift of a machine: parts by program, and the ideal cycles that held when the shift closed."""

    span: Span
    version: int = 0
    closed: bool = False
    provisional: bool = False
    """Whether a stop that reaches to the end may still turn out to be no minor one."""
    counts: dict[str, list[int]] = field(default_factory=dict)
    """Program -> parts good, rejected, under review."""
    ideals: dict[str, int] = field(default_factory=dict)
    """Program -> ideal cycle, frozen at the close."""
    told: tuple[int, ...] = ()
    """The times and counts emitted last."""
    stale: bool = False
    """Whether parts or states came since."""

    def count(self, program: str, parts: tuple[int, int, int]) -> None:
        """Add parts, good, rejected and under review."""
        so_far = self.counts.get(program, (0, 0, 0))
        self.counts[program] = [a + b for a, b in zip(so_far, parts, strict=True)]
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
    cycles: dict[str, Cycles] = field(default_factory=dict)
    last_part: int = NULL

    def change(self, ts: int, label: int) -> None:
        """Enter a state; closed shifts that it reaches into are to be stated anew."""
        self.history.change(ts, label)
        for account in self.accounts:
            account.stale |= ts < account.span.end

    def ideal(self, program: str, account: Account) -> int | None:
        """Return the ideal cycle of a program: as configured, as frozen, or as it is done most often."""
        if self.machine.ideal_cycle is not None:
            return self.machine.ideal_cycle
        frozen = account.ideals.get(program)
        return frozen if frozen is not None else self.cycles.get(program, Cycles()).best

    def freeze(self, account: Account) -> None:
        """Close an account: its ideal cycles stay as they are now."""
        account.closed = True
        known = {program: self.ideal(program, account) for program in account.counts}
        account.ideals = {program: ideal for program, ideal in known.items() if ideal is not None}

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
        known = [cycles for cycles in self.cycles.values() if cycles.best is not None]
        most = max(known, key=lambda cycles: cycles.bins[cycles.best or 0], default=Cycles())
        return NULL if most.best is None else most.best

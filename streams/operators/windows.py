"""Event-time windows of every numeric key: count, sum, minimum and maximum at several widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import windows as kernel
from kernels.windows import Ring, Spans
from streams.clock import HOUR, MINUTE, SECOND
from streams.operators import quarantine, rings
from streams.operators.arrays import pack, unpack
from streams.operators.batch import Flags, Keys, Step
from streams.operators.kept import Kept, Refill, chunk
from streams.operators.levels import Level, every, joined, none, once
from streams.operators.panes import Panes
from streams.records import NULL, Float64, Int32, Int64, Rows, Text

WIDTHS = (SECOND, MINUTE, HOUR)
EVERY = SECOND
"""How often, in stamps, closed panes are revised."""
BLOCK = 8192
"""Wide panes that are folded at a time."""
NO_PANES = Panes.empty()
NOT_LATE = np.empty(0, dtype=np.uint8)
"""The fates of numbers of which none is late."""


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """Rows of ``windows`` and ``quarantine``, and what became of the narrowest panes, by machine and time.

    ``closed`` closed, ``settled`` can change no more; ``revised`` (machines,) tells whose closed panes
    changed, and ``again`` holds all that these machines' closed and unsettled panes hold now.
    """

    rows: tuple[Rows, ...]
    closed: Panes
    settled: Panes
    again: Panes
    revised: NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class _Told:
    """What one entry changes, while it is found out."""

    emitted: list[Panes] = field(default_factory=list)
    closed: list[Panes] = field(default_factory=list)
    settled: list[Panes] = field(default_factory=list)
    revised: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """Columns in the order in which they are taken, and what became of each."""

    key: Int32
    ts: Int64
    value: Float64
    late: Flags

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> _Numbers:
        return _Numbers(self.key[rows], self.ts[rows], self.value[rows], self.late[rows])


class Windows:
    """Fold numbers into panes, each number once, in order of time, whatever the order in which they come.

    A machine's panes close when its watermark passes their end, and are kept for its ``allowance``. A
    number that is newer than all before it of its key is added to its pane; any other one, and any of
    a closed pane, has its pane folded anew from the numbers that are kept, at its close, or, when it is
    closed, once a second of stamps: then it is emitted again with the next version. Equal numbers of
    one key and time count once. A number later than the allowance is quarantined as ``late``.

    A wide pane is the fold of its narrow panes in order of time: those that can change no more lie in its
    ring, the others are folded behind them whenever it is told.

    A number further ahead than the ring reaches moves the panes on; the rest of its entry is then taken
    in the order of time.
    """

    name = "windows"
    version = 3

    def __init__(self, keys: Keys, widths: Sequence[int] = WIDTHS) -> None:
        if any(wide % narrow for narrow, wide in pairwise(widths)):
            raise ValueError(f"each width must be a multiple of the one before, unlike {tuple(widths)}")
        self._keys = keys
        self._disorder = keys.per_machine("disorder")
        self._allowance = keys.per_machine("allowance")
        reach = int((self._disorder + self._allowance).max(initial=0)) // widths[0] + 3
        self._levels = [
            self._level(width, reach if width == widths[0] else reach * widths[0] // width + 3)
            for width in widths
        ]
        self._newest = np.full(len(keys), NULL, dtype=np.int64)
        self._kept = Kept(keys, widths[0])
        self._refill: Refill | None = None
        self._dirty = none()
        self._due = NULL
        self._unmarked = NOT_LATE
        """Fates of an entry to come: 0, as long as no entry had a late number."""
        self.repeated = 0
        """Numbers that came again: counted, in no window twice."""

    def _level(self, width: int, slots: int) -> Level:
        unknown = np.full(len(self._keys.machines), NULL, dtype=np.int64)
        return Level(Ring.empty(width, slots, len(self._keys)), unknown, unknown.copy())

    @property
    def since(self) -> int | None:
        """The log position behind which a restart has to `remember` what this holds beside its snapshot."""
        return self._kept.since if self._refill is None else self._refill.since

    def update(self, step: Step) -> Windowed:
        """Take the numbers of one entry, then close what its watermarks have passed."""
        if self._refill is not None:
            self._resume(self._refill, step.position)
        told = _Told()
        late = self._take(step, told) if len(step.admitted) else NOT_LATE
        if step.received >= self._due and len(self._dirty[0]):
            self._due = step.received // EVERY * EVERY + EVERY
            key, pane = self._dirty
            self._revise(pane < self._levels[0].closed[self._keys.machine[key]], told)
        self._advance(step.marks, step.fronts, step.received, told)
        rows = [Panes.joined(told.emitted).rows(self._keys)] if told.emitted else []
        if late.max(initial=0) == kernel.TOO_LATE:
            rows.append(self._refused(step, np.flatnonzero(late == kernel.TOO_LATE)))
        revised = np.zeros(len(self._keys.machines), dtype=bool)
        revised[list(told.revised)] = True
        closed, settled = (Panes.joined(some) if some else NO_PANES for some in (told.closed, told.settled))
        return Windowed(tuple(rows), closed, settled, self._again(revised), revised)

    def remember(self, step: Step) -> None:
        """Take an entry from before the snapshot that was restored: only what is kept of it counts.

        All entries behind `since` are to be given, in order; where some are gone, panes that may hold
        numbers of theirs are not revised any more, and what is late for them is too late.
        """
        admitted = step.admitted
        if self._refill is not None:
            columns = admitted.key, admitted.ts, admitted.value
            self._refill.take(step.position, columns, step.newest)

    def _resume(self, refill: Refill, position: int) -> None:
        if refill.next != position:
            np.maximum.at(self._kept.missing, self._keys.machine, self._newest)
        self._refill = None

    def _take(self, step: Step, told: _Told) -> Flags:
        """Add the numbers of an entry; return what became of each, nothing where none is late."""
        admitted = step.admitted
        if len(self._unmarked) < len(admitted):
            self._unmarked = np.zeros(len(admitted), dtype=np.uint8)
        late = self._unmarked[: len(admitted)]
        numbers = _Numbers(admitted.key, admitted.ts, admitted.value, late)
        done = self._absorb(step, numbers, told, admitted.sweep)
        if done == len(late):
            return late if self._unmarked is NOT_LATE else NOT_LATE
        self._unmarked = NOT_LATE
        rest = done + np.argsort(admitted.ts[done:], kind="stable")
        numbers = numbers[rest]
        start = 0
        while start < len(rest):
            machine = self._keys.machine[numbers.key[start]]
            marks = np.full(len(self._keys.machines), NULL, dtype=np.int64)
            marks[machine] = numbers.ts[start] - self._disorder[machine]
            self._advance(marks, marks, step.received, told)
            start += self._absorb(step, numbers[start:], told)
        late[rest] = numbers.late
        return late

    def _absorb(self, step: Step, numbers: _Numbers, told: _Told, sweep: int = 0) -> int:
        """Add numbers while they fit, and return how many; note the panes of those that are late."""
        level = self._levels[0]
        end, marked = kernel.accumulate(
            level.ring,
            numbers.key,
            numbers.ts,
            numbers.value,
            group=self._keys.machine,
            oldest=level.oldest,
            closed=level.closed,
            newest=self._newest,
            late=numbers.late,
            sweep=sweep,
        )
        if not end:
            return 0
        if not self._kept.room(end):
            self._revise(np.ones(len(self._dirty[0]), dtype=bool), told)
            self._kept.make_room(end)
        taken = numbers if end == len(numbers.ts) else numbers[:end]
        if marked:
            self._unmarked = NOT_LATE
            self._note(taken)
        fates = taken.late if marked else NOT_LATE
        self._kept.add(chunk(step.position, (taken.key, taken.ts, taken.value), fates, step.newest))
        return end

    def _note(self, numbers: _Numbers) -> None:
        """Note the panes of late numbers; those of which some numbers are gone are too late."""
        rows, width = np.flatnonzero(numbers.late == kernel.LATE), self._levels[0].ring.width
        pane, machine = numbers.ts[rows] // width, self._keys.machine[numbers.key[rows]]
        lost = pane * width <= self._kept.missing[machine]
        numbers.late[rows[lost]] = kernel.TOO_LATE
        self._dirty = joined(self._dirty, (numbers.key[rows[~lost]], pane[~lost]))

    def _revise(self, which: NDArray[np.bool_], told: _Told) -> None:
        """Fold some of the noted panes anew; tell again those that are closed."""
        if not which.any():
            return
        level, (key, pane) = self._levels[0], self._dirty
        self._dirty = key[~which], pane[~which]
        key, pane = once(key[which], pane[which])
        cells, rows = self._kept.fold(level.ring, key, pane), level.ring.rows(key, pane)
        more = cells[:, 0] - level.ring.cells[rows, 0]
        self.repeated += int(np.count_nonzero(which) - more.sum())
        changed = more > 0
        key, pane, rows = key[changed], pane[changed], rows[changed]
        level.ring.cells[rows] = cells[changed]
        again = pane < level.closed[self._keys.machine[key]]
        if again.any():
            key, pane = key[again], pane[again]
            level.ring.version[rows[again]] += 1
            told.revised.update(np.unique(self._keys.machine[key]).tolist())
            told.emitted.append(Panes.taken(level.ring, key, pane))
            self._revise_wider(key, pane, told)

    def _revise_wider(self, key: Int32, pane: Int64, told: _Told) -> None:
        for number in range(1, len(self._levels)):
            level = self._levels[number]
            key, pane = once(key, pane * self._levels[number - 1].ring.width // level.ring.width)
            closed = pane < level.closed[self._keys.machine[key]]
            key, pane = key[closed], pane[closed]
            if not len(key):
                return
            level.ring.version[level.ring.rows(key, pane)] += 1
            told.emitted.append(self._panes(number, key, pane))

    def _again(self, revised: NDArray[np.bool_]) -> Panes:
        machines = np.flatnonzero(revised)
        if not len(machines):
            return NO_PANES
        level = self._levels[0]
        spans = level.spans(self._keys, machines, level.oldest[machines], level.closed[machines])
        return Panes.within(level.ring, spans)

    def _advance(self, marks: Int64, fronts: Int64, received: int, told: _Told) -> None:
        """Close panes that end by the marks; empty those further behind the fronts than the allowance."""
        first = self._levels[0]
        closing, leaving = marks // first.ring.width, (fronts - self._allowance) // first.ring.width
        moved = np.flatnonzero((marks != NULL) & ((closing > first.closed) | (leaving > first.oldest)))
        if not len(moved):
            return
        if len(self._dirty[0]):
            self._revise(self._pressing(marks, fronts), told)
        for number in range(len(self._levels)):
            panes = self._close(number, moved, marks[moved])
            if len(panes):
                told.emitted.append(panes)
                if not number:
                    told.closed.append(panes)
        for number in range(len(self._levels)):
            panes = self._forget(number, moved, fronts[moved])
            if len(panes) and not number:
                told.settled.append(panes)
        self._kept.forget(first.oldest, received)

    def _pressing(self, marks: Int64, fronts: Int64) -> NDArray[np.bool_]:
        """Tell which noted panes are to close, or to be forgotten, now."""
        level, (key, pane) = self._levels[0], self._dirty
        machine = self._keys.machine[key]
        mark = marks[machine]
        closing = (pane < mark // level.ring.width) & (pane >= level.closed[machine])
        leaving = pane < (fronts[machine] - self._allowance[machine]) // level.ring.width
        pressing: NDArray[np.bool_] = (mark != NULL) & (closing | leaving)
        return pressing

    def _close(self, number: int, moved: NDArray[np.intp], marks: Int64) -> Panes:
        level = self._levels[number]
        until = marks // level.ring.width
        further = until > level.closed[moved]
        if not further.any():
            return NO_PANES
        moved, until = moved[further], until[further]
        spans = level.spans(self._keys, moved, level.closed[moved], until)
        level.closed[moved] = until
        panes = self._wide(number, spans) if number else Panes.within(level.ring, spans)
        level.ring.version[level.ring.rows(panes.key, panes.pane)] = 1
        panes.version[:] = 1
        return panes

    def _wide(self, number: int, spans: Spans) -> Panes:
        panes = self._panes(number, *every(spans))
        return panes[panes.parts[:, 0] > 0]

    def _forget(self, number: int, moved: NDArray[np.intp], fronts: Int64) -> Panes:
        """Empty panes that can change no more, after adding them to the wider ones."""
        level = self._levels[number]
        oldest = (fronts - self._allowance[moved]) // level.ring.width
        further = oldest > level.oldest[moved]
        if not further.any():
            return NO_PANES
        moved, oldest = moved[further], oldest[further]
        spans = level.spans(self._keys, moved, level.oldest[moved], oldest)
        panes = Panes.within(level.ring, spans)
        if number + 1 < len(self._levels):
            wider = self._levels[number + 1].ring
            kernel.merge(wider, panes.key, panes.pane * level.ring.width // wider.width, panes.parts)
        kernel.clear(level.ring, spans)
        level.oldest[moved] = oldest
        return panes

    def _panes(self, number: int, key: Int32, pane: Int64) -> Panes:
        """Return panes of a level with what they hold: wide ones are folded, some at a time."""
        ring = self._levels[number].ring
        if not number:
            return Panes.taken(ring, key, pane)
        blocks = range(0, len(key), BLOCK)
        parts = [self._fold(number, key[at : at + BLOCK], pane[at : at + BLOCK]) for at in blocks]
        width = np.full(len(key), ring.width, dtype=np.int64)
        version = ring.version[ring.rows(key, pane)]
        return Panes(key, pane, width, version, np.concatenate(parts) if parts else np.empty((0, 4)))

    def _fold(self, number: int, key: Int32, pane: Int64) -> Float64:
        """Fold wide panes: what is settled of each, then its live narrow panes in order of time."""
        level, narrow = self._levels[number], self._levels[number - 1]
        cells: Float64 = level.ring.cells[level.ring.rows(key, pane)]
        ratio, oldest = level.ring.width // narrow.ring.width, narrow.oldest[self._keys.machine[key]]
        begin = np.maximum(pane * ratio, oldest)
        live = np.maximum(np.minimum((pane + 1) * ratio, oldest + narrow.ring.slots) - begin, 0)
        if number == 1:
            kernel.fold(narrow.ring, key, begin, live, cells)
            return cells
        own, place = np.repeat(np.arange(len(key)), live), np.cumsum(live) - live
        inner = self._panes(number - 1, key[own], begin[own] + np.arange(len(own)) - place[own])
        folded = Ring(1, max(len(own), 1), 1, inner.parts, inner.version)
        kernel.fold(folded, np.zeros(len(key), dtype=np.int32), place, live, cells)
        return cells

    def _refused(self, step: Step, rows: NDArray[np.intp]) -> Rows:
        readings = step.admitted[rows].readings(self._keys)
        return quarantine.refused(readings, Text.constant("late", len(rows)), step.received, step.producer)

    def snapshot(self) -> bytes:
        """Return the panes that hold anything, where every machine stands, and the panes noted."""
        facts = {
            "keys": self._keys.names,
            "machines": self._keys.owner,
            "rings": [(level.ring.width, level.ring.slots) for level in self._levels],
            "due": self._due,
            "since": self.since,
            "repeated": self.repeated,
        }
        return pack(self._arrays(), facts)

    def _arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for level in self._levels:
            yield f"{level.ring.width}.bounds", np.stack([level.oldest, level.closed])
            yield from rings.saved(level.ring, f"{level.ring.width}")
        yield "newest", self._newest
        yield "missing", self._kept.missing
        yield from zip(("dirty_key", "dirty_pane"), self._dirty, strict=True)

    def restore(self, state: bytes) -> None:
        """Go back; keys and machines are found by name. A ring is never smaller than the one saved.

        What is kept of the log's newest entries is given by `remember` then.
        """
        arrays, facts = unpack(state)
        names = {name: key for key, name in enumerate(self._keys.names)}
        machines = {name: number for number, name in enumerate(self._keys.owner)}
        key = np.array([names.get(tuple(name), -1) for name in facts["keys"]], dtype=np.int64)
        machine = np.array([machines.get(name, -1) for name in facts["machines"]], dtype=np.int64)
        here, slots = machine >= 0, dict(facts["rings"])
        for number, level in enumerate(self._levels):
            ring = level.ring
            wanted = max(ring.slots, slots.get(ring.width, 0))
            fresh = self._levels[number] = self._level(ring.width, wanted)
            if ring.width in slots:
                bounds = arrays[f"{ring.width}.bounds"][:, here]
                fresh.oldest[machine[here]], fresh.closed[machine[here]] = bounds
                rings.put_back(fresh, self._keys, key, slots[ring.width], arrays, f"{ring.width}")
        self._newest[:] = NULL
        self._newest[key[key >= 0]] = arrays["newest"][key >= 0]
        self._kept = Kept(self._keys, self._levels[0].ring.width)
        self._kept.missing[machine[here]] = arrays["missing"][here]
        self._refill = None if facts["since"] is None else Refill(self._kept, facts["since"])
        dirty = key[arrays["dirty_key"]]
        self._dirty = dirty[dirty >= 0].astype(np.int32), arrays["dirty_pane"][dirty >= 0]
        self._due, self.repeated = facts["due"], facts["repeated"]

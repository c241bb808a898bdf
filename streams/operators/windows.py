"""Event-time windows of every numeric key: count, sum, minimum and maximum at several widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kernels import windows as kernel
from kernels.windows import Ring, Spans
from streams.clock import HOUR, MINUTE, SECOND
from streams.operators import quarantine
from streams.operators.arrays import pack, unpack
from streams.operators.batch import Admitted, Flags, Keys, Step
from streams.operators.panes import Panes
from streams.records import NULL, Float64, Int32, Int64, Rows

WIDTHS = (SECOND, MINUTE, HOUR)
NO_PANES = Panes.empty()


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """Rows of ``windows`` and ``quarantine``, and the narrowest panes that closed, by machine and time."""

    rows: tuple[Rows, ...]
    closed: Panes


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """One width: its ring, and each machine's oldest live pane and first pane not closed yet."""

    ring: Ring
    oldest: Int64
    closed: Int64


class Windows:
    """Add readings to the narrowest panes; a pane that closes is emitted and added to the next wider one.

    A machine's panes close when its watermark passes their end, and are kept for its ``allowance``:
    a reading that comes meanwhile revises every closed pane it belongs to, which is emitted again with
    the next version. A reading later than that is quarantined as ``late``. A reading further ahead than
    the ring reaches moves the panes on; the rest of its entry is then taken in the order of time.
    """

    name = "windows"
    version = 1

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

    def _level(self, width: int, slots: int) -> _Level:
        unknown = np.full(len(self._keys.machines), NULL, dtype=np.int64)
        return _Level(Ring.empty(width, slots, len(self._keys)), unknown, unknown.copy())

    def update(self, step: Step) -> Windowed:
        """Take the readings of one entry, then close what its watermarks have passed."""
        revised: list[Panes] = []
        closed: list[list[Panes]] = []
        late = np.zeros(len(step.admitted), dtype=np.uint8)
        if len(step.admitted):
            self._take(step.admitted, late, revised, closed)
        self._advance(step.marks, closed)
        emitted = revised + [panes for levels in closed for panes in levels]
        rows = [Panes.joined(emitted).rows(self._keys)] if emitted else []
        gone = np.flatnonzero(late == kernel.TOO_LATE)
        if len(gone):
            rows.append(self._refused(step, gone))
        return Windowed(tuple(rows), Panes.joined([levels[0] for levels in closed]) if closed else NO_PANES)

    def _take(self, admitted: Admitted, late: Flags, revised: list[Panes], closed: list[list[Panes]]) -> None:
        key, ts, value = admitted.key, admitted.ts, admitted.value
        done = self._absorb(key, ts, value, late, 0, revised)
        if done == len(ts):
            return
        rest = done + np.argsort(ts[done:], kind="stable")
        key, ts, value, flags = key[rest], ts[rest], value[rest], late[rest]
        start = 0
        while start < len(ts):
            machine = self._keys.machine[key[start]]
            marks = np.full(len(self._keys.machines), NULL, dtype=np.int64)
            marks[machine] = ts[start] - self._disorder[machine]
            self._advance(marks, closed)
            start = self._absorb(key, ts, value, flags, start, revised)
        late[rest] = flags

    def _absorb(
        self, key: Int32, ts: Int64, value: Float64, late: Flags, start: int, revised: list[Panes]
    ) -> int:
        """Add readings from ``start`` on while they fit; carry late ones into wider panes."""
        end = self._add(0, key, ts, value, late, start)
        rows = start + np.flatnonzero(late[start:end] == kernel.LATE)
        for number, level in enumerate(self._levels):
            if not len(rows):
                break
            key, ts, value = key[rows], ts[rows], value[rows]
            if number:
                flags = np.zeros(len(ts), dtype=np.uint8)
                self._add(number, key, ts, value, flags, 0)
                key, ts, value = (column[flags == kernel.LATE] for column in (key, ts, value))
            if len(key):
                revised.append(_revised(level.ring, key, ts // level.ring.width))
            rows = np.arange(len(key))
        return end

    def _add(self, number: int, key: Int32, ts: Int64, value: Float64, late: Flags, start: int) -> int:
        level, group = self._levels[number], self._keys.machine
        return kernel.accumulate(
            level.ring,
            key,
            ts,
            value,
            group=group,
            oldest=level.oldest,
            closed=level.closed,
            late=late,
            start=start,
        )

    def _advance(self, marks: Int64, closed: list[list[Panes]]) -> None:
        """Close panes that end at or before the marks; empty those beyond the allowance."""
        first = self._levels[0]
        moved = np.flatnonzero((marks != NULL) & (marks // first.ring.width > first.closed))
        if not len(moved):
            return
        taken = [self._close(number, moved, marks[moved]) for number in range(len(self._levels))]
        if any(len(panes) for panes in taken):
            closed.append(taken)
        for level in self._levels:
            self._forget(level, moved, marks[moved])

    def _close(self, number: int, moved: NDArray[np.intp], marks: Int64) -> Panes:
        level = self._levels[number]
        until = marks // level.ring.width
        further = until > level.closed[moved]
        if not further.any():
            return NO_PANES
        moved, until = moved[further], until[further]
        key, pane = kernel.collect(level.ring, self._spans(level, moved, level.closed[moved], until))
        level.ring.version[level.ring.rows(key, pane)] = 1
        level.closed[moved] = until
        panes = Panes.taken(level.ring, key, pane)
        if number + 1 < len(self._levels):
            wider = self._levels[number + 1].ring
            kernel.merge(wider, key, pane * level.ring.width // wider.width, panes.parts)
        return panes

    def _forget(self, level: _Level, moved: NDArray[np.intp], marks: Int64) -> None:
        oldest = (marks - self._allowance[moved]) // level.ring.width
        further = oldest > level.oldest[moved]
        if further.any():
            moved, oldest = moved[further], oldest[further]
            kernel.clear(level.ring, self._spans(level, moved, level.oldest[moved], oldest))
            level.oldest[moved] = oldest

    def _spans(self, level: _Level, moved: NDArray[np.intp], begin: Int64, end: Int64) -> Spans:
        """Return the spans from ``begin`` to ``end`` within each machine's ring; none before its first."""
        known = begin != NULL
        last = np.where(known, level.oldest[moved] + level.ring.slots, NULL)
        until = np.maximum(np.minimum(end, last), begin)
        return Spans(self._keys.first[moved], self._keys.last[moved], begin, until)

    def _refused(self, step: Step, rows: NDArray[np.intp]) -> Rows:
        readings = step.admitted[rows].readings(self._keys)
        return quarantine.refused(readings, ["late"] * len(rows), step.received, step.producer)

    def snapshot(self) -> bytes:
        """Return the panes that hold anything, and where every machine stands."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for number, level in enumerate(self._levels):
            rows = np.flatnonzero(level.ring.version | (level.ring.cells[:, 0] > 0))
            arrays |= {
                f"row{number}": rows,
                f"cells{number}": level.ring.cells[rows],
                f"version{number}": level.ring.version[rows],
                f"bounds{number}": np.stack([level.oldest, level.closed]),
            }
        rings = [(level.ring.width, level.ring.slots) for level in self._levels]
        return pack(arrays, {"keys": self._keys.names, "machines": self._keys.owner, "rings": rings})

    def restore(self, state: bytes) -> None:
        """Go back; keys and machines are found by name, panes that no longer fit the ring are left out."""
        arrays, facts = unpack(state)
        names = {name: key for key, name in enumerate(self._keys.names)}
        machines = {name: number for number, name in enumerate(self._keys.owner)}
        key = np.array([names.get(tuple(name), -1) for name in facts["keys"]], dtype=np.int64)
        machine = np.array([machines.get(name, -1) for name in facts["machines"]], dtype=np.int64)
        saved = dict(facts["rings"])
        for number, level in enumerate(self._levels):
            fresh = self._level(level.ring.width, level.ring.slots)
            self._levels[number] = fresh
            if level.ring.width in saved:
                fields = [arrays[f"{name}{number}"] for name in ("row", "cells", "version", "bounds")]
                _put_back(fresh, self._keys, (key, machine), saved[level.ring.width], fields)


def _revised(ring: Ring, key: Int32, pane: Int64) -> Panes:
    """Count up the version of each pane once and take it."""
    order = np.lexsort((key, pane))
    key, pane = key[order], pane[order]
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (key[1:] != key[:-1]) | (pane[1:] != pane[:-1])
    key, pane = key[fresh], pane[fresh]
    ring.version[ring.rows(key, pane)] += 1
    return Panes.taken(ring, key, pane)


def _put_back(
    level: _Level, keys: Keys, found: tuple[Int64, Int64], slots: int, fields: list[NDArray[np.generic]]
) -> None:
    """Fill a fresh level from saved rows, whose ring had ``slots`` panes."""
    row, cells, version, bounds = fields
    key, machine = found
    here = machine >= 0
    level.oldest[machine[here]], level.closed[machine[here]] = bounds[:, here]
    slot, own = np.divmod(row, max(len(key), 1))
    fits = key[own] >= 0
    row_key, slot = key[own[fits]].astype(np.int32), slot[fits]
    oldest = level.oldest[keys.machine[row_key]]
    pane = oldest + (slot - oldest) % slots
    held = pane < oldest + level.ring.slots
    rows = level.ring.rows(row_key[held], pane[held])
    level.ring.cells[rows], level.ring.version[rows] = cells[fits][held], version[fits][held]

"""Clocks of the sources: how far receive stamps lie behind event times, how much that varies, what jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.clock import MINUTE, SECOND
from streams.operators.arrays import pack, unpack
from streams.operators.batch import Keys
from streams.operators.watermark import Heard
from streams.records import NULL, Int64, Rows, Text

KEPT = 128
"""Entries of a machine over which its clock is looked at."""
RECENT = 8
"""Entries that must agree before a clock is said to have jumped."""
LEAST = SECOND
"""The smallest jump that is told."""
LOW, HIGH = 5, 95
"""Percentiles of the delays: the least delayed readings tell the clock, the spread tells the way."""
EVERY = MINUTE
AHEAD = MINUTE


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """A machine's clock, microseconds: ``offset`` is the stamp less the event time of what comes soonest.

    It is positive where the clock is behind the plant's, or the way is long; negative where it is ahead.
    """

    machine: str
    offset: int
    jitter: int
    jumped: int | None
    """When it jumped last, by the stamps."""
    jump: int
    """How far, event times forward being positive."""


class Clocks:
    """Estimate each machine's clock every minute of stamps, from each entry's newest event time.

    The offset is a low percentile of the delays of the last entries, so that late readings do not move
    it; the jitter is the spread between a low and a high one. A clock has jumped when the newest entries
    all lie beyond what was usual, by more than a second and the jitter, and agree with each other: then
    the estimate begins anew with them. What is late after a broken link is no jump: it does not agree.
    """

    name = "clocks"
    version = 1

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        size = len(keys.machines)
        self._state = {
            "delays": np.zeros((size, KEPT), dtype=np.int64),
            "heard": np.zeros(size, dtype=np.int64),
            "low": np.full(size, NULL, dtype=np.int64),
            "high": np.full(size, NULL, dtype=np.int64),
            "streak": np.zeros(size, dtype=np.int64),
            "jumped": np.full(size, NULL, dtype=np.int64),
            "jump": np.zeros(size, dtype=np.int64),
        }
        self._due = NULL
        self.jumps = 0
        """How often any clock jumped."""

    @property
    def estimates(self) -> tuple[ClockEstimate, ...]:
        """What is known of every machine's clock that was heard often enough."""
        rows = zip(*(self._state[name].tolist() for name in ("low", "high", "jumped", "jump")), strict=True)
        return tuple(
            ClockEstimate(name, low, high - low, None if jumped == NULL else jumped, jump)
            for name, (low, high, jumped, jump) in zip(self._keys.owner, rows, strict=True)
            if low != NULL
        )

    def latest(self, received: int) -> Int64:
        """Return the latest event time (machines,) to be believed of an entry with a stamp.

        It is a minute, or the jitter, ahead of the plant's time, and as far on as the clock is known to be.
        """
        low, high = self._state["low"], self._state["high"]
        limit = received + np.maximum(high - low, AHEAD) + np.maximum(-low, 0)
        return np.where(low == NULL, np.iinfo(np.int64).max, limit)

    def update(self, batch: Heard) -> tuple[Rows, ...]:
        """Take one entry's newest times; return rows of ``clocks`` every minute, and of jumps at once."""
        told = np.flatnonzero(batch.newest != NULL)
        suspects = self._suspects(told, batch) if len(told) else []
        jumped = [number for number in suspects if self._has_jumped(number, batch.received)]
        regular = batch.received >= self._due
        if not regular and not jumped:
            return ()
        if regular:
            self._due = batch.received // EVERY * EVERY + EVERY
        known = np.flatnonzero(self._state["heard"] >= RECENT) if regular else np.array(jumped)
        for number in known.tolist():
            self._estimate(number)
        return (self._rows(known, batch.received, jumped),) if len(known) else ()

    def _suspects(self, told: NDArray[np.intp], batch: Heard) -> list[int]:
        """Take the delays of some machines; return those whose newest ones are all beyond the usual."""
        heard, streak = self._state["heard"], self._state["streak"]
        delay = batch.received - batch.newest[told]
        self._state["delays"][told, heard[told] % KEPT] = delay
        heard[told] += 1
        for number in told[heard[told] == RECENT].tolist():
            self._estimate(number)
        low, high = self._state["low"][told], self._state["high"][told]
        beyond = np.maximum(high - low, LEAST)
        side = np.where(
            low == NULL, 0, np.sign((delay > high + beyond).astype(np.int64) - (delay < low - beyond))
        )
        streak[told] = np.where(side * streak[told] > 0, streak[told] + side, side)
        found: list[int] = told[np.abs(streak[told]) >= RECENT].tolist()
        return found

    def _has_jumped(self, number: int, received: int) -> bool:
        state, heard = self._state, int(self._state["heard"][number])
        recent = state["delays"][number, np.arange(heard - RECENT, heard) % KEPT]
        low, high = int(state["low"][number]), int(state["high"][number])
        if recent.max() - recent.min() > max(LEAST, high - low):
            return False
        state["jumped"][number], state["jump"][number] = received, low - int(recent.min())
        state["delays"][number, :RECENT], state["heard"][number] = recent, RECENT
        state["streak"][number] = 0
        self.jumps += 1
        return True

    def _estimate(self, number: int) -> None:
        delays = np.sort(self._state["delays"][number, : min(int(self._state["heard"][number]), KEPT)])
        last = len(delays) - 1
        self._state["low"][number] = delays[last * LOW // 100]
        self._state["high"][number] = delays[last * HIGH // 100]

    def _rows(self, known: NDArray[np.intp], received: int, jumped: list[int]) -> Rows:
        low, high, jump = (self._state[name][known] for name in ("low", "high", "jump"))
        columns: dict[str, Text | Int64] = {
            "machine": self._keys.machine_names(known.astype(np.int32)),
            "ts": np.full(len(known), received, dtype=np.int64),
            "offset_us": low,
            "jitter_us": high - low,
            "jump_us": np.where(np.isin(known, jumped), jump, NULL),
        }
        return Rows("clocks", columns)

    def snapshot(self) -> bytes:
        """Return the delays of every machine, what follows from them, and its last jump."""
        facts = {"machines": self._keys.owner, "due": self._due, "jumps": self.jumps}
        return pack(self._state.items(), facts)

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        arrays, facts = unpack(state)
        rows = {name: row for row, name in enumerate(facts["machines"])}
        found = np.array([rows.get(name, -1) for name in self._keys.owner], dtype=np.int64)
        self._state = Clocks(self._keys)._state
        for name, column in self._state.items():
            column[found >= 0] = arrays[name][found[found >= 0]]
        self._due, self.jumps = facts["due"], facts["jumps"]

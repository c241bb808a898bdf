"""Clocks of the sources: how far receive stamps lie behind event times, how much that varies, what jumps."""

from __future__ import annotations

from dataclasses import dataclass, field

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
MOST = 1000
"""Clocks that are estimated at the most; one that was not heard of for the longest makes room."""


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """A source's clock as a machine's readings tell it, microseconds.

    ``offset`` is the stamp less the event time of what comes soonest: positive where the clock is behind
    the plant's, or the way is long; negative where it is ahead.
    """

    machine: str
    source: str
    offset: int
    jitter: int
    jumped: int | None
    """When it jumped last, by the stamps."""
    jump: int
    """How far, event times forward being positive."""


@dataclass(frozen=True, slots=True, eq=False)
class _Believed:
    """What the estimates of the clocks (clocks,) say; it holds until one of them changes."""

    ahead: Int64
    """(clocks + 1,) how far ahead of the stamps each is believed, the last for no clock; -1: not known."""
    best: Int64
    """(machines,) the furthest of each machine."""
    least: Int64
    """Delays below this are not usual,"""
    most: Int64
    """nor those above this."""
    leads: dict[str, Int64] = field(default_factory=dict)
    """Source -> how far ahead (machines,) it is believed."""


class Clocks:
    """Estimate the clock of each source of a machine every minute of stamps, from each entry's newest time.

    The offset is a low percentile of the delays of the last entries, so that late readings do not move
    it; the jitter is the spread between a low and a high one. A clock has jumped when the newest entries
    all lie beyond what was usual, by more than a second and the jitter, and agree with each other: then
    the estimate begins anew with them. What is late after a broken link is no jump: it does not agree.
    """

    name = "clocks"
    version = 2

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._state = fresh(0)
        self._pairs: list[tuple[str, int]] = []
        """Source and machine of each clock."""
        self._places: dict[str, Int64] = {}
        """Source -> its clock for each machine (machines,), -1 where there is none."""
        self._machine: Int64 = np.empty(0, dtype=np.int64)
        self._believed: _Believed | None = None
        self._due = NULL
        self.jumps = 0
        """How often any clock jumped."""

    @property
    def estimates(self) -> tuple[ClockEstimate, ...]:
        """What is known of every machine's clock that was heard often enough."""
        rows = zip(*(self._state[name].tolist() for name in ("low", "high", "jumped", "jump")), strict=True)
        return tuple(
            ClockEstimate(
                self._keys.owner[number], source, low, high - low, None if jumped == NULL else jumped, jump
            )
            for (source, number), (low, high, jumped, jump) in zip(self._pairs, rows, strict=True)
            if low != NULL
        )

    def latest(self, received: int, source: str) -> Int64:
        """Return the latest event time (machines,) to be believed of an entry of a source with a stamp.

        It is a minute, or the jitter, ahead of the plant's time, and as far on as the clock is known to be;
        of a source whose clock is not known yet, as far as any other of the machine.
        """
        lead = self._usual().leads.get(source)
        if lead is None:
            lead = self._lead_of(source)
        return np.where(lead >= 0, received + lead, np.iinfo(np.int64).max)

    def _usual(self) -> _Believed:
        """Return what the estimates say is usual; found anew when one of them has changed."""
        if self._believed is None:
            low, high = self._state["low"], self._state["high"]
            known, beyond = low != NULL, np.maximum(high - low, LEAST)
            ahead = np.where(known, np.maximum(high - low, AHEAD) + np.maximum(-low, 0), -1)
            best = self._none()
            np.maximum.at(best, self._machine, ahead)
            least = np.where(known, low - beyond, np.iinfo(np.int64).min)
            most = np.where(known, high + beyond, np.iinfo(np.int64).max)
            self._believed = _Believed(np.append(ahead, -1), best, least, most)
        return self._believed

    def _lead_of(self, source: str) -> Int64:
        usual = self._usual()
        own = usual.ahead[self._places.get(source, self._none())]
        lead: Int64 = np.where(own >= 0, own, usual.best)
        if source in self._places:
            usual.leads[source] = lead
        return lead

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
        """Take the delays of some machines; return clocks whose newest ones are all beyond the usual."""
        delay = batch.received - batch.newest[told]
        told = self._of(batch.source, told, batch.received)
        heard, streak = self._state["heard"], self._state["streak"]
        self._state["delays"][told, heard[told] % KEPT] = delay
        heard[told] += 1
        for number in told[heard[told] == RECENT].tolist():
            self._estimate(number)
        usual, before = self._usual(), streak[told]
        late, early = delay > usual.most[told], delay < usual.least[told]
        if not (late.any() or early.any() or before.any()):
            return []
        side = late.astype(np.int64) - early
        streak[told] = np.where(side * before > 0, before + side, side)
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
        last, self._believed = len(delays) - 1, None
        self._state["low"][number] = delays[last * LOW // 100]
        self._state["high"][number] = delays[last * HIGH // 100]

    def _rows(self, known: NDArray[np.intp], received: int, jumped: list[int]) -> Rows:
        low, high, jump = (self._state[name][known] for name in ("low", "high", "jump"))
        columns: dict[str, Text | Int64] = {
            "machine": self._keys.machine_names(self._machine[known].astype(np.int32)),
            "source": Text.of([self._pairs[row][0] for row in known.tolist()]),
            "ts": np.full(len(known), received, dtype=np.int64),
            "offset_us": low,
            "jitter_us": high - low,
            "jump_us": np.where(np.isin(known, jumped), jump, NULL),
        }
        return Rows("clocks", columns)

    def _of(self, source: str, machines: NDArray[np.intp], received: int) -> NDArray[np.intp]:
        """Return the clocks of a source for some machines, which are heard of now; new ones begin."""
        known = self._places[source][machines] if source in self._places else self._none()[machines]
        if (known >= 0).all():
            self._state["last"][known] = received
        else:
            self._state["last"][known[known >= 0]] = received
            new = [(source, number) for number in machines[known < 0].tolist()]
            most = max(MOST, 2 * len(self._keys.machines)) - len(new)
            kept = np.sort(np.argsort(-self._state["last"], kind="stable")[:most])
            self._take([*(self._pairs[row] for row in kept.tolist()), *new], kept)
            known = self._places[source][machines]
            self._state["last"][known] = received
        return known.astype(np.intp, copy=False)

    def _take(self, pairs: list[tuple[str, int]], kept: NDArray[np.intp]) -> None:
        """Go on with these clocks: those kept first, the others know nothing yet."""
        more = fresh(len(pairs) - len(kept))
        self._state = {name: np.concatenate([self._state[name][kept], more[name]]) for name in more}
        self._pairs, self._believed = pairs, None
        self._machine = np.array([number for _, number in pairs], dtype=np.int64)
        self._places = {source: self._none() for source, _ in pairs}
        for row, (source, number) in enumerate(pairs):
            self._places[source][number] = row

    def _none(self) -> Int64:
        return np.full(len(self._keys.machines), -1, dtype=np.int64)

    def snapshot(self) -> bytes:
        """Return the delays of every clock, what follows from them, and its last jump."""
        pairs = [(source, self._keys.owner[number]) for source, number in self._pairs]
        facts = {"pairs": pairs, "due": self._due, "jumps": self.jumps}
        return pack(self._state.items(), facts)

    def restore(self, state: bytes) -> None:
        """Go back; machines are found by name."""
        self._state, facts = unpack(state)
        numbers = {name: number for number, name in enumerate(self._keys.owner)}
        found = [row for row, (_, owner) in enumerate(facts["pairs"]) if owner in numbers]
        pairs = [(source, numbers[owner]) for source, owner in facts["pairs"] if owner in numbers]
        self._take(pairs, np.array(found, dtype=np.intp))
        self._due, self.jumps = facts["due"], facts["jumps"]


def fresh(size: int) -> dict[str, Int64]:
    """Return what is known of so many clocks that were never heard of."""
    return {
        "delays": np.zeros((size, KEPT), dtype=np.int64),
        "heard": np.zeros(size, dtype=np.int64),
        "last": np.full(size, NULL, dtype=np.int64),
        "low": np.full(size, NULL, dtype=np.int64),
        "high": np.full(size, NULL, dtype=np.int64),
        "streak": np.zeros(size, dtype=np.int64),
        "jumped": np.full(size, NULL, dtype=np.int64),
        "jump": np.zeros(size, dtype=np.int64),
    }

"""The true course of a machine: what it does, phase after phase, without end and without gaps."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from streams.calendar import Span, upcoming
from streams.clock import HOUR, MINUTE, SECOND
from streams.simulate.bearing import Life, fitted
from streams.simulate.model import (
    ACTIVE,
    BREAK,
    HOLD,
    OFF_SHIFT,
    READY,
    SETUP,
    UNAVAILABLE,
    WAIT,
    Fault,
    Model,
    Program,
    Range,
)

WARM_UP = 2 * HOUR
SCATTER = 0.003
"""Standard deviation of what a cycle takes beyond its ideal, as a share of it."""
WORN_BY = 0.004
"""What a worn-out tool adds to a cycle."""
REPAIR_SPREAD = 0.35
REFIT_MIN = 40.0
"""Median time in which a new bearing is fitted."""
BEARING_TEXT = "bearing seized, interlock open"
SHORTEST_REPAIR = 6 * MINUTE
"""Longer than a minor stop."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What a machine does in [``start``, ``end``), microseconds UTC."""

    start: int
    end: int
    state: str
    word: str
    """What its execution says."""
    program: Program
    life: Life
    """The bearing that turns."""
    wear: float
    """How worn the tool is at the start, 0 to 1."""
    part: int = 0
    """Number of the part that is being made, 0 where none is."""
    done: bool = False
    """Whether the part is finished when the phase ends."""
    text: str = ""
    """What its condition says of a breakdown."""


class Course:
    """Draw a machine's course from a seed and the time at which it began.

    Parameters
    ----------
    model
        What the machine is like; its name goes into the seed, so that no machine depends on another.
    seed
        Another seed is another shop.
    origin
        Time at which the course begins, microseconds UTC.
    """

    def __init__(self, model: Model, seed: int, origin: int) -> None:
        self._model = model
        self._rng = np.random.default_rng((seed, zlib.crc32(model.name.encode())))
        self._now = origin
        self._span: Span | None = None
        self._operated = self._cut = 0
        """Microseconds run in all, and with this tool."""
        self._fails = [self._failure(fault) for fault in model.faults]
        self._life = fitted(self._rng, origin, model.wearing, first=True)
        self._program = model.programs[0]
        self._part = self._slow_parts = 0
        self._slow = 1.0

    def phases(self) -> Iterator[Phase]:
        """Yield what the machine does."""
        first = int(self._rng.integers(len(self._model.programs)))
        for program in cycle(self._model.programs[first:] + self._model.programs[:first]):
            self._program = program
            yield self._stay("setup", SETUP, self._model.setup_s)
            for _ in range(int(self._rng.integers(*self._model.lot))):
                yield from self._duties()
                yield from self._change_tool()
                yield from self._make()
                yield self._stay("stop", READY, self._model.loading_s)
                yield from self._hitch()

    def _phase(
        self, length: int, state: str, word: str, *, part: int = 0, done: bool = False, text: str = ""
    ) -> Phase:
        start, self._now = self._now, self._now + length
        return Phase(
            start,
            self._now,
            state,
            word,
            self._program,
            self._life,
            self._wear,
            part=part,
            done=done,
            text=text,
        )

    @property
    def _wear(self) -> float:
        return min(self._cut / (self._model.tool.life_min * MINUTE), 1.0)

    def _stay(self, state: str, word: str, lasts_s: Range) -> Phase:
        return self._phase(int(self._rng.uniform(*lasts_s) * SECOND), state, word)

    def _duties(self) -> Iterator[Phase]:
        """Rest through breaks, planned stops and the time between shifts; somebody must then come back."""
        while (duty := self._duty()) is not None:
            word, end = duty
            yield self._phase(end - self._now, "planned_stop", word)
            yield self._stay("stop", WAIT, (5.0, 60.0))

    def _duty(self) -> tuple[str, int] | None:
        """Return what is planned now instead of production, and until when."""
        if self._span is None or self._now >= self._span.end:
            self._span = upcoming(self._model.calendar, self._now)
        span = self._span
        if span is None or self._now < span.start:
            return OFF_SHIFT, self._now + HOUR if span is None else span.start
        planned = [(BREAK, low, high) for low, high in span.breaks]
        for duty in self._model.duties:
            low = span.start + duty.after_min * MINUTE
            planned.append((duty.word, low, low + duty.lasts_min * MINUTE))
        return next(((word, high) for word, low, high in planned if low <= self._now < high), None)

    def _change_tool(self) -> Iterator[Phase]:
        if self._cut >= self._model.tool.life_min * MINUTE:
            yield self._stay("setup", self._model.tool.word, self._model.tool.change_s)
            self._cut = 0

    def _make(self) -> Iterator[Phase]:
        """Make one part; a breakdown on the way scraps it."""
        if self._life.trip <= self._now:
            yield self._seized()
        self._part += 1
        steps = self._steps(self._cycle())
        for number, (word, length) in enumerate(steps, start=1):
            runs = min(length, self._until_breakdown()) if word == ACTIVE else length
            if runs:
                yield self._work(word, runs, done=runs == length and number == len(steps))
            if runs < length:
                yield self._broken()
                return

    def _work(self, word: str, length: int, done: bool) -> Phase:
        phase = self._phase(length, "run", word, part=self._part, done=done)
        if word == ACTIVE:
            self._operated += length
            self._cut += length
        return phase

    def _cycle(self) -> int:
        """Return how long the next cycle takes."""
        if self._slow_parts == 0 and self._rng.random() < self._model.slow:
            self._slow_parts = int(self._rng.integers(*self._model.slow_parts))
            self._slow = self._rng.uniform(*self._model.slow_by)
        slow, self._slow_parts = (self._slow if self._slow_parts else 1.0), max(self._slow_parts - 1, 0)
        beyond = 1 + abs(self._rng.normal(0, SCATTER)) + self._wear**2 * WORN_BY
        return int(self._program.cycle_s * SECOND * beyond * slow)

    def _steps(self, length: int) -> list[tuple[str, int]]:
        """Cut a cycle into its steps: a feed hold comes somewhere in the middle."""
        if self._rng.random() >= self._model.hold:
            return [(ACTIVE, length)]
        before = int(length * self._rng.uniform(0.2, 0.8))
        held = int(self._rng.uniform(*self._model.hold_s) * SECOND)
        return [(ACTIVE, before), (HOLD, held), (ACTIVE, length - before)]

    def _until_breakdown(self) -> int:
        """Return how long the machine can still run."""
        return max(0, min([self._life.trip - self._now, *(due - self._operated for due in self._fails)]))

    def _broken(self) -> Phase:
        """Stand until what failed is repaired."""
        due = min(self._fails, default=self._operated + 1)
        if self._life.trip <= self._now or due > self._operated:
            return self._seized()
        number = self._fails.index(due)
        fault = self._model.faults[number]
        repair = self._phase(self._repair(fault.repair_min), "stop", fault.word, text=fault.text)
        self._fails[number] = self._operated + self._failure(fault)
        return repair

    def _seized(self) -> Phase:
        """Stand until a new bearing is fitted."""
        model = self._model
        repair = self._phase(self._repair(REFIT_MIN), "stop", model.breakdown, text=BEARING_TEXT)
        self._life = fitted(self._rng, self._now, model.wearing)
        return repair

    def _hitch(self) -> Iterator[Phase]:
        """Tell what goes wrong between two parts, which is mostly nothing."""
        luck = float(self._rng.random())
        if luck < self._model.silence:
            yield self._stay("no_data", UNAVAILABLE, self._model.silence_s)
            yield self._stay("stop", READY, self._model.loading_s)
            return
        luck -= self._model.silence
        for minor in self._model.minors:
            if 0 <= luck < minor.chance:
                yield self._stay("stop", minor.word, minor.lasts_s)
            luck -= minor.chance

    def _failure(self, fault: Fault) -> int:
        """Draw the running time after which a fault comes."""
        return int(fault.life_h * HOUR * self._rng.weibull(fault.shape)) + 1

    def _repair(self, median_min: float) -> int:
        drawn = int(median_min * MINUTE * self._rng.lognormal(0, REPAIR_SPREAD))
        return max(SHORTEST_REPAIR, drawn)


def phases(model: Model, seed: int, start: int) -> Iterator[Phase]:
    """Yield the phases of a machine that has been at work for `WARM_UP` when the simulation begins."""
    for phase in Course(model, seed, start - WARM_UP).phases():
        if phase.end > start:
            yield replace(phase, start=max(phase.start, start))

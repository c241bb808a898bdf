"""A machine that cuts parts, stops and fails, as the lines of its MTConnect adapter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from streams.clock import DAY, MINUTE, SECOND

Line = tuple[int, bytes]
"""A line of an MTConnect adapter without its line end, and the plant time at which it is sent."""

TEXT_TAGS = ("avail", "execution", "mode", "program", "system_cond")
LOAD_TAGS = ("Sload", "Xload", "Zload", "Srpm", "Fact", "Stemp")
BREAKS = ((2 * 60, 2 * 60 + 20), (10 * 60, 10 * 60 + 20), (18 * 60, 18 * 60 + 20))
"""When nobody starts a part: minutes after midnight UTC."""


@dataclass(frozen=True, slots=True)
class Program:
    """A part program: its cycle in seconds, spindle speed, feed and load in per cent of the cut."""

    name: str
    cycle_s: float
    rpm: float
    feed: float
    load: float


PROGRAMS = (
    Program("bracket-10", 58.0, 3200.0, 820.0, 38.0),
    Program("flange-20", 95.0, 2100.0, 610.0, 55.0),
    Program("collar-30", 41.0, 4100.0, 950.0, 29.0),
)


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a machine does what keeps it from cutting; chances are per part."""

    loading_s: tuple[float, float] = (5.0, 9.0)
    lot: tuple[int, int] = (25, 70)
    """Parts until the next program is set up."""
    setup_s: tuple[float, float] = (300.0, 900.0)
    hold: float = 0.05
    hold_s: tuple[float, float] = (4.0, 15.0)
    minor: float = 0.06
    minor_s: tuple[float, float] = (30.0, 150.0)
    failure: float = 0.006
    failure_s: tuple[float, float] = (480.0, 2400.0)
    silence: float = 0.003
    """The adapter loses its machine."""
    silence_s: tuple[float, float] = (120.0, 400.0)


def machine_tags() -> list[tuple[str, bool]]:
    """Return name and whether numeric of every tag that `machine_lines` speaks of."""
    return [(name, False) for name in TEXT_TAGS] + [(name, True) for name in LOAD_TAGS]


def machine_lines(
    start: int, seed: int = 1, *, sample_s: float = 1.0, habits: Habits | None = None
) -> Iterator[Line]:
    """Yield the endless lines of one machine, in the order of their times.

    Parameters
    ----------
    start
        Plant time of the first line, microseconds UTC.
    seed
        Another seed is another machine.
    sample_s
        Seconds between two samples of loads and temperature.
    """
    return _Machine(start, seed, int(sample_s * SECOND), habits or Habits()).lines()


def stamp(ts: int) -> str:
    """Write a time as adapters do: ``2026-05-11T06:00:00.000000Z``."""
    moment = datetime.fromtimestamp(ts // SECOND, UTC).replace(microsecond=ts % SECOND)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def line(ts: int, *pairs: tuple[str, object]) -> Line:
    """Return one line of key and value pairs."""
    return ts, "|".join([stamp(ts), *(f"{key}|{value}" for key, value in pairs)]).encode()


@dataclass(slots=True)
class _Machine:
    """The machine's course: a clock that moves on as lines are told."""

    now: int
    seed: int
    sample: int
    habits: Habits
    rng: np.random.Generator = field(init=False)
    temperature: float = 24.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def lines(self) -> Iterator[Line]:
        yield line(self.now, ("avail", "AVAILABLE"), ("mode", "AUTOMATIC"))
        yield self.condition("NORMAL", "")
        number = int(self.rng.integers(len(PROGRAMS)))
        while True:
            yield from self.lot(PROGRAMS[number % len(PROGRAMS)])
            yield from self.setup()
            number += 1

    def lot(self, program: Program) -> Iterator[Line]:
        yield line(self.now, ("program", program.name))
        for _ in range(int(self.rng.integers(*self.habits.lot))):
            yield from self.cut(program)
            yield from self.ready(self.spell(self.habits.loading_s))
            yield from self.mishap()
            yield from self.rest()

    def setup(self) -> Iterator[Line]:
        yield line(self.now, ("mode", "MANUAL"))
        yield from self.ready(self.spell(self.habits.setup_s))
        yield line(self.now, ("mode", "AUTOMATIC"))

    def cut(self, program: Program) -> Iterator[Line]:
        end = self.now + int(program.cycle_s * SECOND * (1 + self.rng.normal(0, 0.004)))
        hold = self.now + (end - self.now) // 2 if self.rng.random() < self.habits.hold else None
        yield line(self.now, ("execution", "ACTIVE"))
        yield from self.samples(hold or end, program)
        if hold is not None:
            yield from self.pause("FEED_HOLD", self.spell(self.habits.hold_s))
            yield line(self.now, ("execution", "ACTIVE"))
            yield from self.samples(self.now + end - hold, program)
        yield line(self.now, ("execution", "READY"))

    def ready(self, length: int) -> Iterator[Line]:
        yield from self.samples(self.now + length, None)

    def pause(self, word: str, length: int) -> Iterator[Line]:
        yield line(self.now, ("execution", word))
        yield from self.samples(self.now + length, None)

    def mishap(self) -> Iterator[Line]:
        """Tell what goes wrong between two parts, which is mostly nothing."""
        habits, luck = self.habits, float(self.rng.random())
        if luck < habits.silence:
            yield line(self.now, ("avail", "UNAVAILABLE"), ("execution", "UNAVAILABLE"))
            self.now += self.spell(habits.silence_s)
            yield line(self.now, ("avail", "AVAILABLE"), ("execution", "READY"))
        elif luck < habits.silence + habits.failure:
            yield self.condition("FAULT", "spindle drive overload")
            yield from self.pause("STOPPED", self.spell(habits.failure_s))
            yield self.condition("NORMAL", "")
            yield line(self.now, ("execution", "READY"))
        elif luck < habits.silence + habits.failure + habits.minor:
            yield from self.ready(self.spell(habits.minor_s))

    def rest(self) -> Iterator[Line]:
        """Wait until a break is over."""
        minute = self.now % DAY // MINUTE
        for start, end in BREAKS:
            if start <= minute < end:
                yield from self.ready(self.now // DAY * DAY + end * MINUTE - self.now)

    def samples(self, end: int, program: Program | None) -> Iterator[Line]:
        """Tell loads and temperature until ``end``; the clock stands there afterwards."""
        while self.now + self.sample < end:
            self.now += self.sample
            yield line(self.now, *self.loads(program))
        self.now = end

    def loads(self, program: Program | None) -> list[tuple[str, str]]:
        goal = 24.0 if program is None else 24.0 + program.load * 0.6
        self.temperature += (goal - self.temperature) * self.sample / (8 * MINUTE)
        wobble = self.rng.normal(0, 1, len(LOAD_TAGS))
        cut = (0.0,) * 5 if program is None else _cut(program)
        values = [*(level * (1 + 0.06 * noise) for level, noise in zip(cut, wobble, strict=False))]
        values.append(self.temperature + 0.1 * wobble[-1])
        return [(name, f"{value:.3f}") for name, value in zip(LOAD_TAGS, values, strict=True)]

    def condition(self, level: str, text: str) -> Line:
        ts, raw = line(self.now, ("system_cond", level))
        return ts, raw + f"|||{'' if not text else 'HIGH'}|{text}".encode()

    def spell(self, span: tuple[float, float]) -> int:
        return int(self.rng.uniform(*span) * SECOND)


def _cut(program: Program) -> tuple[float, float, float, float, float]:
    return program.load, program.load * 0.5, program.load * 0.3, program.rpm, program.feed

"""What is true of a simulated machine: recomputed from the seed, never read from the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from streams.calendar import Span
from streams.clock import SECOND
from streams.oee import Losses
from streams.records import Float64, Int64
from streams.simulate.bearing import Life
from streams.simulate.course import Phase, phases
from streams.simulate.model import Model
from streams.simulate.shop import SHOP


@dataclass(frozen=True, slots=True)
class Stretch:
    """A state and the machine's word for it in [``start``, ``end``)."""

    start: int
    end: int
    state: str
    word: str


@dataclass(frozen=True, slots=True)
class Run:
    """The making of one part: finished, or broken off."""

    start: int
    end: int
    program: str
    ideal: int
    """Ideal cycle, microseconds."""
    finished: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A breakdown and its repair."""

    start: int
    end: int
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class MachineTruth:
    """The truth of one machine in [``start``, ``end``), all in the order of time."""

    model: Model
    start: int
    end: int
    stretches: tuple[Stretch, ...]
    runs: tuple[Run, ...]
    """Those that ended before ``end``; one that was under way at ``start`` begins there."""
    failures: tuple[Failure, ...]
    lives: tuple[Life, ...]
    """The bearings of its auxiliary, one after the other."""

    def damage(self, ts: Int64) -> Float64:
        """Return the damage of the bearing that is fitted at some times, 0 (sound) to 1 (tripped)."""
        fitted = np.searchsorted([life.born for life in self.lives[1:]], ts, side="right")
        by_life = np.stack([life.damage(ts) for life in self.lives])
        chosen: Float64 = by_life[fitted, np.arange(len(ts))]
        return chosen

    def finished(self, since: int, until: int) -> list[Run]:
        """Return the runs that were finished in [since, until)."""
        return [run for run in self.runs if run.finished and since <= run.end < until]

    def losses(self, span: Span, until: int, minor_stop: int) -> Losses:
        """Return where a shift's time went up to ``until``, every finished part a good one.

        Parameters
        ----------
        minor_stop
            Microseconds from which a stop is no minor one; a stop is judged as a whole.
        """
        as_of = min(until, span.end)
        spent = dict.fromkeys(("run", "setup", "planned_stop", "no_data", "minor", "stop"), 0)
        working = span.working(as_of)
        for item in _judged(self.stretches, until, minor_stop):
            spent[item.state] += sum(_overlap(item, low, high) for low, high in working)
        known = sum(spent.values())
        ideal = sum(run.ideal for run in self.finished(span.start, as_of))
        return Losses(
            unscheduled=span.unscheduled(as_of),
            no_data=spent["no_data"] + sum(high - low for low, high in working) - known,
            planned_stop=spent["planned_stop"],
            setup=spent["setup"],
            unplanned_stop=spent["stop"],
            minor_stop=spent["minor"],
            speed_loss=spent["run"] - ideal,
            effective=ideal,
        )


def truth(seed: int, start: int, end: int, shop: Iterable[Model] = SHOP) -> dict[str, MachineTruth]:
    """Return what is true of every machine from the simulation's ``start`` to ``end``, microseconds UTC.

    It does not depend on how fast the simulation was played, nor on how often numbers were sampled.
    """
    return {model.name: machine_truth(model, seed, start, end) for model in shop}


def machine_truth(model: Model, seed: int, start: int, end: int) -> MachineTruth:
    """Return what is true of one machine."""
    course = list(takewhile(lambda phase: phase.start < end, phases(model, seed, start)))
    return MachineTruth(
        model=model,
        start=start,
        end=end,
        stretches=tuple(_stretches(course, end)),
        runs=tuple(run for run in _runs(course, model.judged_s) if run.end < end),
        failures=tuple(_failures(course, end)),
        lives=tuple(dict.fromkeys(phase.life for phase in course)),
    )


def finishes(model: Model, seed: int, start: int) -> Iterator[tuple[int, int]]:
    """Yield number and time of every part that a machine finishes, without end."""
    for phase in phases(model, seed, start):
        if phase.done:
            yield phase.part, phase.end


def _stretches(course: Sequence[Phase], end: int) -> Iterator[Stretch]:
    """Unite neighbours in which the machine says the same."""
    last: Stretch | None = None
    for phase in course:
        until = min(phase.end, end)
        if last is not None and (last.state, last.word) == (phase.state, phase.word):
            last = replace(last, end=until)
            continue
        if last is not None:
            yield last
        last = Stretch(phase.start, until, phase.state, phase.word)
    if last is not None:
        yield last


def _runs(course: Sequence[Phase], judged_s: int | None) -> Iterator[Run]:
    begun: int | None = None
    for phase, after in zip(course, [*course[1:], None], strict=True):
        if not phase.part:
            continue
        begun = phase.start if begun is None else begun
        if after is None or after.part != phase.part:
            ideal = (judged_s or phase.program.cycle_s) * SECOND
            yield Run(begun, phase.end, phase.program.name, ideal, phase.done)
            begun = None


def _failures(course: Sequence[Phase], end: int) -> Iterator[Failure]:
    return (
        Failure(phase.start, min(phase.end, end), phase.word, phase.text) for phase in course if phase.text
    )


def _judged(stretches: Sequence[Stretch], until: int, minor_stop: int) -> Iterator[Stretch]:
    """Yield what lies before ``until``, stops as wholes, short ones as ``minor``."""
    whole: list[Stretch] = []
    for item in stretches:
        if item.start >= until:
            break
        if whole and whole[-1].state == item.state == "stop":
            whole[-1] = replace(whole[-1], end=item.end)
        else:
            whole.append(item)
    for item in whole:
        cut = replace(item, end=min(item.end, until))
        minor = cut.state == "stop" and cut.end - cut.start < minor_stop
        yield replace(cut, state="minor") if minor else cut


def _overlap(item: Stretch, low: int, high: int) -> int:
    return max(0, min(item.end, high) - max(item.start, low))

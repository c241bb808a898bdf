"""How right the chain was about a simulated machine: what it said beside what is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from streams.calendar import containing
from streams.clock import DAY, MINUTE, SECOND
from streams.oee import Losses
from streams.records import Float64, Int64
from streams.simulate.truth import MachineTruth, Stretch

RAISED_AFTER = 6
"""So many scores in a row above the threshold raise an alarm, so many in a row below it end it."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the chain says of a shift: where its time went, and parts good, rejected, under review."""

    ts: int
    """Start of the shift."""
    as_of: int
    losses: Losses
    parts: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the chain said of one machine up to ``until``, all in the order of time."""

    until: int
    states: tuple[Stretch, ...]
    finished: tuple[int, ...]
    """When completed runs ended."""
    accounts: tuple[Account, ...]
    ts: Int64
    """(n,) times of the anomaly scores."""
    scores: Float64
    """(n,) score less threshold: an alarm where it is positive."""


@dataclass(frozen=True, slots=True)
class ShiftScore:
    """Availability times effectiveness of a shift, as said and as true: OEE, but for the quality of parts.

    Whether parts were judged rightly is measured where they are judged.
    """

    shift: str
    ts: int
    as_of: int
    said: float | None
    true: float | None
    parts_said: int
    parts_true: int


@dataclass(frozen=True, slots=True)
class Score:
    """How right the chain was about one machine."""

    machine: str
    days: float
    """Machine-days compared."""
    states_wrong_s: float
    """Time in which another state was said than the true one."""
    states_unknown_s: float
    """Time in which nothing was known of a machine that did tell: the connection was lost."""
    runs_said: int
    runs_true: int
    shifts: tuple[ShiftScore, ...]
    leads_min: tuple[float, ...]
    """For each bearing that seized after an alarm: how long before."""
    missed: int
    """Bearings that seized without an alarm."""
    false_alarms: int
    """Alarms while the bearing was sound."""

    @property
    def false_alarms_per_day(self) -> float:
        """Return false alarms per machine-day."""
        return self.false_alarms / self.days if self.days else 0.0


def score(truth: MachineTruth, seen: Observed) -> Score:
    """Compare; what the chain has not come to yet does not count."""
    until = min(seen.until, truth.end)
    wrong, unknown = differing(truth.stretches, seen.states, truth.start, until)
    alarms = [ts for ts in raised(seen.ts, seen.scores) if ts < until]
    caught = {ts: life for ts in alarms for life in truth.lives if life.onset <= ts < life.trip}
    seized = [life for life in truth.lives if life.trip < until]
    first = {life: min(ts for ts in caught if caught[ts] == life) for life in caught.values()}
    return Score(
        machine=truth.model.name,
        days=(until - truth.start) / DAY,
        states_wrong_s=wrong / SECOND,
        states_unknown_s=unknown / SECOND,
        runs_said=sum(ts < until for ts in seen.finished),
        runs_true=len(truth.finished(truth.start, until)),
        shifts=tuple(shift_scores(truth, seen)),
        leads_min=tuple((life.trip - first[life]) / MINUTE for life in seized if life in first),
        missed=sum(life not in first for life in seized),
        false_alarms=len(alarms) - len(caught),
    )


def shift_scores(truth: MachineTruth, seen: Observed) -> Iterator[ShiftScore]:
    """Yield the shifts for which there is an account."""
    machine = truth.model.machine()
    for account in seen.accounts:
        span = containing(machine.calendar, account.ts)
        if span is None or account.as_of > truth.end or span.end <= truth.start:
            continue
        true = truth.losses(span, account.as_of, machine.minor_stop)
        parts = len(truth.finished(span.start, account.as_of))
        said, held = _held(account.losses), _held(true)
        yield ShiftScore(span.name, span.start, account.as_of, said, held, sum(account.parts), parts)


def differing(true: Sequence[Stretch], said: Sequence[Stretch], since: int, until: int) -> tuple[int, int]:
    """Return microseconds in which another state was said than the true one, and in which none was known."""
    edges = sorted({since, until, *_edges(true, since, until), *_edges(said, since, until)})
    wrong = unknown = 0
    for (low, high), right, told in zip(pairwise(edges), _at(true, edges), _at(said, edges), strict=False):
        if right != told and told in ("", "no_data"):
            unknown += high - low
        elif right != told:
            wrong += high - low
    return wrong, unknown


def raised(ts: Int64, above: Float64) -> Iterator[int]:
    """Yield when alarms are raised."""
    row, alarm = 0, False
    for moment, over in zip(ts.tolist(), (above > 0).tolist(), strict=True):
        row = row + 1 if over != alarm else 0
        if row == RAISED_AFTER:
            row, alarm = 0, over
            if alarm:
                yield moment


def _held(losses: Losses) -> float | None:
    return losses.ideal / losses.busy if losses.busy else None


def _edges(stretches: Sequence[Stretch], since: int, until: int) -> list[int]:
    return [ts for item in stretches for ts in (item.start, item.end) if since < ts < until]


def _at(stretches: Sequence[Stretch], edges: Sequence[int]) -> Iterator[str]:
    """Yield the state from each edge on, "" where there is none."""
    left = iter(stretches)
    item = next(left, None)
    for ts in edges:
        while item is not None and item.end <= ts:
            item = next(left, None)
        yield item.state if item is not None and item.start <= ts else ""

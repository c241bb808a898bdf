"""What is told of one machine's alarms, and taken back where late readings make its scores others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from streams import events
from streams.clock import MINUTE, SECOND
from streams.events import Event
from streams.records import NULL

APART = MINUTE
"""An alarm goes on while the next score above the threshold follows within this, as in `anomaly_alarms`."""
WIDTH = SECOND
"""Scores are of so long: one that begins at a mark is known so much later."""
FORGETS = 10 * SECOND
"""How often, in a machine's time, what can change no more is left."""
NEVER = int(np.iinfo(np.int64).max)


class Above(NamedTuple):
    """A score above its threshold, the tag that explains most of it, and its share."""

    score: float
    threshold: float
    tag: str
    share: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """Its first and last score above the threshold, how many there are, the highest."""

    began: int
    last: int
    scores: int
    peak: float

    def longer(self, ts: int, score: float) -> Alarm:
        """Return it with one more score, behind all that it has."""
        return replace(self, last=ts, scores=self.scores + 1, peak=max(self.peak, score))


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an alarm that begins at one time, and as what it was said to have ended last."""

    stands: bool = False
    withdrawn: int = 0
    endings: int = 0
    ended: Alarm | None = None


class Alarms:
    """Tell when a machine's alarms begin and end, and take back what late readings undo.

    An alarm is known by its beginning: one that begins elsewhere than was told is withdrawn, and told from
    there. An ending is told again when it moves, and once more, when nothing can change any more, if
    the scores were others. Scores that can change no more are kept as the alarm that they end in alone. A
    score that is newer than all before it is added to the last alarm; any other has all made anew.

    Parameters
    ----------
    allowance : how far behind the machine's mark a score may change, microseconds.
    """

    def __init__(self, machine: str, allowance: int) -> None:
        self._machine, self._allowance = machine, allowance
        self._settled: Alarm | None = None
        self._scores: dict[int, Above] = {}
        self._told: dict[int, Told] = {}
        self._alarms: list[Alarm] = []
        self._stale = False
        self._sure = NULL
        self.due = NEVER
        """The mark from which on there is something to tell, or to forget."""

    def take(self, ts: int, score: Above | None) -> None:
        """Take what the score of a time is now; None: not above its threshold."""
        if self._settled is not None and ts <= self._settled.last:
            return
        if score is None:
            self._stale |= self._scores.pop(ts, None) is not None
            return
        self._scores[ts] = score
        self._stale |= bool(self._alarms) and ts <= self._alarms[-1].last
        if not self._stale:
            _extend(self._alarms, ts, score.score)

    def tell(self, mark: int) -> Iterator[Event]:
        """Tell what follows from all that was taken, and from the time that has passed."""
        settled = (mark - self._allowance) // WIDTH * WIDTH
        if self._stale:
            self._make_anew()
        for began in sorted(self._told.keys() - {alarm.began for alarm in self._alarms}):
            yield from self._withdrawn(began)
        for alarm in self._alarms:
            yield from self._begun(alarm.began)
            yield from self._ended(alarm, mark, settled)
        if settled >= self._sure + FORGETS:
            self._settle(settled)
        self.due = min(self._dues(), default=NEVER)

    def _make_anew(self) -> None:
        self._alarms, self._stale = _alarms(self._settled, self._scores), False

    def _withdrawn(self, began: int) -> Iterator[Event]:
        told = self._told[began]
        if told.stands:
            yield events.alarm_withdrawn(self._machine, began, told.withdrawn)
            self._told[began] = Told(withdrawn=told.withdrawn + 1, endings=told.endings)

    def _begun(self, began: int) -> Iterator[Event]:
        told = self._told.get(began, Told())
        if not told.stands:
            score = self._scores[began]
            yield events.alarm_began(self._machine, began, **score._asdict(), again=told.withdrawn)
            self._told[began] = replace(told, stands=True)

    def _ended(self, alarm: Alarm, mark: int, settled: int) -> Iterator[Event]:
        told = self._told[alarm.began]
        if mark < alarm.last + APART + WIDTH or told.ended == alarm:
            return
        moved = told.ended is None or told.ended.last != alarm.last
        if moved or alarm.last + APART < settled:
            yield events.alarm_ended(self._machine, **asdict(alarm), again=told.endings)
            self._told[alarm.began] = replace(told, endings=told.endings + 1, ended=alarm)

    def _settle(self, settled: int) -> None:
        """Forget what can change no more, but for the alarm that may still go on."""
        sure = {ts: score for ts, score in self._scores.items() if ts < settled}
        last = _alarms(self._settled, sure)[-1:]
        self._settled = last[0] if last and last[0].last + APART >= settled else None
        self._scores = {ts: score for ts, score in self._scores.items() if ts >= settled}
        on = NEVER if self._settled is None else self._settled.began
        self._told = {began: told for began, told in self._told.items() if began >= settled or began == on}
        self._sure = settled if self._told else NULL
        self._make_anew()

    def _dues(self) -> Iterator[int]:
        """Yield when each alarm is over, or sure, or to be forgotten; when what was withdrawn is."""
        alarms = {alarm.began: alarm for alarm in self._alarms}
        for began, told in self._told.items():
            if (alarm := alarms.get(began)) is None:
                yield began + WIDTH + self._allowance + FORGETS
            elif told.ended is None or told.ended.last != alarm.last:
                yield alarm.last + APART + WIDTH
            else:
                forgets = FORGETS if told.ended == alarm else 0
                yield alarm.last + APART + WIDTH + self._allowance + forgets

    def snapshot(self) -> dict[str, Any] | None:
        """Return what is known, as JSON takes it; None: nothing."""
        if not self._told:
            return None
        return {
            "settled": None if self._settled is None else asdict(self._settled),
            "scores": [[ts, *score] for ts, score in sorted(self._scores.items())],
            "told": [[began, asdict(told)] for began, told in sorted(self._told.items())],
            "sure": self._sure,
            "due": self.due,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back."""
        self._settled = None if saved["settled"] is None else Alarm(**saved["settled"])
        self._scores = {ts: Above(*score) for ts, *score in saved["scores"]}
        self._told = {began: _told(item) for began, item in saved["told"]}
        self._sure, self.due = saved["sure"], saved["due"]
        self._make_anew()

    def restore_lasting(self, saved: Mapping[str, Any]) -> None:
        """Go on with an alarm that lasts, as version 3 of the outbox kept it: what it has is sure."""
        self._settled = Alarm(**saved)
        self._told = {self._settled.began: Told(stands=True)}
        self._make_anew()
        self.due = min(self._dues())


def _alarms(before: Alarm | None, scores: Mapping[int, Above]) -> list[Alarm]:
    """Return the alarms that scores make, by time, behind the one before them."""
    found = [] if before is None else [before]
    for ts, above in sorted(scores.items()):
        _extend(found, ts, above.score)
    return found


def _extend(alarms: list[Alarm], ts: int, score: float) -> None:
    """Add a score behind all that alarms have: to the last one, or as another."""
    if alarms and ts - alarms[-1].last <= APART:
        alarms[-1] = alarms[-1].longer(ts, score)
    else:
        alarms.append(Alarm(ts, ts, 1, score))


def _told(saved: Mapping[str, Any]) -> Told:
    ended = saved["ended"]
    return Told(**{**saved, "ended": None if ended is None else Alarm(**ended)})

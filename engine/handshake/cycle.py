"""One part's cycle between PLC and station, as a pure state machine: signals and time in, signals out.

    IDLE --trigger--> BUSY --answer--> ANSWERED --acknowledge--> CLEARING --both signals down--> IDLE

A part that is triggered is answered exactly once, so early that the PLC has it within its time: what nobody
has judged by then is NG on the line. An OK is answered only where it was judged OK in time and nothing
spoiled the part. No clock, thread or socket: times are seconds of a monotonic clock that the caller brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.handshake.reasons import NOT_READY, PLC_AWAY, TIME_OUT, TRIGGERED_AGAIN, Doubt
from vision.records import Outcome

LOOKS = 3
"""Looks at the PLC that a time-out is early by: the trigger may have stood for one before it was seen, one
may pass until the time-out is noticed, and one is left for what takes longer than the last time."""
REMEMBERED = 64
"""Cycles whose end is remembered for verdicts that come after it."""


class State(StrEnum):
    """How far a cycle is."""

    IDLE = "idle"
    BUSY = "busy"
    ANSWERED = "answered"
    CLEARING = "clearing"


class Kind(StrEnum):
    """What happened."""

    BEGUN = "begun"
    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    TRIGGERED_AGAIN = "triggered_again"
    ACKNOWLEDGED_AGAIN = "acknowledged_again"
    UNACKNOWLEDGED = "unacknowledged"
    """The time for it is over; the answer stays as long as the PLC holds its trigger."""
    WITHDRAWN = "withdrawn"
    """The answer was taken back, though nobody had acknowledged it."""
    STUCK = "stuck"
    """The PLC does not lower its trigger or acknowledge."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened in which cycle."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How a cycle was answered; ``doubt`` says why otherwise than it was judged."""

    outcome: Outcome
    doubt: Doubt | None
    seconds: float
    """From its trigger on."""


class Cycle:
    """The cycles of one station, one after another.

    Parameters
    ----------
    cycle_s
        Seconds within which a trigger must be answered.
    acknowledge_s
        Seconds that the PLC may take to acknowledge, and then to lower its signals.
    """

    def __init__(self, cycle_s: float, acknowledge_s: float) -> None:
        self.cycle_s, self._acknowledge_s = cycle_s, acknowledge_s
        self.state = State.CLEARING
        self.number = 0
        """Of the cycle that is open, or was last."""
        self.due = 0.0
        """When the answer of the open cycle must be on its way."""
        self.began = 0.0
        """When the trigger of the open cycle was seen."""
        self.hindered = ""
        """Why no part may be triggered; empty when one may."""
        self._since = self._looked = self._way_s = 0.0
        self._told_late = self._put = False
        self._trigger: bool | None = None
        self._acknowledge: bool | None = None
        self._answers: dict[int, Answer] = {}
        self._events: list[Event] = []

    @property
    def ready(self) -> bool:
        """Whether a part may be triggered now."""
        return self.state is State.IDLE and not self.hindered and not self._trigger and not self._acknowledge

    @property
    def answer(self) -> Answer | None:
        """Return what the line is told now."""
        return self._answers[self.number] if self.state is State.ANSWERED else None

    def answered(self, number: int) -> Answer | None:
        """Return how a cycle was answered; None while it is open, or when it is long ago."""
        return self._answers.get(number)

    def events(self) -> list[Event]:
        """Return what happened since this was asked last."""
        events, self._events = self._events, []
        return events

    def see(self, trigger: bool, acknowledge: bool, now: float) -> None:
        """Take what the PLC says now."""
        first = self._trigger is None
        raised = trigger and self._trigger is False
        taken = acknowledge and self._acknowledge is False
        self._trigger, self._acknowledge = trigger, acknowledge
        if first:
            self._back(now)
        if taken:
            self._taken(now)
        self.tick(now)
        if raised:
            self._raised(now)
        self._looked = now

    def judged(self, number: int, outcome: Outcome, now: float) -> None:
        """Take what is said of a cycle's part; the first word, in time, is its answer."""
        self.tick(now)
        if number == self.number and self.state is State.BUSY:
            self._say(outcome, None, now)

    def spoil(self, number: int, doubt: Doubt, now: float) -> None:
        """Answer at once, never OK: whatever the model says, nobody knows that this part is good."""
        self.tick(now)
        if number == self.number and self.state is State.BUSY:
            self._say(doubt.reason.answer, doubt, now)

    def tick(self, now: float) -> None:
        """Let time pass."""
        if self.state is State.BUSY and now >= self.due:
            self._say(Outcome.NG, Doubt(TIME_OUT, f"{self.cycle_s:g}"), now)
        if self.state is State.CLEARING and self._trigger is False and self._acknowledge is False:
            self.state = State.IDLE
        if self.state in {State.ANSWERED, State.CLEARING} and self._trigger is not None:
            self._overdue(now)

    def away(self, now: float) -> None:
        """Take note that the PLC cannot be heard: a part that it waits for is spoiled, its levels unknown."""
        self.spoil(self.number, Doubt(PLC_AWAY), now)
        if self.state is State.ANSWERED and not self._put:
            self._replace(Doubt(PLC_AWAY))
        elif self.state is State.IDLE:
            self.state = State.CLEARING
        self._trigger = self._acknowledge = None

    def put(self, now: float) -> Answer | None:
        """Return what to tell the line now; an answer whose time ran out on its way is NG, too."""
        self.tick(now)
        if self.state is State.ANSWERED and not self._put and now >= self.due:
            self._replace(Doubt(TIME_OUT, f"{self.cycle_s:g}"))
        return self.answer

    def wrote(self, seconds: float) -> None:
        """Take note how long it took to write to the PLC: answers go out so much earlier."""
        self._way_s = seconds

    def was_put(self, said: Answer | None) -> bool:
        """Take note that the PLC has what `put` returned; True when this answer is new to it."""
        if said is None or self._put or self.answer is not said:
            return False
        self._put = True
        return True

    def _raised(self, now: float) -> None:
        """Begin a cycle; in an open one nobody knows any more which part the pictures show."""
        if self.state is State.BUSY:
            self._happened(Kind.TRIGGERED_AGAIN)
            self.spoil(self.number, Doubt(TRIGGERED_AGAIN), now)
            return
        why = self._unready()
        if self.state is State.ANSWERED:
            self._happened(Kind.WITHDRAWN)
        self.number += 1
        self.state, self.began, self.due = State.BUSY, now, now + self.cycle_s - self._early(now)
        self._happened(Kind.BEGUN)
        if why:
            self._say(Outcome.NG, Doubt(NOT_READY, why), now)

    def _early(self, now: float) -> float:
        """Return how much before its time an answer must be on its way; half of the time is the most."""
        return min(LOOKS * (now - self._looked) + self._way_s, self.cycle_s / 2)

    def _unready(self) -> str:
        """Say why a part may not be triggered."""
        if self.state is not State.IDLE:
            return "the part before is not done with"
        return self.hindered.rstrip(".") or ("the acknowledge is still there" if self._acknowledge else "")

    def _taken(self, now: float) -> None:
        if self.state is State.ANSWERED:
            self._clear(Kind.ACKNOWLEDGED, now)
        else:
            self._happened(Kind.ACKNOWLEDGED_AGAIN)

    def _clear(self, kind: Kind, now: float) -> None:
        self.state, self._since, self._told_late = State.CLEARING, now, False
        self._happened(kind)

    def _back(self, now: float) -> None:
        """Hear the PLC again: it took the answer meanwhile, still waits for it, or knows of none."""
        self._since, self._told_late = now, False
        if self.state is State.ANSWERED and (self._acknowledge or not self._trigger):
            self._clear(Kind.ACKNOWLEDGED if self._acknowledge else Kind.WITHDRAWN, now)

    def _overdue(self, now: float) -> None:
        """Say once that the PLC takes too long; an answer that it no longer waits for is taken back."""
        if now < self._since + self._acknowledge_s:
            return
        waits = self.state is State.ANSWERED
        if not self._told_late:
            self._told_late = True
            self._happened(Kind.UNACKNOWLEDGED if waits else Kind.STUCK)
        if waits and not self._trigger:
            self._clear(Kind.WITHDRAWN, now)

    def _happened(self, kind: Kind) -> None:
        self._events.append(Event(kind, self.number))

    def _say(self, outcome: Outcome, doubt: Doubt | None, now: float) -> None:
        self.state, self._since = State.ANSWERED, now
        self._told_late = self._put = False
        self._happened(Kind.ANSWERED)
        self._answers[self.number] = Answer(outcome, doubt, now - self.began)
        self._answers.pop(self.number - REMEMBERED, None)

    def _replace(self, doubt: Doubt) -> None:
        """Make an answer that the PLC does not have yet NG; one that is NG already stays as it is."""
        said = self._answers[self.number]
        if said.outcome is not Outcome.NG:
            self._answers[self.number] = Answer(Outcome.NG, doubt, said.seconds)

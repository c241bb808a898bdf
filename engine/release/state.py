"""Whether a station may judge: pure steps from one state to the next, each telling what happened.

A station is released for what it was released on (`Basis`): another shift, part number, model, recipe,
camera or lamp asks for master parts again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.release.events import (
    BLOCKED,
    BYPASS_BEGAN,
    BYPASS_ENDED,
    FAILED,
    MASTER,
    PASSED,
    Event,
)
from streams.clock import SECOND

DAY_S = 86_400.0
"""Seconds that a bypass lasts at the most."""
REMEMBERED = 64
"""Orders."""
TIME_IS_UP = "its time is up"
FIRST = "no master part was judged here yet"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a release holds for; the hashes are SHA-256."""

    part_number: str = ""
    recipe: str = ""
    model: str = ""
    cameras: str = ""
    light: str = ""
    shift: str = ""
    """Name and start of the shift; empty where there are no shifts."""

    def change(self, before: Basis) -> str:
        """Return what is another than before, in words."""
        if self.part_number != before.part_number:
            return f"changeover to {self.part_number}"
        what = [
            name for name in ("recipe", "model", "cameras", "light") if self.told(name) != before.told(name)
        ]
        if what:
            return f"changed: {', '.join(what)}"
        return f"shift {self.shift.rpartition(' ')[0]} began"

    def told(self, name: str) -> str:
        """Return one of its facts."""
        return str(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Bypass:
    """Parts go by without being inspected until a time, because a person said so."""

    person: str
    reason: str
    until: int
    lasts_s: float = DAY_S
    """How long it was ordered for."""
    ends_s: float = 0.0
    """When that time is over, in seconds of `uptime`: no correction of the clock makes it longer."""
    boot: str = ""
    """Which start of the PC that is counted from."""

    def anchored(self, now: int, uptime: float, boot: str) -> Bypass:
        """Return it as a start of the PC counts: another one than before knows no more than the clock."""
        if self.boot == boot:
            return self
        left = min(self.lasts_s, (self.until - now) / SECOND)
        return replace(self, ends_s=uptime + left, boot=boot)

    def bounded(self, now: int, uptime: float) -> Bypass:
        """Return it with its end as the clock tells it now; sooner, where the clock was set back."""
        end = now + round((self.ends_s - uptime) * SECOND)
        return replace(self, until=end) if end <= self.until - SECOND else self


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that the station took, by when it was given, and what it did."""

    given: int
    done: str
    """``blocked``, ``bypassed``, ``ended``, or ``nothing``: there was no bypass to end."""


@dataclass(frozen=True, slots=True)
class State:
    """A station's release at one moment; ``pending`` are events that the log may not have yet."""

    station: str
    number: int = 0
    basis: Basis | None = None
    cause: str = FIRST
    """Why the station is blocked; empty: it is released."""
    seen: tuple[str, ...] = ()
    """Master parts that were judged as expected since it was blocked, or passed last."""
    passed: dict[str, int] = field(default_factory=dict)
    """When each part number's master parts passed last; the masters of one prove nothing of another.

    Under "" what a file of before told of all of them."""
    bypass: Bypass | None = None
    taken: tuple[Taken, ...] = ()
    """The latest orders that it took, the newest last: each is taken once, whatever the clock says."""
    pending: tuple[Event, ...] = field(default=())

    @property
    def released(self) -> bool:
        """Whether what it says of parts counts."""
        return not self.cause

    def done(self, given: int) -> str:
        """Return what was done about an order; empty: it was not taken."""
        return next((order.done for order in self.taken if order.given == given), "")

    def passed_at(self, part_number: str) -> int:
        """Return when a part number's master parts passed last, 0 for never."""
        return self.passed.get(part_number, self.passed.get("", 0))

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain values, for a file."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> State:
        """Read plain values.

        Raises
        ------
        TypeError, KeyError
            They are no state.
        """
        basis, bypass, passed = plain.pop("basis"), plain.pop("bypass"), plain.pop("passed")
        pending = tuple(Event(**item) for item in plain.pop("pending"))
        plain.pop("ordered", None)  # of a file of before: no order of then lies there any more
        taken = tuple(Taken(**item) for item in plain.pop("taken", ()))
        return cls(
            **plain | {"seen": tuple(plain["seen"])},
            basis=Basis(**basis) if basis else None,
            bypass=Bypass(**bypass) if bypass else None,
            passed=passed if isinstance(passed, dict) else {"": passed},
            taken=taken,
            pending=pending,
        )


def tell(state: State, now: int, event: str, reason: str, **more: Any) -> State:
    """Return the state with one more event."""
    basis = state.basis or Basis()
    number = max(state.number + 1, now)
    said = Event(state.station, number, now, event, basis.part_number, basis.recipe, reason, **more)
    return replace(state, number=number, pending=(*state.pending, said))


def watch(state: State, now: int, basis: Basis) -> State:
    """Return the state after a look at the plant: what changed blocks, a bypass whose time is up ends."""
    state = lapse(state, now)
    if state.basis == basis:
        return state
    cause = FIRST if state.basis is None else basis.change(state.basis)
    return block(replace(state, basis=basis), now, cause)


def watch_free(state: State, now: int, basis: Basis) -> State:
    """Return the state after a look at what needs no master parts: what comes next is a change from it."""
    state = lapse(state, now)
    return state if state.basis in (None, basis) else replace(state, basis=basis)


def block(state: State, now: int, cause: str, person: str = "") -> State:
    """Return the state in which master parts must be shown again."""
    return tell(replace(state, cause=cause, seen=()), now, BLOCKED, cause, person=person)


def show(state: State, now: int, serial: str, master: str, wrong: str, all_masters: tuple[str, ...]) -> State:
    """Return the state after a master part was judged; ``wrong`` says in what it was not as expected."""
    number = state.basis.part_number if state.basis else ""
    if wrong:
        cause = f"master part {serial} failed: {wrong}"
        failed = replace(state, cause=cause, seen=())
        return tell(failed, now, FAILED, wrong, serial=serial, since=state.passed_at(number))
    seen = tuple(dict.fromkeys((*state.seen, master)))
    state = tell(replace(state, seen=seen), now, MASTER, "as expected", serial=serial)
    if set(all_masters) <= set(seen):
        passed = replace(state, cause="", seen=(), passed=state.passed | {number: now})
        return tell(passed, now, PASSED, f"{len(all_masters)} master parts as expected", serial=serial)
    return state


def begin_bypass(state: State, now: int, bypass: Bypass) -> State:
    """Return the state in which parts go by without being inspected."""
    said = {"person": bypass.person, "until": bypass.until}
    return tell(replace(state, bypass=bypass), now, BYPASS_BEGAN, bypass.reason, **said)


def lapse(state: State, now: int) -> State:
    """Return the state without a bypass whose time is up."""
    up = state.bypass and now >= state.bypass.until
    return end_bypass(state, now, TIME_IS_UP) if up else state


def take(state: State, given: int, done: str) -> State:
    """Return the state that remembers an order."""
    return replace(state, taken=(*state.taken, Taken(given, done))[-REMEMBERED:])


def end_bypass(state: State, now: int, reason: str, person: str = "") -> State:
    """Return the state in which parts are inspected again, if they may be."""
    if state.bypass is None:
        return state
    by = person or state.bypass.person
    return tell(replace(state, bypass=None), now, BYPASS_ENDED, reason, person=by, until=state.bypass.until)


def arrived(state: State, number: int) -> State:
    """Return the state without the events that the log has, up to a number."""
    return replace(state, pending=tuple(event for event in state.pending if event.number > number))

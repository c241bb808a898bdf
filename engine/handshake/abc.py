"""Contract of a PLC: which signals there are, and what reads and writes them whatever the protocol."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Protocol

from streams.connectors.polling import Lost, Refused
from streams.connectors.values import Value
from vision.records import Outcome

FAILURES = (Lost, Refused, OSError)
"""What a `Plc` raises when it cannot be heard, or takes or gives a signal not; the message says why."""

FLAGS = ("trigger", "acknowledge", "heartbeat", "bin", "release")
"""What is read from the PLC again and again."""
TELLING = ("part_id", "part_number", "serial", "order", "fixture", "operator")
"""What is read from it once for each part, when its trigger was seen."""
ANSWERS = ("ready", "busy", "ok", "ng", "review", "stop", "alive", "code", "answer_id")
"""What is written to it."""
LAST = ("ready", "busy", "ok", "ng", "review")
"""Of those, what must not be there before the others are."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the PLC says at one moment; a signal that it does not have is never set."""

    trigger: bool = False
    """A part is there to be judged; stays until the answer is there."""
    acknowledge: bool = False
    """The answer was taken."""
    heartbeat: float | None = None
    """Changes as long as the PLC's program runs; None: it has no such signal."""
    bin: bool = False
    """A part falls into the bin of rejects."""
    release: bool = False
    """A person lets the line go on that we had stopped."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the PLC says of the part that it triggered; empty where it does not say it."""

    part_id: str = ""
    part_number: str = ""
    serial: str = ""
    order: str = ""
    fixture: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Signals:
    """What we say to the PLC."""

    ready: bool = False
    """A part may be triggered."""
    busy: bool = False
    """The part that was triggered is being judged."""
    answer: Outcome | None = None
    """What the line is to do with it, on one of the signals ok, ng and review; None: nothing yet."""
    stop: bool = False
    """The line must stand still: a reject is not where it belongs."""
    alive: int = 0
    """Counts as long as the station can judge."""
    code: int = 0
    """Why the answer is not the model's own (`engine.handshake.reasons`), 0 where it is."""
    answer_id: str = ""
    """The part that the answer is for, as the PLC called it."""

    def values(self, known: Container[str]) -> dict[str, Value]:
        """Return them by the names of `ANSWERS`; a line that knows no review is told NG instead."""
        answer = self.answer
        if answer is Outcome.REVIEW and "review" not in known:
            answer = Outcome.NG
        chosen = {word: float(answer == word.upper()) for word in ("ok", "ng", "review")}
        held = {name: float(getattr(self, name)) for name in ("ready", "busy", "stop", "alive", "code")}
        return {**held, **chosen, "answer_id": self.answer_id}


class Plc(Protocol):
    """A connection to one PLC; used by one thread at a time. All raise one of `FAILURES`."""

    def flags(self) -> Flags:
        """Read what the PLC says now."""

    def told(self) -> Told:
        """Read what it says of the part that is there."""

    def write(self, signals: Signals) -> None:
        """Write our signals; the answer is there last."""

    def close(self) -> None:
        """Give the connection up."""


def flags_of(values: Mapping[str, Value]) -> Flags:
    """Return flags from the values of those that the PLC has."""
    heartbeat = values.get("heartbeat")
    return Flags(
        trigger=bool(values.get("trigger")),
        acknowledge=bool(values.get("acknowledge")),
        heartbeat=None if heartbeat is None else float(heartbeat),
        bin=bool(values.get("bin")),
        release=bool(values.get("release")),
    )


def told_of(values: Mapping[str, Value]) -> Told:
    """Return what the PLC says of a part, numbers as they are written, blanks at the ends removed."""
    return Told(**{name: words(value) for name, value in values.items()})


def words(value: Value) -> str:
    """Return a value as text: a whole number without a point.

    >>> words(4711.0), words(" A-17 ")
    ('4711', 'A-17')
    """
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return "".join(letter for letter in value if letter.isprintable()).strip()

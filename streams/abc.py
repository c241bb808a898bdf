"""Contracts of the streams: what an operator is, what a flow gives to its sink.

Implementations are handed down by `engine`; nothing here knows a database, a socket or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from streams.connectors.memory import Memory
from streams.log.abc import Entry
from streams.log.wire import Answer
from streams.records import PartCounts, Readings, Rejects, Rows
from streams.waveforms import Waveforms

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Operator(Protocol[In_contra, Out_co]):
    """A step of the flow: all parameters in ``__init__``, picklable, its input never changed."""

    name: str
    version: int
    """Raised whenever the snapshot's layout changes: of older ones only those that it names are restored."""

    def update(self, batch: In_contra) -> Out_co:
        """Take one batch and return what follows from it."""

    def snapshot(self) -> bytes:
        """Return the whole state."""

    def restore(self, state: bytes) -> None:
        """Go back to a state that `snapshot` returned."""


@dataclass(frozen=True, slots=True)
class Output:
    """All that one log entry changed; outputs are committed in the order of their positions."""

    position: int
    received: int
    """The entry's stamp: the plant's time."""
    rows: tuple[Rows, ...]
    urgent: bool = False
    """Whether someone waits for these rows (a verdict): commit at once."""


PartFunction = Callable[[Entry], tuple[tuple[Rows, ...], PartCounts]]
"""How `engine` turns an entry of kind VERDICT, FRAMES or RELEASE into rows and part counts.

Raises ValueError when the payload cannot be read: the flow then quarantines it."""


class Sink(Protocol):
    """Where a flow's outputs go."""

    def write(self, outputs: Sequence[Output]) -> None:
        """Take outputs in order; may keep them for a while, commits them exactly once."""


class Ticket(Protocol):
    """A promise that something handed over will be on disk."""

    def wait(self, timeout: float) -> bool:
        """Wait until it is; False when the time ran out."""


class Outlet(Protocol):
    """Where connectors hand their readings; blocks while the appender cannot keep up."""

    memory: Memory
    """How the source's contacts stood when a former gateway ended."""

    def readings(self, batch: Readings) -> Ticket:
        """Hand over readings."""

    def rejects(self, batch: Rejects) -> Ticket:
        """Hand over what could not be read."""

    def waveforms(self, batch: Waveforms) -> Ticket:
        """Hand over waveforms."""

    def relay(self) -> Relay:
        """Open a way for messages that their senders number and repeat themselves."""


class Relay(AbstractContextManager["Relay", None], Protocol):
    """A way into the log that keeps nothing: senders repeat until they hear; for one thread."""

    def send(
        self,
        sender: str,
        number: int,
        floor: int,
        readings: Readings,
        rejects: Rejects,
        waveforms: Waveforms | None = None,
    ) -> str:
        """Pass on what one message held; return why it cannot be done now, empty when it was."""

    def answers(self) -> Iterable[Answer]:
        """Return what the log has answered by now, a sender's answer under its own name."""

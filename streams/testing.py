"""For tests of connectors and flows: an outlet that keeps what it is given, loops run beside the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Self

from numpy.typing import NDArray

from streams.abc import Ticket
from streams.connectors.abc import Connector
from streams.connectors.batch import Decoded
from streams.connectors.memory import Memory
from streams.log.abc import Kind
from streams.log.wire import Answer
from streams.records import NULL, Readings, Rejects, Text
from streams.waveforms import Waveforms

TIMEOUT = 60.0


class Done:
    """The ticket of something that is safe already."""

    def wait(self, timeout: float) -> bool:
        """Return at once."""
        return True


class MemoryOutlet:
    """Keep all readings and rejects; safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.batches: list[Readings] = []
        self.refused: list[Rejects] = []
        self.recorded: list[Waveforms] = []
        self.memory = Memory()
        self.numbers: dict[str, int] = {}
        """The last number taken of each sender."""

    def readings(self, batch: Readings) -> Ticket:
        """Keep readings."""
        with self._changed:
            self.batches.append(batch)
            self._changed.notify_all()
        return Done()

    def rejects(self, batch: Rejects) -> Ticket:
        """Keep rejects."""
        with self._changed:
            self.refused.append(batch)
            self._changed.notify_all()
        return Done()

    def waveforms(self, batch: Waveforms) -> Ticket:
        """Keep waveforms."""
        with self._changed:
            self.recorded.append(batch)
            self._changed.notify_all()
        return Done()

    def message(self, readings: Readings, rejects: Rejects, waveforms: Waveforms | None) -> None:
        """Keep what one message holds."""
        if waveforms is not None:
            self.waveforms(waveforms)
        if len(readings):
            self.readings(readings)
        if len(rejects):
            self.rejects(rejects)

    def relay(self) -> MemoryRelay:
        """Open a way for numbered messages."""
        return MemoryRelay(self)

    def rows(self) -> list[tuple[str, int, float | str | None, int]]:
        """Return tag, time, value or text, and quality of all readings, in order."""
        return [row for batch in self.batches for row in rows(batch)]

    def reasons(self) -> list[str | None]:
        """Return why things were rejected, in order."""
        return [reason for batch in self.refused for reason in batch.reason.to_list()]

    def wait_for(self, told: Callable[[MemoryOutlet], bool], timeout: float = TIMEOUT) -> None:
        """Wait until something holds of this outlet.

        Raises
        ------
        AssertionError
            It did not come to hold in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: told(self), timeout):
                raise AssertionError(f"after {timeout} s there are only {self.rows()} and {self.reasons()}")


class Torn(Exception):
    """The outlet failed."""


class Tearing(MemoryOutlet):
    """An outlet that fails instead of taking its n-th readings."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self._batch = batch

    def readings(self, batch: Readings) -> Ticket:
        """Keep readings, but for those."""
        self._batch -= 1
        if not self._batch:
            raise Torn
        return super().readings(batch)


class MemoryRelay:
    """Take every numbered message once and in order, as an appender does that forgets nothing."""

    def __init__(self, outlet: MemoryOutlet) -> None:
        self._outlet = outlet
        self._answers: list[Answer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(
        self,
        sender: str,
        number: int,
        floor: int,
        readings: Readings,
        rejects: Rejects,
        waveforms: Waveforms | None = None,
    ) -> str:
        """Keep what a message holds, unless it is a repeat or has overtaken others."""
        last = self._outlet.numbers.setdefault(sender, floor)
        if number > last + 1:
            return ""
        if number == last + 1:
            self._outlet.numbers[sender] = number
            self._outlet.message(readings, rejects, waveforms)
        self._answers.append(Answer(max(last, number), producer=sender))
        return ""

    def answers(self) -> list[Answer]:
        """Return the answers not returned yet."""
        answers, self._answers = self._answers, []
        return answers


def rows(batch: Readings) -> list[tuple[str, int, float | str | None, int]]:
    """Return tag, time, value or text, and quality of readings."""
    values = [
        number if text is None else text
        for number, text in zip(batch.value.tolist(), batch.text.to_list(), strict=True)
    ]
    tags = [str(tag) for tag in batch.tag.to_list()]
    return list(zip(tags, batch.ts.tolist(), values, batch.quality.tolist(), strict=True))


def source_times(batch: Readings) -> list[int | None]:
    """Return the recorded times of readings, None where there is none."""
    return [None if time == NULL else time for time in batch.source_ts.tolist()]


@contextmanager
def running(loop: Callable[[threading.Event], object]) -> Iterator[threading.Event]:
    """Run a loop in a thread as long as the block lasts; what it raises, the block raises at its end."""
    stop, raised = threading.Event(), list[BaseException]()

    def guarded() -> None:
        try:
            loop(stop)
        except BaseException as exc:  # handed on below
            raised.append(exc)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(TIMEOUT)
    if raised:
        raise raised[0]
    if thread.is_alive():
        raise AssertionError("the loop does not end")


def plain(decoded: Decoded) -> list[list[list[object]]]:
    """Return all columns of readings and rejects as lists, to be compared."""
    return [[_listed(getattr(record, field.name)) for field in fields(record)] for record in decoded]


def _listed(column: Text | NDArray[Any]) -> list[object]:
    if isinstance(column, Text):
        return list(column.to_list())
    return [repr(item) for item in column.tolist()]


@contextmanager
def heard(connector: Connector) -> Iterator[MemoryOutlet]:
    """Run a connector as long as the block lasts; the value is what it hands over."""
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        yield outlet


def until(holds: Callable[[], bool], timeout: float = TIMEOUT) -> None:
    """Wait until something holds that nobody tells, as a connector's trouble.

    Raises
    ------
    AssertionError
        It did not come to hold in time.
    """
    pause, due = threading.Event(), time.monotonic() + timeout
    while not holds():
        if time.monotonic() > due:
            raise AssertionError(f"it does not come to hold in {timeout} s")
        pause.wait(0.01)


class KeptEntries:
    """A producer whose entries are kept instead of sent, and acknowledged at once."""

    def __init__(self) -> None:
        self.entries: list[tuple[Kind, bytes]] = []

    def send(self, kind: Kind, payload: bytes) -> int:
        """Keep one entry."""
        self.entries.append((kind, payload))
        return len(self.entries)

    def acknowledged(self) -> int:
        """Return how many there are."""
        return len(self.entries)

    def flush(self, timeout: float) -> bool:
        """Have nothing to wait for."""
        return True

    def close(self) -> None:
        """Do nothing."""

    def of(self, kind: Kind) -> list[bytes]:
        """Return the payloads of one kind, in order."""
        return [payload for sent, payload in self.entries if sent is kind]

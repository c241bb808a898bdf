"""The running flow of a shard: a bytewax dataflow with one worker, one input, one key and one sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from streams.abc import Output, Sink
from streams.log.abc import Entry, LogReader

KEY = "line"
READ_LIMIT = 8 << 20
"""Bytes of entries that go through the flow at a time."""
PAUSE = timedelta(milliseconds=2)
"""How long to wait before asking an exhausted log again."""

T = TypeVar("T")


class Chain(Protocol):
    """What the flow runs on every entry."""

    def update(self, entry: Entry) -> Output:
        """Return all that the entry changes."""


@dataclass(slots=True)
class Course:
    """Where a flow stands: how far it has read, whether it shall go on, what stopped it."""

    reader: LogReader
    chain: Chain
    sink: Sink
    position: int
    stop: Event
    failure: list[BaseException] = field(default_factory=list)

    def over(self) -> bool:
        """Return whether nothing more is to be done."""
        return bool(self.failure) or self.stop.is_set()

    def guarded(self, work: Callable[[], T]) -> T | None:
        """Do some work; keep its failure for the caller of the flow, and let the flow end.

        bytewax would make a panic of an exception and print its own trace.
        """
        if self.failure:
            return None
        try:
            return work()
        except BaseException as exc:
            self.failure.append(exc)
            return None

    def read(self) -> Sequence[Entry]:
        """Return the next entries, possibly none."""
        entries = self.reader.read(self.position, READ_LIMIT)
        if entries:
            self.position = entries[-1].position
        return entries


def run_flow(reader: LogReader, chain: Chain, sink: Sink, after: int, stop: Event) -> int:
    """Run entries behind position ``after`` through the chain into the sink, until ``stop`` is set.

    Works in any thread. What reader, chain or sink raise ends the flow and is raised here; outputs
    behind the failed ones are not written.

    Returns
    -------
    int
        The position of the last entry that was handed to the sink.
    """
    course = Course(reader, chain, sink, after, stop)
    flow = Dataflow("line")
    entries = op.input("log", flow, _LogSource(course))
    outputs = op.stateful_batch("chain", entries, lambda _: _ChainLogic(course))
    op.output("sink", outputs, _OutputSink(course))
    run_main(flow)
    if course.failure:
        raise course.failure[0]
    return course.position


class _LogPartition(StatelessSourcePartition):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course
        self._awake: datetime | None = None

    def next_batch(self) -> list[tuple[str, Sequence[Entry]]]:
        if self._course.over():
            raise StopIteration
        entries = self._course.guarded(self._course.read)
        if not entries and self._course.over():
            raise StopIteration
        self._awake = None if entries else datetime.now(UTC) + PAUSE
        return [(KEY, entries)] if entries else []

    def next_awake(self) -> datetime | None:
        return self._awake


class _LogSource(DynamicSource):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> _LogPartition:
        return _LogPartition(self._course)


class _ChainLogic(StatefulBatchLogic):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course

    def on_batch(self, values: list[Sequence[Entry]]) -> tuple[list[list[Output]], bool]:
        outputs = self._course.guarded(lambda: self._outputs(values))
        return ([outputs] if outputs else []), StatefulBatchLogic.RETAIN

    def _outputs(self, values: list[Sequence[Entry]]) -> list[Output]:
        return [self._course.chain.update(entry) for entries in values for entry in entries]

    def snapshot(self) -> None:
        """Return nothing: states are kept beside the outputs, not by bytewax."""


class _OutputPartition(StatelessSinkPartition):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course

    def write_batch(self, items: list[tuple[str, list[Output]]]) -> None:
        outputs = [output for _, some in items for output in some]
        self._course.guarded(lambda: self._course.sink.write(outputs))


class _OutputSink(DynamicSink):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> _OutputPartition:
        return _OutputPartition(self._course)

"""The load of a line: a process that sends Arrow batches over ZeroMQ, at a rate or as fast as they land.

    python -m bench.pump ENDPOINT DSN SECONDS RATE

Every batch holds 20 ms of sweeps over all tags; a reading's time is the moment of its sweep, and a batch
leaves when its last sweep is over. With ``RATE`` 0 the next batch leaves as soon as fewer than `AHEAD`
readings are on their way to a commit: the line is always busy and never runs away from its database. A
machine's state word goes out every second. Prints one JSON object: what was sent.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import zmq

from engine.store.database import open_session
from engine.store.levels import Connection
from streams.clock import SECOND
from streams.records import GOOD, NULL, Float64, Readings, Text, constant, encode

MACHINES = 20
TAGS_PER_MACHINE = 100
TAGS = MACHINES * TAGS_PER_MACHINE
BATCH = SECOND // 50
SWEEPS_UNPACED = 10
AHEAD = 600_000
UNANSWERED = 24
PATIENCE = 60.0
CLOCK = "SELECT (extract(epoch FROM clock) * 1000000)::int8 FROM shard WHERE id = 'bench'"

MACHINE_NAMES = tuple(f"machine-{number:02d}" for number in range(MACHINES))
TAG_NAMES = tuple(f"tag-{number:03d}" for number in range(TAGS_PER_MACHINE))
WORDS = ("ACTIVE", "READY")


@dataclass(slots=True)
class Sweeps:
    """Batches of the load; the numbers are eighths, so that their sums are exact."""

    machine: Text
    tag: Text
    pool: Float64
    sent: int = 0
    total: float = 0.0
    words: int = 0

    @classmethod
    def of(cls, sweeps: int) -> Sweeps:
        """Prepare for so many sweeps a batch."""
        machine = np.repeat(np.arange(MACHINES, dtype=np.int32), TAGS_PER_MACHINE)
        tag = np.tile(np.arange(TAGS_PER_MACHINE, dtype=np.int32), MACHINES)
        pool = np.random.default_rng(3).integers(-8000, 8000, (7, sweeps * TAGS)) / 8
        return cls(Text(MACHINE_NAMES, np.tile(machine, sweeps)), Text(TAG_NAMES, np.tile(tag, sweeps)), pool)

    @property
    def sweeps(self) -> int:
        """How many sweeps a batch holds."""
        return int(self.pool.shape[1]) // TAGS

    def batch(self, first: int, step: int) -> bytes:
        """Return sweeps from a time on, so many microseconds apart, as they travel."""
        value = self.pool[self.sent // self.pool.shape[1] % len(self.pool)]
        self.sent += len(value)
        self.total += float(value.sum())
        return _encoded(self.machine, self.tag, first + np.arange(self.sweeps) * step, value)

    def states(self, now: int) -> bytes:
        """Return one word of every machine; each runs and stops in turn, some seconds each."""
        self.words += MACHINES
        phase = (now // SECOND + np.arange(MACHINES)) // 7 % len(WORDS)
        return encode(
            Readings.texts(
                MACHINE_NAMES,
                ["execution"] * MACHINES,
                np.full(MACHINES, now),
                [WORDS[number] for number in phase],
            ).to_arrow()
        )


def _encoded(machine: Text, tag: Text, stamps: np.ndarray, value: Float64) -> bytes:
    size = len(value)
    readings = Readings(
        machine=machine,
        tag=tag,
        ts=np.repeat(stamps, TAGS),
        value=value,
        text=Text.constant(None, size),
        quality=constant(GOOD, size, np.int16),
        source_ts=constant(NULL, size, np.int64),
    )
    return encode(readings.to_arrow())


@dataclass(slots=True)
class Link:
    """The connection to the gateway: messages sent and not answered yet."""

    socket: zmq.Socket[bytes]
    unanswered: set[bytes] = field(default_factory=set)
    number: int = 0

    def send(self, payload: bytes) -> None:
        """Send a batch."""
        self.number += 1
        label = self.number.to_bytes(8, "big")
        self.unanswered.add(label)
        self.socket.send_multipart([b"arrow", label, payload], copy=False)

    def hear(self, wait_ms: int) -> None:
        """Take answers, waiting for the first.

        Raises
        ------
        RuntimeError
            A batch was refused.
        """
        while self.socket.poll(wait_ms, zmq.POLLIN):
            label, verdict, reason = self.socket.recv_multipart()
            if verdict != b"ok":
                raise RuntimeError(f"the gateway refused a batch: {reason.decode()}")
            self.unanswered.discard(label)
            wait_ms = 0


def paced(sweeps: Sweeps, until: float) -> Iterator[tuple[int, bytes]]:
    """Yield batches with the time at which they are to leave, one after the other without a gap."""
    step = BATCH // sweeps.sweeps
    first = time.time_ns() // 1000
    while first < until * SECOND:
        yield first + (sweeps.sweeps - 1) * step, sweeps.batch(first, step)
        first += sweeps.sweeps * step


@dataclass(slots=True)
class Course:
    """How many readings were sent by when, and how many of them are committed."""

    database: Connection
    sent: deque[tuple[int, int]] = field(default_factory=deque)
    committed: int = 0

    def on_the_way(self, sent: int) -> int:
        """Return how many of those sent are not committed yet: what came in behind the shard's clock."""
        row = self.database.execute(CLOCK).fetchone()
        while row and row[0] is not None and self.sent and self.sent[0][0] < row[0]:
            self.committed = self.sent.popleft()[1]
        return sent - self.committed


def unpaced(sweeps: Sweeps, until: float, course: Course) -> Iterator[tuple[int, bytes]]:
    """Yield a batch whenever the line keeps up; the time in between is the time of its sweeps."""
    last = time.time_ns() // 1000
    while (now := time.time_ns() // 1000) < until * SECOND:
        if now - last >= sweeps.sweeps and course.on_the_way(sweeps.sent) < AHEAD:
            payload = sweeps.batch(last, (now - last) // sweeps.sweeps)
            course.sent.append((now, sweeps.sent))
            last = now
            yield now, payload
        else:
            yield now, b""


def pump(endpoint: str, dsn: str, seconds: float, rate: float) -> dict[str, float]:
    """Send for so long; return what was sent and when the first batch left."""
    sweeps = Sweeps.of(max(1, round(rate * BATCH / SECOND / TAGS)) if rate else SWEEPS_UNPACED)
    started = time.time()
    with (
        open_session(dsn) as database,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
    ):
        database.autocommit = True
        socket.connect(endpoint)
        link = Link(socket)
        until = started + seconds
        batches = paced(sweeps, until) if rate else unpaced(sweeps, until, Course(database))
        word_due = 0.0
        for due, payload in batches:
            while (ahead := due - time.time_ns() // 1000) > 0 or len(link.unanswered) >= UNANSWERED:
                link.hear(max(1, ahead // 1000))
            if payload:
                link.send(payload)
            if time.time() >= word_due:
                link.send(sweeps.states(due))
                word_due = time.time() + 1
            link.hear(0 if payload else 2)
        limit = time.monotonic() + PATIENCE
        while link.unanswered and time.monotonic() < limit:
            link.hear(100)
        if link.unanswered:
            raise RuntimeError(f"{len(link.unanswered)} batches were never answered")
    return {"readings": sweeps.sent, "words": sweeps.words, "total": sweeps.total, "started": started}


def main() -> None:
    """Run the load named on the command line."""
    endpoint, dsn, seconds, rate = sys.argv[1:]
    print(json.dumps(pump(endpoint, dsn, float(seconds), float(rate))))


if __name__ == "__main__":
    main()

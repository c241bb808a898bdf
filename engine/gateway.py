"""The gateway: all sources of a plant file, a thread each, into the log. Needs nothing of Ray.

Run it as ``seamline-gateway PLANT.yaml``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from engine import health, logs
from engine.memories import Memories
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.signals import stop_on_signals
from engine.sources import build_connector
from streams.abc import Ticket
from streams.clock import Clock, WallClock
from streams.connectors.abc import Connector, Counting
from streams.connectors.memory import Memory
from streams.log import mixed
from streams.log.abc import Kind
from streams.log.errors import LogError
from streams.log.producer import ZmqProducer
from streams.log.relay import LogRelay
from streams.log.wire import Answer
from streams.records import NULL, Readings, Rejects, encode
from streams.waveforms import Waveforms

log = structlog.get_logger("gateway")

BACKOFF = (0.5, 30.0)
FLUSH_SECONDS = 5.0
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ProducerTicket:
    """The promise that an entry will be on disk."""

    producer: ZmqProducer
    sequence: int

    def wait(self, timeout: float) -> bool:
        """Wait until it is; False when the time ran out."""
        return self.producer.wait(self.sequence, timeout)


class ProducerOutlet:
    """Send what connectors hand over to the log."""

    def __init__(self, producer: ZmqProducer, memory: Memory | None = None) -> None:
        self._producer = producer
        self.memory = memory or Memory()
        self.sent = {"entries": 0, "readings": 0, "rejects": 0, "waveforms": 0}
        """What was handed over; rejects end in quarantine."""

    def readings(self, batch: Readings) -> Ticket:
        """Hand over readings."""
        self.sent["readings"] += len(batch)
        return self._send(Kind.READINGS, encode(batch.to_arrow()))

    def rejects(self, batch: Rejects) -> Ticket:
        """Hand over what could not be read."""
        self.sent["rejects"] += len(batch)
        return self._send(Kind.REJECTS, encode(batch.to_arrow()))

    def waveforms(self, batch: Waveforms) -> Ticket:
        """Hand over waveforms."""
        self.sent["waveforms"] += len(batch)
        return self._send(Kind.WAVEFORM, encode(batch.to_arrow()))

    def relay(self) -> OutletRelay:
        """Open a way for messages that their senders number and repeat themselves."""
        return OutletRelay(self._producer.relay(), self.sent)

    def _send(self, kind: Kind, payload: bytes) -> Ticket:
        self.sent["entries"] += 1
        return ProducerTicket(self._producer, self._producer.send(kind, payload))


class OutletRelay:
    """Pass messages of numbered senders on to the log, each as one entry, and count what they hold."""

    def __init__(self, relay: LogRelay, sent: dict[str, int]) -> None:
        self._relay, self._sent = relay, sent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._relay.close()

    def send(
        self,
        sender: str,
        number: int,
        floor: int,
        readings: Readings,
        rejects: Rejects,
        waveforms: Waveforms | None = None,
    ) -> str:
        """Pass a message on; return why it cannot be done now, empty when it was."""
        recorded = waveforms is not None and (Kind.WAVEFORM, encode(waveforms.to_arrow()))
        away = self._relay.send(sender, number, floor, *(recorded or mixed.pack(readings, rejects)))
        if not away:
            self._sent["waveforms"] += 0 if waveforms is None else len(waveforms)
            self._sent["readings"] += len(readings)
            self._sent["rejects"] += len(rejects)
        return away

    def answers(self) -> Iterator[Answer]:
        """Yield what the log has answered by now."""
        return self._relay.answers()


class Feed:
    """One source's thread and its connection to the log; a connector that fails is started anew.

    Parameters
    ----------
    memory
        How the source's contacts stood, and where that is noted as far as the log has what they brought.
    """

    def __init__(
        self,
        name: str,
        connector: Connector,
        producer: ZmqProducer,
        memory: Memory | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._connector, self._producer = connector, producer
        self._memory, self._clock = memory or Memory(), clock or WallClock()
        self._outlet = ProducerOutlet(producer, self._memory)
        self._looked = NULL
        self._noting = (NULL, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"source {name}", daemon=True)
        self._trouble: str | None = None
        self._failure = ""
        self.failures = 0
        """How often the connector gave up."""

    @property
    def cut_off(self) -> bool:
        """Whether nothing of this source can reach the log any more in this process."""
        return self._producer.ended

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> None:
        """Log when the log begins to refuse this source's entries, and when it is well again."""
        trouble = self._producer.trouble
        if trouble and not self._trouble:
            log.warning("source.waits", source=self.name, reason=trouble)
        elif self._trouble and not trouble:
            log.info("source.flows_again", source=self.name)
        self._trouble = trouble
        self._note()

    def health(self) -> health.Part:
        """Return how the source is and what it sent; ``waiting`` entries are not acknowledged yet."""
        sent = self._outlet.sent
        counters = {
            **sent,
            "waiting": sent["entries"] - self._producer.acknowledged(),
            "failures": self.failures,
            **(self._connector.counters if isinstance(self._connector, Counting) else {}),
        }
        trouble = self._failure or self._connector.trouble or self._producer.trouble or ""
        return health.Part("source", self.name, trouble, counters)

    def stop(self) -> None:
        """Ask the connector to end."""
        self._stop.set()

    def finish(self, until: float) -> bool:
        """Wait for the rest to be on disk, till a monotonic time; False when something was left behind."""
        self._thread.join(max(0.0, until - time.monotonic()))
        flushed = not self.cut_off and self._producer.flush(max(0.0, until - time.monotonic()))
        if not flushed:
            log.error("source.lost", source=self.name, reason=self._producer.trouble)
        else:
            self._memory.note(self._clock.now())
        self._producer.close()
        return flushed

    def _note(self) -> None:
        """Note how the contacts stood at a look, once the log has what had been sent by the next one."""
        by, entries = self._noting
        if self._producer.acknowledged() >= entries:
            self._memory.note(by)
            self._noting = self._looked, self._outlet.sent["entries"]
        self._looked = self._clock.now()

    def _keep(self) -> None:
        pause = BACKOFF[0]
        while not self._stop.is_set():
            begun = time.monotonic()
            self._failure = ""
            try:
                self._connector.run(self._outlet, self._stop)
            except Exception as exc:  # the other sources go on
                self.failures += 1
                self._failure = str(exc)
                log.error("source.failed", source=self.name, failures=self.failures, reason=str(exc))
                pause = BACKOFF[0] if time.monotonic() - begun > BACKOFF[1] else pause
                self._stop.wait(pause)
                pause = min(2 * pause, BACKOFF[1])


def run_gateway(plant: Plant, home: Home, stop: threading.Event) -> int:
    """Run all sources until told to stop; return how many of them left something behind."""
    memories, clock = Memories(home.heard(plant.shard)), plant.clock()
    feeds = [
        Feed(
            source.name,
            build_connector(source, plant),
            ZmqProducer(home.appender, plant.shard, source.name),
            memories.of(source.name),
            clock,
        )
        for source in plant.sources
    ]
    with health.Publisher(home.health, "gateway", plant.shard, lambda: report(feeds)):
        return run_feeds(feeds, memories, stop)


def run_feeds(feeds: Sequence[Feed], memories: Memories, stop: threading.Event) -> int:
    """Run feeds until told to stop; return how many of them left something behind.

    Raises
    ------
    LogError
        One was cut off from the log: all the others have ended, too, for this process is to begin anew.
    """
    for feed in feeds:
        feed.start()
    log.info("gateway.ready", sources=[feed.name for feed in feeds])
    while not stop.wait(LOOK_SECONDS) and not any(feed.cut_off for feed in feeds):
        for feed in feeds:
            feed.look()
        memories.save()
    for feed in feeds:
        feed.stop()
    until = time.monotonic() + FLUSH_SECONDS
    lost = sum(not feed.finish(until) for feed in feeds)
    memories.save()
    log.info("gateway.stopped", lost=lost)
    if not stop.is_set():
        raise LogError("A source's connection to the log has ended; the gateway has to be started anew.")
    return lost


def report(feeds: Sequence[Feed]) -> health.Report:
    """Return how the gateway's sources are."""
    return health.Report(parts=tuple(feed.health() for feed in feeds))


def main() -> int:
    """Run the gateway of a plant file."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        print("Usage: seamline-gateway PLANT.yaml", file=sys.stderr)
        return 2
    logs.begin("gateway")
    try:
        return min(run_gateway(load(Path(sys.argv[1])), Home.default(), stop_on_signals()), 1)
    except PlantError as exc:
        print(exc, file=sys.stderr)
        return 2
    except LogError as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

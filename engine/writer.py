"""The writer: keeps outputs of a flow for a moment and commits them, exactly once and in order.

A thread of its own commits, so that the flow computes while the database works. The clock only
decides when something is committed, never what. While the database is away outputs wait here, up to
a bound; then `Writer.write` blocks, and the log keeps the rest.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

import psycopg
import structlog

from engine.sifting import Refused, quarantined, sifted
from engine.store.backlog import Backlog, Pace
from engine.store.errors import WriterClosed
from engine.store.landing import REFUSALS, Landing, Overtaken
from streams.abc import Output

__all__ = ["Pace", "Writer"]

STOP_POLL = 0.2
"""Seconds in which a blocked `Writer.write` notices that the flow is to end."""

log = structlog.get_logger(__name__)


class Writer:
    """Commit one shard's outputs; owns the shard from the start on.

    Parameters
    ----------
    stop
        Once set, `write` no longer blocks: the flow can end while the database is away.

    Raises
    ------
    psycopg.OperationalError
        The database is away.
    """

    def __init__(
        self,
        dsn: str,
        shard: str,
        tenant: int,
        pace: Pace | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._listener: Callable[[int], None] | None = None
        self._stop = stop or threading.Event()
        self._landing = Landing(dsn, shard, tenant)
        self._source = f"shard/{shard}"
        self._backlog = Backlog(self._pace)
        self._changed = threading.Condition()
        self._deadline = math.inf
        self._error: Exception | None = None
        self.trouble = ""
        """Why nothing is being committed just now; empty when all is well."""
        self.received: int | None = None
        """Stamp of the log entry committed last; None before the first commit."""
        self.refused = 0
        """How many outputs held rows that went to quarantine because no table can hold them."""
        self._thread = threading.Thread(target=self._run, name=f"writer-{shard}", daemon=True)
        self._thread.start()

    @property
    def epoch(self) -> int:
        """The epoch under which the shard is owned."""
        return self._landing.epoch

    @property
    def position(self) -> int:
        """The position committed last."""
        return self._landing.position

    def listen(self, committed: Callable[[int], None]) -> None:
        """Have each committed position told, in the writer's thread."""
        self._listener = committed

    def write(self, outputs: Sequence[Output]) -> None:
        """Take outputs in order; block while too many wait.

        Raises
        ------
        Fenced
            Another process owns the shard now.
        psycopg.Error
            The writer failed for good: the schema does not fit.
        """
        with self._changed:
            while not (self._backlog.has_room or self._stop.is_set() or self._error):
                self._changed.wait(STOP_POLL)
            self._raise()
            self._backlog.add(outputs, time.monotonic())
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Commit all that was handed over; False when the time ran out."""
        with self._changed:
            self._backlog.hurry()
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._error or not len(self._backlog), timeout)
            self._raise()
        return bool(done)

    def close(self, timeout: float = 10.0) -> None:
        """Commit what waits, for so long at the most, and let go of the database.

        Raises
        ------
        WriterClosed
            Not everything was committed in time; the log still has it.
        """
        with self._changed:
            self._deadline = time.monotonic() + timeout
            self._backlog.hurry()
            self._changed.notify_all()
        self._thread.join(timeout + self._pace.last_retry)
        self._landing.close()
        self._raise()
        if self._thread.is_alive():
            raise self._closed()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _closed(self) -> WriterClosed:
        return WriterClosed(f"{self._source} was closed before {len(self._backlog)} entries were committed.")

    def _run(self) -> None:
        try:
            while batch := self._next():
                self._commit(batch)
        except Exception as exc:  # the flow learns of it at its next call
            log.error("writer_failed", source=self._source, error=str(exc))
            with self._changed:
                self._error = exc
                self._changed.notify_all()

    def _next(self) -> list[Output]:
        """Wait until outputs are due and return them; nothing when all is done and closing."""
        with self._changed:
            while (wait := self._backlog.due_in(time.monotonic())) > 0:
                if self._deadline < math.inf:
                    break
                self._changed.wait(None if wait == math.inf else wait)
            return self._backlog.take(time.monotonic())

    def _commit(self, batch: list[Output]) -> None:
        try:
            self._land(batch)
        except REFUSALS:
            for output in batch:
                self._land_or_quarantine(output)
        with self._changed:
            self._backlog.done()
            self._changed.notify_all()

    def _land_or_quarantine(self, output: Output) -> None:
        try:
            self._land([output])
        except REFUSALS as exc:
            self.refused += 1
            log.warning("rows_refused", source=self._source, position=output.position, error=str(exc))
            self._land_sifted(output)

    def _land_sifted(self, output: Output) -> None:
        """Land an output without the rows that are refused; all of it goes, if the rest is refused too."""
        left: list[Output] = []
        source, position = self._source, output.position
        self._persist(lambda: left.append(sifted(output, source, self._landing.refusal)), position)
        try:
            self._land(left[-1:])
        except REFUSALS as exc:
            told = tuple(quarantined(output, source, Refused(rows, exc)) for rows in output.rows)
            self._land([Output(position, output.received, told, output.urgent)])

    def _land(self, outputs: list[Output]) -> None:
        self._persist(lambda: self._landing.land(outputs), outputs[-1].position)
        self.received = outputs[-1].received
        if self._listener is not None:
            self._listener(outputs[-1].position)

    def _persist(self, attempt: Callable[[], None], position: int) -> None:
        """Do something with the database, however often it goes away, unless ``position`` is committed."""
        pause, lost = self._pace.first_retry, False
        while True:
            try:
                if not (lost and self._landing.reconnect(position)):
                    attempt()
                break
            except REFUSALS:
                raise
            except Overtaken:
                lost = True
            except psycopg.OperationalError as exc:
                lost = True
                self._await_database(exc, pause)
                pause = min(2 * pause, self._pace.last_retry)
        if self.trouble:
            log.info("database_back", source=self._source)
            self.trouble = ""

    def _await_database(self, exc: psycopg.OperationalError, pause: float) -> None:
        if not self.trouble:
            log.warning("database_away", source=self._source, error=str(exc))
        self.trouble = away(exc)
        with self._changed:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._closed() from exc
            self._changed.wait(min(pause, left))


def away(exc: psycopg.OperationalError) -> str:
    """Say in one sentence that the database is away."""
    lines = str(exc).strip().splitlines()
    return f"The database is away: {lines[0] if lines else type(exc).__name__}"

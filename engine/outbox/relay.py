"""Tell what the outbox holds, in the order of the log, each event until it is delivered or dead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import structlog

from engine import health
from engine.outbox.ledger import Counts, Ledger, Pending
from engine.outbox.webhook import Answer, Webhook
from engine.plant import OutboxSection
from engine.store.database import open_session
from engine.writer import away

LOOK_SECONDS = 0.5
"""How often the outbox is looked at while there is nothing to tell."""
BACKOFF = (1.0, 300.0)
"""Seconds until an event is tried again: doubled each time, up to the latter."""
DATABASE_PAUSE = 1.0
TIDY_EVERY = timedelta(hours=1)
"""How often delivered events that are old enough leave."""

log = structlog.get_logger(__name__)


class Relay:
    """Take events one by one; what comes behind one that the address does not take waits.

    An event that was told and not yet noted when this process died is told again, under the same key.

    Parameters
    ----------
    now
        The wall clock, by which an event that nobody takes is given up.
    """

    def __init__(
        self,
        section: OutboxSection,
        shard: str,
        dsn: str,
        backoff: tuple[float, float] = BACKOFF,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhook = Webhook(section)
        self._patience = timedelta(hours=section.give_up_after_h)
        self._keep = None if section.keep_days is None else timedelta(days=section.keep_days)
        self._tidied = datetime.min.replace(tzinfo=UTC)
        self._shard, self._dsn, self._now = shard, dsn, now
        self._first_pause, self._last_pause = backoff
        self._trouble = self._database = ""
        self._counts, self._delivered = Counts(), 0

    def report(self) -> health.Report:
        """Return what it told, what waits, and what hinders it."""
        trouble = self._trouble
        if not trouble and self._counts.dead:
            trouble = f"{self._counts.dead} events are dead; look with seamline outbox, then add --again."
        counters = {"delivered": self._delivered, **asdict(self._counts)}
        webhook = health.Part("webhook", self._webhook.name, trouble, counters)
        return health.Report(counters, (webhook, health.Part("database", "database", self._database)))

    def run(self, stop: threading.Event) -> None:
        """Tell what there is until told to stop; the database may go away and come back."""
        while not stop.is_set():
            try:
                with open_session(self._dsn) as connection:
                    self._serve(Ledger(connection, self._shard), stop)
            except psycopg.OperationalError as exc:
                self._database = away(exc)
                log.warning("database_away", shard=self._shard, error=str(exc))
                stop.wait(DATABASE_PAUSE)

    def _serve(self, ledger: Ledger, stop: threading.Event) -> None:
        pause = self._first_pause
        while not stop.is_set():
            event = ledger.next()
            self._counts, self._database = ledger.counts(), ""
            if event is None:
                self._trouble, pause = "", self._first_pause
                self._tidy(ledger)
                stop.wait(LOOK_SECONDS)
            elif self._settle(ledger, event):
                pause = self._first_pause
            else:
                stop.wait(pause)
                pause = min(2 * pause, self._last_pause)

    def _tidy(self, ledger: Ledger) -> None:
        now = self._now()
        if self._keep is not None and now - self._tidied >= TIDY_EVERY:
            ledger.forget(now - self._keep)
            self._tidied = now

    def _settle(self, ledger: Ledger, event: Pending) -> bool:
        """Tell an event once; False when it is to be tried again."""
        body = orjson.dumps({"key": event.idempotency_key, "shard": self._shard, **event.payload})
        answer = self._webhook.post(event.idempotency_key, event.kind, body)
        outcome = self._outcome(event, answer)
        ledger.enter(event, self._now(), outcome, answer.reason)
        if outcome == "dead":
            log.error("event_dead", key=event.key, reason=answer.reason)
        elif answer.reason and not self._trouble:
            log.warning("event_waits", key=event.key, reason=answer.reason)
        self._trouble = "" if outcome else answer.reason
        self._delivered += answer.delivered
        return outcome is not None

    def _outcome(self, event: Pending, answer: Answer) -> str | None:
        if answer.delivered:
            return "delivered"
        old = event.first is not None and self._now() - event.first > self._patience
        return "dead" if answer.lasting or old else None

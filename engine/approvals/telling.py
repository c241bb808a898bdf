"""Tell the log every line of the file of approvals, so that the database has each exactly once.

Lines keep their own numbers as the numbers of their entries: whichever station tells them, and however
often, the appender drops what it has.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog

from engine.approvals.chain import Chain
from engine.approvals.entry import Entry
from engine.approvals.errors import ApprovalError
from engine.paths import Home
from streams.log.abc import Kind
from streams.log.relay import LogRelay

logger = structlog.get_logger(__name__)

PERIOD = 1.0
SENDER = "approvals"


class Teller:
    """Tell a log what was approved, as long as it is told to."""

    def __init__(self, home: Home, relay: LogRelay, period: float = PERIOD) -> None:
        self._chain, self._relay, self._period = Chain(home), relay, period
        self._seen: tuple[int, int, int] | None = None
        self._entries: tuple[Entry, ...] = ()
        self.told = 0
        """Lines that the log has."""

    def run(self, stop: threading.Event) -> None:
        """Look at the file again and again."""
        while not stop.is_set():
            try:
                self._look()
                self._tell()
                stop.wait(self._period)
                self._listen()
            except Exception as exc:  # the next look tries again: nobody else tells what was approved here
                logger.error("approvals_not_told", error=str(exc))
                stop.wait(self._period)

    def _look(self) -> None:
        """Read the file where it has changed; one that cannot be trusted is not told."""
        stamp = self._chain.stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._entries = self._chain.read()
        except ApprovalError as exc:
            logger.error("approvals_not_told", error=str(exc))

    def _tell(self) -> None:
        for entry in self._entries[self.told :]:
            if self._relay.send(SENDER, entry.number, 0, Kind.APPROVAL, entry.line):
                return  # the log is away: again later

    def _listen(self) -> None:
        taken = [answer.sequence for answer in self._relay.answers() if not answer.reason]
        self.told = max([self.told, *taken])


@contextmanager
def telling(home: Home, shard: str) -> Iterator[None]:
    """Tell a shard's log beside other work."""
    stop = threading.Event()
    with closing(LogRelay(home.appender, shard, "models")) as relay:
        thread = threading.Thread(target=Teller(home, relay).run, args=(stop,), name="approvals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

"""A barcode scanner that sends a line of text for each code it reads, over TCP."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from streams.connectors.dial import dial, hear

LONGEST = 512
"""Bytes of a line at the most; a longer one is none."""
LOOK = 0.2
"""Seconds between looks at whether to stop."""
RETRY = 0.5
KEPT = 16
Late = Literal["drop", "next"]


@dataclass(frozen=True, slots=True)
class Scan:
    """One code that was read."""

    text: str
    at: float
    """Monotonic seconds."""


class Codes:
    """Cut what a scanner sends into codes: its lines, without what cannot be printed."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """Return the codes that a piece completes."""
        *lines, rest = (self._rest + piece).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[: LONGEST + 1]  # of a line that is too long, enough to know it at its end
        return [text for line in lines if len(line) <= LONGEST and (text := _printed(line))]


def _printed(line: bytes) -> str:
    return "".join(letter for letter in line.decode("utf-8", "replace") if letter.isprintable()).strip()


class Scanner:
    """Keep what the scanner reads until a part takes it; connected to again and again.

    A code that comes after the time of a part that had none, and before the next part is called, may be of
    either. It is of no part, and counted, unless ``late`` is ``next``: then it is the next part's.

    Parameters
    ----------
    within_s
        Seconds before its part is called after which a code is of none.
    """

    def __init__(self, host: str, port: int, within_s: float, late: Late = "drop") -> None:
        self._place = (host, port)
        self._within_s, self._late = within_s, late
        self._heard = threading.Condition()
        self._scans: deque[Scan] = deque(maxlen=KEPT)
        self._missed: float | None = None  # until when the part before waited in vain
        self.dropped = 0
        """Codes that were of no part since nobody knows of which."""
        self.trouble = f"The scanner at {host}:{port} has not answered yet."

    def run(self, stop: threading.Event) -> None:
        """Listen until told to stop."""
        while not stop.is_set():
            try:
                with closing(dial(self._place, 2.0)) as link:
                    self.trouble = ""
                    self._listen(link, stop)
                why = "the connection ended"
            except OSError as exc:
                why = exc.strerror or str(exc)
            self.trouble = f"The scanner at {self._place[0]}:{self._place[1]} does not answer: {why}."
            stop.wait(RETRY)

    def take(self, called: float, due: float) -> list[str]:
        """Return the codes of a part, which no other part has taken, each once, oldest first.

        Where there is none, one is waited for. A code that comes after ``due`` is not this part's, though
        it is asked for later.

        Parameters
        ----------
        called, due
            When the part was called, and until when its code may come, monotonic seconds.
        """
        with self._heard:
            self._drop(called)
            self._heard.wait_for(lambda: self._of(called, due), max(0.0, due - time.monotonic()))
            found = self._of(called, due)
            self._keep(lambda scan: scan.at > due)
            self._missed = None if found else due
        return list(dict.fromkeys(found))

    def _of(self, called: float, due: float) -> list[str]:
        return [scan.text for scan in self._scans if called - self._within_s <= scan.at <= due]

    def _drop(self, called: float) -> None:
        """Drop the codes that came between two parts, of which the one before had none."""
        before, missed = len(self._scans), self._missed
        if missed is not None and self._late == "drop":
            self._keep(lambda scan: not missed < scan.at < called)
        self.dropped += before - len(self._scans)

    def _keep(self, wanted: Callable[[Scan], bool]) -> None:
        self._scans = deque(filter(wanted, self._scans), KEPT)

    def _listen(self, link: socket.socket, stop: threading.Event) -> None:
        link.settimeout(LOOK)
        codes = Codes()
        while not stop.is_set():
            if (piece := hear(link, 4096)) == b"":
                return
            for text in codes.feed(piece or b""):
                self._heard_code(text)

    def _heard_code(self, text: str) -> None:
        with self._heard:
            self._scans.append(Scan(text, time.monotonic()))
            self._heard.notify_all()

"""A barcode scanner that sends a line of text for each code it reads, over TCP."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass

LONGEST = 512
"""Bytes of a line at the most; a longer one is none."""
LOOK = 0.2
"""Seconds between looks at whether to stop."""
RETRY = 0.5
KEPT = 16


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

    Parameters
    ----------
    within_s
        Seconds after which a code that no part has taken is of none.
    """

    def __init__(self, host: str, port: int, within_s: float) -> None:
        self._place = (host, port)
        self._within_s = within_s
        self._heard = threading.Condition()
        self._scans: deque[Scan] = deque(maxlen=KEPT)
        self.trouble = f"The scanner at {host}:{port} has not answered yet."

    def run(self, stop: threading.Event) -> None:
        """Listen until told to stop."""
        while not stop.is_set():
            try:
                with closing(socket.create_connection(self._place, 2.0)) as link:
                    self.trouble = ""
                    self._listen(link, stop)
                why = "the connection ended"
            except OSError as exc:
                why = exc.strerror or str(exc)
            self.trouble = f"The scanner at {self._place[0]}:{self._place[1]} does not answer: {why}."
            stop.wait(RETRY)

    def take(self, due: float) -> list[str]:
        """Return the codes that were read lately and that no part has taken, each once, oldest first.

        Where there is none, one is waited for until ``due``, monotonic seconds.
        """
        with self._heard:
            self._heard.wait_for(self._fresh, max(0.0, due - time.monotonic()))
            found = self._fresh()
            self._scans.clear()
        return list(dict.fromkeys(found))

    def _fresh(self) -> list[str]:
        oldest = time.monotonic() - self._within_s
        return [scan.text for scan in self._scans if scan.at >= oldest]

    def _listen(self, link: socket.socket, stop: threading.Event) -> None:
        link.settimeout(LOOK)
        codes = Codes()
        while not stop.is_set():
            try:
                piece = link.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                return
            for text in codes.feed(piece):
                self._heard_code(text)

    def _heard_code(self, text: str) -> None:
        with self._heard:
            self._scans.append(Scan(text, time.monotonic()))
            self._heard.notify_all()

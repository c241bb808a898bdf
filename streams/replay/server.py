"""An MTConnect adapter: says lines to whoever connects, when their time has come (SHDR over TCP)."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from typing import Self

from streams.clock import Clock
from streams.connectors.shdr_lines import CONDITION_FIELDS, LEVELS, SHIFT

PATIENCE = 0.1
AT_ONCE = 1000
SLOW_LIMIT = 32 << 20
PONG = b"* PONG 10000\n"


class State:
    """What an adapter tells whoever connects: the last value of every key under its own time."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}
        self._shift = 0

    def note(self, line: bytes) -> None:
        """Take note of a line that was said."""
        text = line.decode(errors="replace")
        if announced := SHIFT.fullmatch(text):
            self._shift = int(announced[1])
            self._last.clear()
            return
        time, *fields = text.split("|")
        if len(fields) == CONDITION_FIELDS - 1 and fields[1].upper() in LEVELS:
            self._last[fields[0]] = (time, text)
        elif fields and len(fields) % 2 == 0 and not fields[0].startswith("@"):
            for key, value in zip(fields[::2], fields[1::2], strict=True):
                self._last[key] = (time, f"{time}|{key}|{value}")

    def opening(self, now: int) -> bytes:
        """Return the lines that greet a client, oldest first."""
        lines = [f"* seamline-shift: {self._shift} {now}"]
        lines += [text for _, text in sorted(self._last.values())]
        return "".join(f"{line}\n" for line in lines).encode()


class Client:
    """One connection and the bytes that wait for it."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._waiting = bytearray()

    def say(self, data: bytes) -> None:
        """Send what the client takes now, keep the rest.

        Raises
        ------
        OSError
            The client is gone, or hopelessly slow.
        """
        self._waiting += data
        try:
            del self._waiting[: self.link.send(self._waiting)]
        except BlockingIOError:
            if len(self._waiting) > SLOW_LIMIT:
                raise TimeoutError("the client takes no more") from None

    def hear(self) -> None:
        """Answer a ping.

        Raises
        ------
        OSError
            The client is gone.
        """
        heard = self.link.recv(4096)
        if not heard:
            raise ConnectionResetError("the client closed the connection")
        if b"* PING" in heard:
            self.say(PONG)


class ShdrServer:
    """Play lines to any number of clients at the pace of a clock.

    The play begins when the first client connects (what was due by then is said at once) and goes on
    without clients, as a machine does.

    Parameters
    ----------
    port
        Where to listen, on loopback; 0 takes any free one (`port`).
    lines
        When to say which line: (microseconds of plant time, never falling; bytes without line end).
    clock
        The plant's clock.
    """

    def __init__(self, port: int, lines: Iterator[tuple[int, bytes]], clock: Clock) -> None:
        self._lines, self._clock = lines, clock
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._clients: list[Client] = []
        self._state = State()
        self._next = next(self._lines, None)
        self._begun = False
        self.said = 0
        """Lines said so far."""
        self.position = 0
        """Plant time of the last one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop."""
        while not stop.is_set():
            if self._begun and (due := self._due()):
                self._say(b"".join(due))
            for key, _ in self._selector.select(self._patience()):
                self._attend(key.data)

    def _due(self) -> list[bytes]:
        now = self._clock.now()
        due: list[bytes] = []
        while self._next is not None and self._next[0] <= now and len(due) < AT_ONCE:
            self.position, line = self._next
            self._state.note(line)
            due.append(line + b"\n")
            self._next = next(self._lines, None)
        self.said += len(due)
        return due

    def _patience(self) -> float:
        if not self._begun or self._next is None:
            return PATIENCE
        ahead = self._clock.wall_seconds(self._next[0] - self._clock.now())
        return min(max(ahead, 0.0), PATIENCE)

    def _attend(self, client: Client | None) -> None:
        if client is None:
            self._welcome()
            return
        try:
            client.hear()
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _welcome(self) -> None:
        link, _ = self._listener.accept()
        link.setblocking(False)
        client = Client(link)
        self._clients.append(client)
        self._selector.register(link, selectors.EVENT_READ, client)
        self._begun = True
        self._offer(client, self._state.opening(self._now()))

    def _now(self) -> int:
        """Return where the play is: now, or the last line said while it lags behind."""
        now = self._clock.now()
        return now if self._next is None else min(now, self._next[0])

    def _say(self, data: bytes) -> None:
        for client in list(self._clients):
            self._offer(client, data)

    def _offer(self, client: Client, data: bytes) -> None:
        try:
            client.say(data)
        except OSError:
            self._drop(client)

    def _drop(self, client: Client) -> None:
        self._clients.remove(client)
        self._selector.unregister(client.link)
        client.link.close()

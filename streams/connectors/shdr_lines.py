"""The lines of an MTConnect adapter (SHDR), decoded. Pure.

A line is ``timestamp|key|value[|key|value...]``; a condition is
``timestamp|key|level|native code|severity|qualifier|text``. Lines that begin with ``*`` are commands,
``@`` keys are assets, which carry no readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from streams.catalog import Machine
from streams.clock import MINUTE
from streams.connectors.batch import Batch, Decoded, number
from streams.connectors.stamps import stamp
from streams.records import GOOD, NULL, SNAPSHOT

UNAVAILABLE = "UNAVAILABLE"
LEVELS = frozenset({"NORMAL", "WARNING", "FAULT", UNAVAILABLE})
CONDITION_FIELDS = 7
MULTILINE = "--multiline--"
SHIFT = re.compile(r"\* seamline-shift: (-?\d{1,18}) (\d{1,18})")
PONG = re.compile(r"\* PONG (\d{1,9})")
LINE_LIMIT = 1 << 20
OPENING_AGE = MINUTE
"""A stamp so much older than the connection tells a state found there, not an event."""


class LineBuffer:
    """Cut a stream of bytes into lines; a line longer than `LINE_LIMIT` is given up as it is."""

    def __init__(self) -> None:
        self.rest = b""
        """What came behind the last line end."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk completes."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        if len(self.rest) > LINE_LIMIT:
            lines, self.rest = [*lines, self.rest], b""
        return lines


class ShdrDecoder:
    """Decode the lines of one connection to one machine.

    An adapter opens with the last value of every key, under the time of its last change, perhaps
    months ago. Such a value is a reading of quality SNAPSHOT at the time of connection, its own time
    kept in ``source_ts``. It is recognised by its age, until the first younger line, and later on for
    keys not yet seen on the connection.

    A replay announces itself by the line ``* seamline-shift: MICROSECONDS NOW``: all stamps behind it
    are moved by so much, the recorded ones kept in ``source_ts``, and the connection counts as opened
    at ``NOW``.

    Parameters
    ----------
    machine
        Whose lines they are; its tags say what is a number.
    opened
        Time of connection, microseconds.
    lost
        When the connection before this one was lost: what is older is a snapshot, too.
    """

    def __init__(self, machine: Machine, opened: int, lost: int = NULL) -> None:
        self._machine = machine.name
        self._numeric = {tag.name: tag.numeric for tag in machine.tags}
        self._opened, self._lost = opened, lost
        self._shift = 0
        self._fresh = False
        self._seen: set[str] = set()
        self._until = ""
        self.heartbeat: float | None = None
        """Seconds between pings that the adapter asked for."""

    def decode(self, lines: Sequence[bytes]) -> Decoded:
        """Return what whole lines say."""
        batch = Batch()
        for line in lines:
            self._line(line.decode(errors="replace").rstrip("\r"), batch)
        return batch.build()

    def _line(self, text: str, batch: Batch) -> None:
        if self._until:
            self._until = "" if text == self._until else self._until
        elif text.startswith("*"):
            self._command(text)
        elif text:
            self._data(text, text.split("|"), batch)

    def _data(self, text: str, fields: list[str], batch: Batch) -> None:
        if len(fields) > 1 and fields[1].startswith("@"):
            self._until = fields[-1] if fields[-1].startswith(MULTILINE) else ""
            return
        recorded = stamp(fields[0].partition("@")[0])
        if recorded is None:
            batch.reject("bad_time", text, self._machine)
        elif len(fields) % 2 == 0 or len(fields) == 1:
            batch.reject("malformed_line", text, self._machine, ts=recorded + self._shift)
        else:
            for key, value in self._pairs(fields):
                self._value(key, value, recorded, text, batch)

    def _pairs(self, fields: list[str]) -> Iterator[tuple[str, str]]:
        if self._is_condition(fields):
            return iter([(fields[1], fields[2].upper())])
        return zip(fields[1::2], fields[2::2], strict=True)

    def _is_condition(self, fields: list[str]) -> bool:
        return (
            len(fields) == CONDITION_FIELDS
            and fields[2].upper() in LEVELS
            and fields[3] not in self._numeric
            and fields[5] not in self._numeric
        )

    def _value(self, key: str, text: str, recorded: int, line: str, batch: Batch) -> None:
        ts, quality = self._time(key, recorded)
        source_ts = recorded if self._shift or quality == SNAPSHOT else NULL
        numeric = self._numeric.get(key)
        if numeric and not text:
            batch.reject("empty_value", line, self._machine, key, ts)
        elif numeric and text == UNAVAILABLE:
            return
        else:
            value = None if numeric is False else number(text)
            batch.add(self._machine, key, ts, text if value is None else value, quality, source_ts)

    def _time(self, key: str, recorded: int) -> tuple[int, int]:
        """Return event time and quality of a value."""
        ts = recorded + self._shift
        old = ts < max(self._opened - OPENING_AGE, self._lost)
        snapshot = old and not (self._fresh and key in self._seen)
        self._fresh = self._fresh or not old
        self._seen.add(key)
        return (self._opened, SNAPSHOT) if snapshot else (ts, GOOD)

    def _command(self, text: str) -> None:
        if announced := SHIFT.fullmatch(text):
            self._shift, opened = int(announced[1]), int(announced[2])
            self._opened = max(opened, self._lost + 1)
            self._fresh = False
            self._seen.clear()
        elif asked := PONG.fullmatch(text):
            self.heartbeat = int(asked[1]) / 1000

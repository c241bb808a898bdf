"""The lines of an MTConnect adapter (SHDR), decoded. Pure.

A line is ``timestamp|key|value[|key|value...]``; a condition is
``timestamp|key|level|native code|severity|qualifier|text``. Lines that begin with ``*`` are commands,
``@`` keys are assets, which carry no readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kernels import shdr as kernel
from kernels.shdr import EMPTY, TEXT, Pairs
from kernels.words import END, FULL, Words
from streams.catalog import Machine
from streams.clock import MINUTE
from streams.connectors.batch import NO_REJECTS, Batch, Decoded, joined, number
from streams.connectors.stamps import stamp
from streams.records import (
    GOOD,
    NULL,
    RAW_LIMIT,
    SNAPSHOT,
    UNTIMED,
    Int16,
    Int64,
    Readings,
    Text,
    constant,
)

UNAVAILABLE = "UNAVAILABLE"
LEVELS = frozenset({"NORMAL", "WARNING", "FAULT", UNAVAILABLE})
CONDITION_FIELDS = 7
MULTILINE = "--multiline--"
SHIFT = re.compile(r"\* seamline-shift: (-?\d{1,18}) (\d{1,18})")
PONG = re.compile(r"\* PONG (\d{1,9})")
LINE_LIMIT = 1 << 20
ROWS, NEW_WORDS = 8192, 4096
"""Pairs, and words not in the catalog, that are taken at a time."""
FEW, BY_HAND = 16, 256
"""Where a kernel gets through fewer pairs than this, up to so many lines are read one by one."""
LITTLE = 4096
"""Bytes that are few lines, or long ones."""
OPENING_AGE = MINUTE
"""A stamp so much older than the connection tells a state found there, not an event."""


class LineBuffer:
    """Cut a stream of bytes behind its lines; one longer than `LINE_LIMIT` is given up as it is."""

    def __init__(self) -> None:
        self.rest = bytearray()
        """What came behind the last line end."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the lines that a chunk completes, with their ends."""
        lines, end = b"", chunk.rfind(b"\n") + 1
        if end:
            lines = bytes(self.rest) + chunk[:end]
            self.rest.clear()
        self.rest += chunk[end:]
        if len(self.rest) > LINE_LIMIT:
            lines += bytes(self.rest) + b"\n"
            self.rest.clear()
        return lines


class PlainLines:
    """The kernel's side of a decoder: what it knows of a machine, and the pairs that it read last."""

    def __init__(self, machine: Machine) -> None:
        known = [tag.name for tag in machine.tags]
        words = [*kernel.LEVELS, *(name.encode(errors="replace") for name in known)]
        ends = np.cumsum([len(word) for word in words])
        spans = np.stack([ends - [len(word) for word in words], [len(word) for word in words]], axis=1)
        self._prefix = b"".join(words)
        self.begin = len(self._prefix)
        """Where the lines of a payload begin: before them stands what the machine's tables point to."""
        self._levels, tags = np.split(spans.astype(np.int64), [len(kernel.LEVELS)])
        self._numeric = np.array([tag.numeric for tag in machine.tags], dtype=np.uint8)
        self._known = Words.known(self._prefix, tags, len(known))
        self._keys, self._texts = Words.room_for(len(known) + NEW_WORDS), Words.room_for(NEW_WORDS)
        self.pairs = Pairs.room_for(ROWS)

    def payload(self, lines: bytes) -> bytes:
        """Return lines as the kernel takes them."""
        return self._prefix + lines

    def read(self, payload: bytes, at: int) -> tuple[int, int, int]:
        """Fill `pairs`; return how many, where the next line begins, and why the kernel stopped there."""
        return kernel.pairs(
            np.frombuffer(payload, dtype=np.uint8),
            at,
            levels=self._levels,
            numeric=self._numeric,
            known=self._known,
            keys=self._keys,
            texts=self._texts,
            out=self.pairs,
        )

    def texts(self, payload: bytes, rows: int) -> tuple[Text, Text]:
        """Return tags and texts of the pairs."""
        tag, text = self.pairs.key[:rows].copy(), self.pairs.text[:rows].copy()
        return Text(self._keys.read(payload), tag), Text(self._texts.read(payload), text)


class ShdrDecoder:
    """Decode the lines of one connection to one machine.

    An adapter opens with the last value of every key, under the time of its last change, perhaps
    months ago. Such a value is a reading of quality SNAPSHOT at the time of connection, its own time
    kept in ``source_ts``. It is recognised by its age, until the first younger line, and later on for
    keys not yet seen on the connection.

    A replay announces itself by the line ``* seamline-shift: MICROSECONDS NOW``: all stamps behind it
    are moved by so much, the recorded ones kept in ``source_ts``, and the connection counts as opened
    at ``NOW``.

    A line that begins with its first bar is of an adapter without a clock: its values have the time of
    their receipt and the quality UNTIMED, and say nothing of how old others are.

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
        self._opened, self._lost, self._received = opened, lost, opened
        self._shift = 0
        self._fresh = False
        self._seen: set[str] = set()
        self._until = ""
        self._plain = PlainLines(machine)
        self.heartbeat: float | None = None
        """Seconds between pings that the adapter asked for."""

    def decode(self, lines: bytes, received: int = NULL) -> Decoded:
        """Return what lines with their ends say: the plain ones by a kernel, the odd ones one by one.

        They were ``received`` now; left out, when the connection was opened.
        """
        self._received = self._opened if received == NULL else received
        payload, at = self._plain.payload(lines), self._plain.begin
        few = len(lines) < LITTLE and lines.count(b"\n") < FEW
        by_hand = FEW if few else 1
        parts: list[Decoded] = []
        while at < len(payload):
            if not self._until and not few:
                rows, at, why = self._plain.read(payload, at)
                if rows:
                    parts.append(self._pairs_said(payload, rows))
                if why == END:
                    break
                if why == FULL and rows:
                    continue
                by_hand = 1 if rows >= FEW else min(2 * by_hand, BY_HAND)
            at = self._by_hand(payload, at, by_hand, parts)
        return joined(parts)

    def _by_hand(self, payload: bytes, at: int, lines: int, parts: list[Decoded]) -> int:
        """Read some lines one by one, an asset to its end; return where the next one begins."""
        batch = Batch()
        while at < len(payload) and (lines > 0 or self._until):
            lines -= 1
            end = payload.find(b"\n", at)
            end = len(payload) if end < 0 else end
            self._line(payload[at:end].decode(errors="replace").rstrip("\r"), batch)
            at = end + 1
        parts.append(batch.build())
        return at

    def _pairs_said(self, payload: bytes, rows: int) -> Decoded:
        """Return what the pairs say that the kernel has read."""
        pairs, tag, text = self._plain.pairs, *self._plain.texts(payload, rows)
        ts, quality, source_ts = self._times(tag, pairs.ts[:rows])
        readings = Readings(
            machine=Text.constant(self._machine, rows),
            tag=tag,
            ts=ts,
            value=pairs.value[:rows].copy(),
            text=text,
            quality=quality,
            source_ts=source_ts,
        )
        kind = pairs.kind[:rows]
        if kind.max() <= TEXT:
            return Decoded(readings, NO_REJECTS)
        empty, batch = np.flatnonzero(kind == EMPTY), Batch()
        begins = pairs.line[empty].tolist()
        lines = {begin: payload[begin : begin + RAW_LIMIT].partition(b"\n")[0] for begin in set(begins)}
        raw = {begin: line.decode().rstrip("\r") for begin, line in lines.items()}
        for row, begin in zip(empty.tolist(), begins, strict=True):
            batch.reject("empty_value", raw[begin], self._machine, tag.values[tag.codes[row]], int(ts[row]))
        return Decoded(readings[kind <= TEXT], batch.build().rejects)

    def _times(self, tag: Text, recorded: Int64) -> tuple[Int64, Int16, Int64]:
        """Return event time, quality and recorded time of values, as `_time` does one by one."""
        timed = recorded != NULL
        if not timed.all():
            return self._some_times(tag, recorded, np.flatnonzero(timed))
        ts, size = recorded + self._shift, len(recorded)
        old = ts < max(self._opened - OPENING_AGE, self._lost)
        snapshot = self._snapshots(tag, old) if old.any() else old
        self._fresh = self._fresh or not old.all()
        self._seen.update(tag.values)
        source_ts = recorded.copy() if self._shift else constant(NULL, size, np.int64)
        if not snapshot.any():
            return ts, constant(GOOD, size, np.int16), source_ts
        quality = np.where(snapshot, SNAPSHOT, GOOD).astype(np.int16)
        return np.where(snapshot, self._opened, ts), quality, np.where(snapshot, recorded, source_ts)

    def _some_times(self, tag: Text, recorded: Int64, timed: Int64) -> tuple[Int64, Int16, Int64]:
        """Return times of values of which only those ``timed`` have one."""
        size = len(recorded)
        ts, source_ts = np.full(size, self._received, np.int64), np.full(size, NULL, np.int64)
        quality = np.full(size, UNTIMED, np.int16)
        if len(timed):
            own = Text.of(tag[timed].to_list())
            ts[timed], quality[timed], source_ts[timed] = self._times(own, recorded[timed])
        return ts, quality, source_ts

    def _snapshots(self, tag: Text, old: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which old values tell a state found at connection."""
        row = np.arange(len(old))
        fresh = row > (-1 if self._fresh else row[~old].min(initial=len(old)))
        first = np.full(len(tag.values), len(old))
        np.minimum.at(first, tag.codes, row)
        first[[word in self._seen for word in tag.values]] = -1
        snapshots: NDArray[np.bool_] = old & ~(fresh & (row > first[tag.codes]))
        return snapshots

    def _line(self, text: str, batch: Batch) -> None:
        if self._until:
            self._until = "" if text == self._until else self._until
        elif text.startswith("*"):
            self._command(text)
        elif text:
            self._data(text[:RAW_LIMIT], text.split("|"), batch)

    def _data(self, text: str, fields: list[str], batch: Batch) -> None:
        """Take what a line says; its beginning, ``text``, is kept once for all values that are refused."""
        if len(fields) > 1 and fields[1].startswith("@"):
            self._until = fields[-1] if fields[-1].startswith(MULTILINE) else ""
            return
        recorded = stamp(fields[0].partition("@")[0]) if fields[0] else NULL
        if recorded is None:
            batch.reject("bad_time", text, self._machine)
        elif len(fields) % 2 == 0 or len(fields) == 1:
            ts = self._received if recorded == NULL else recorded + self._shift
            batch.reject("malformed_line", text, self._machine, ts=ts)
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
        if recorded == NULL:
            return self._received, UNTIMED
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

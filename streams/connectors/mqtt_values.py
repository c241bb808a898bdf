"""What MQTT messages say: JSON lines of readings, or a value a topic, or several in its JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streams.connectors.batch import Batch, Decoded, is_whole, number
from streams.connectors.json_lines import decode_lines
from streams.connectors.mqtt_session import Message
from streams.connectors.points import Binding, Point
from streams.connectors.stamps import stamp
from streams.connectors.zones import Zone, zoned
from streams.records import GOOD, NULL, RAW_LIMIT, SNAPSHOT, UNTIMED, Rejects

LARGEST = 1 << 20
"""Bytes of a payload that are read; a larger one is refused."""
UNITS = {"s": 1_000_000, "ms": 1000, "us": 1}
FURTHEST = 1 << 62
INDEX = re.compile("[0-9]{1,6}")
MISSING = object()
WORDS = {"true": 1.0, "false": 0.0}


class BadValue(Exception):
    """What stands there is no value; the message is the reason in one word."""


@dataclass(frozen=True, slots=True)
class TimeRule:
    """Where a JSON payload says its time, and in what unit if it is a number."""

    path: str = ""
    unit: str = "us"
    zone: Zone = None
    """Of times that name none, also of those in JSON lines; None: UTC."""

    def read(self, content: Any) -> int | None:
        """Return the microseconds since 1970 that a payload names, None when it names none.

        Raises
        ------
        BadValue
            It names something that is no time.
        """
        told = follow(content, self.path) if self.path else MISSING
        if told is MISSING or told is None:
            return None
        time = stamp(zoned(told, self.zone)) if isinstance(told, str) else _scaled(told, UNITS[self.unit])
        if time is None:
            raise BadValue("bad_time")
        return time


class TopicDecoder:
    """Turn messages into readings.

    A topic to which a point is bound brings values: the address is the topic, with ``#`` and a path of
    keys and indices (``state.axes.0``) where the payload is JSON. Every other topic brings JSON lines;
    a message without any, as one that clears a retained message, is refused.
    A value without a time has that of its receipt: UNTIMED, or SNAPSHOT if the broker had kept it.

    Parameters
    ----------
    points
        Addresses bound to tags.
    texts
        Those of them whose tags take words.
    time
        Where JSON payloads of bound topics say their time.
    """

    def __init__(self, points: Iterable[Point], texts: Collection[str], time: TimeRule) -> None:
        self.binding = Binding(points)
        self._texts, self._time = frozenset(texts), time
        self.topics: dict[str, list[tuple[str, str]]] = {}
        """Of each bound topic, its addresses and their paths."""
        for address in self.binding.points:
            topic, _, path = address.partition("#")
            self.topics.setdefault(topic, []).append((address, path))

    def decode(self, messages: Sequence[Message], received: int) -> list[Decoded]:
        """Return what messages say that were received now."""
        batch, lines, kept = Batch(), list[bytes](), list[bytes]()
        for message in messages:
            if len(message.payload) > LARGEST:
                batch.reject("too_long", raw(message), None)
            elif message.topic in self.topics:
                self._values(message, received, batch)
            elif not message.payload.strip():
                batch.reject("empty_value", raw(message), None)
            else:
                (kept if message.retained else lines).append(message.payload)
        decoded = [batch.build()]
        if kept:
            decoded.append(_found(self._lines(kept, received)))
        return [*decoded, self._lines(lines, received)] if lines else decoded

    def _lines(self, payloads: Sequence[bytes], received: int) -> Decoded:
        return decode_lines(b"\n".join(payloads), received, self._time.zone)

    def _values(self, message: Message, received: int, batch: Batch) -> None:
        bound = self.topics[message.topic]
        try:
            content = _content(message.payload) if any(path for _, path in bound) else MISSING
            ts = received if (told := self._time.read(content)) is None else told
        except BadValue as exc:
            batch.reject(str(exc), raw(message), None)
            return
        quality = UNTIMED if told is None else GOOD
        source_ts = NULL
        if message.retained:
            ts, quality, source_ts = received, SNAPSHOT, NULL if told is None else told
        found = 0
        for address, path in bound:
            value = follow(content, path) if path else message.payload.decode(errors="replace")
            found += value is not MISSING
            if value is not MISSING:
                self._value(address, value, message, (ts, quality, source_ts), batch)
        if not found:
            batch.reject("no_value", raw(message), None, ts=ts)

    def _value(
        self, address: str, value: Any, message: Message, when: tuple[int, int, int], batch: Batch
    ) -> None:
        point = self.binding.points[address]
        try:
            self.binding.add(batch, address, plain(value, address in self._texts), *when)
        except BadValue as exc:
            batch.reject(str(exc), raw(message), point.machine, point.tag, when[0])


def _found(decoded: Decoded) -> Decoded:
    """Return lines that the broker had kept: those without a time tell a state found at connection."""
    readings, rejects = decoded
    quality = np.where(readings.quality == UNTIMED, SNAPSHOT, readings.quality).astype(np.int16)
    return Decoded(replace(readings, quality=quality), rejects)


def follow(content: Any, path: str) -> Any:
    """Return what stands at a path of keys and indices, `MISSING` when nothing does.

    >>> follow({"axes": [{"load": 7}]}, "axes.0.load")
    7
    """
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step, MISSING)
        elif isinstance(content, list) and INDEX.fullmatch(step) and int(step) < len(content):
            content = content[int(step)]
        else:
            return MISSING
    return content


def plain(value: Any, text: bool) -> float | str:
    """Return a value as a reading has it; what should be a number and is none stays a text.

    Raises
    ------
    BadValue
        It is no single value.
    """
    if value is None:
        raise BadValue("null_value")
    if isinstance(value, dict | list):
        raise BadValue("not_a_value")
    if isinstance(value, str):
        if not is_whole(value):
            raise BadValue("not_a_text")
        return value if text else _number(value.strip())
    if text:
        return json.dumps(value)
    try:
        return float(value)
    except OverflowError as exc:
        raise BadValue("not_a_number") from exc


def _number(value: str) -> float | str:
    if not value:
        raise BadValue("empty_value")
    read = number(value)
    return WORDS.get(value.lower(), value) if read is None else read


def _content(payload: bytes) -> Any:
    try:
        return json.loads(payload.decode())
    except (ValueError, RecursionError) as exc:
        raise BadValue("malformed_json") from exc


def _scaled(told: object, unit: int) -> int | None:
    if isinstance(told, bool) or not isinstance(told, int | float) or not abs(told) < FURTHEST / unit:
        return None
    return int(told * unit)


def raw(message: Message) -> str:
    """Return a message as the text of a reject."""
    return f"{message.topic} {message.payload[:RAW_LIMIT].decode(errors='backslashreplace')}"


def unasked(message: Message) -> Rejects:
    """Refuse a message of a topic that nobody asked for."""
    return Rejects.of("unasked_topic", [raw(message)])

"""Readings as JSON lines: machine, tag, ts, value or text, and quality and source_ts if need be. Pure.

A kernel reads the plain lines. Those that it leaves, the odd and the bad, are read one by one.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kernels import json_lines as kernel
from kernels.json_lines import Objects
from kernels.words import ODD, Words
from streams.connectors.batch import NO_REJECTS, Batch, Decoded, is_whole, joined
from streams.connectors.stamps import stamp
from streams.connectors.zones import Zone, zoned_json
from streams.records import GOOD, NULL, UNTIMED, Int64, Readings, Text

LIMIT = 1 << 62
SHORT = 1 << 15
ROWS = 8192
"""Lines that are taken at a time."""
LINE_AT_LEAST = 64
"""Bytes of a line, when room is made for lines; shorter ones only take another turn."""


class BadLine(Exception):
    """The line is no reading; the message is the reason in one word."""


def decode_lines(payload: bytes, received: int = NULL, zone: Zone = None) -> Decoded:
    """Return the readings of the lines and, with reasons, the lines that are none.

    Times are microseconds since 1970 UTC or ISO 8601 texts, of ``zone`` where they name none. A line without
    one has the time of its receipt, and UNTIMED as its quality unless it has another; where that is not
    known, it is refused.
    """
    payload, parts, at = zoned_json(payload, zone), [], 0
    while at < len(payload):
        part, at = _some(payload, at, received)
        parts.append(part)
    return joined(parts)


def _some(payload: bytes, at: int, received: int) -> tuple[Decoded, int]:
    """Return what the lines from ``at`` on say, as many as are taken together, and where the rest begins."""
    size = min(ROWS, payload.count(b"\n", at, at + ROWS * LINE_AT_LEAST) + 1)
    objects, words = Objects.room_for(size), [Words.room_for(size) for _ in range(3)]
    machines, tags, texts = words
    raw = np.frombuffer(payload, dtype=np.uint8)
    rows, at, _ = kernel.objects(raw, at, machines=machines, tags=tags, texts=texts, out=objects)
    _give_times(objects, rows, received)
    plain = _readings(objects, rows, [table.read(payload) for table in words])
    odd = np.flatnonzero(objects.kind[:rows] == ODD)
    if len(odd):
        return _merged(payload, plain, objects.line, odd, received), at
    return Decoded(plain, NO_REJECTS), at


def _give_times(objects: Objects, rows: int, received: int) -> None:
    """Give lines without a time that of their receipt; without that, leave them to Python."""
    without = objects.ts[:rows] == NULL
    if received == NULL:
        objects.kind[:rows][without] = ODD
    elif without.any():
        objects.ts[:rows][without] = received
        objects.quality[:rows][without & (objects.quality[:rows] == GOOD)] = UNTIMED


def _readings(objects: Objects, rows: int, words: list[tuple[str, ...]]) -> Readings:
    """Return the rows as readings, those of odd lines among them."""
    machine, tag, text = words
    return Readings(
        machine=Text(machine, objects.machine[:rows]),
        tag=Text(tag, objects.tag[:rows]),
        ts=objects.ts[:rows],
        value=objects.value[:rows],
        text=Text(text, objects.text[:rows]),
        quality=objects.quality[:rows],
        source_ts=objects.source_ts[:rows],
    )


def _merged(payload: bytes, plain: Readings, line: Int64, odd: Int64, received: int) -> Decoded:
    """Put what the odd lines say in their places."""
    batch, places = Batch(), []
    for row, (begin, end) in zip(odd.tolist(), line[odd].tolist(), strict=True):
        text = payload[begin:end].decode(errors="replace")
        if not text.strip():
            continue
        try:
            _read(text, batch, received)
            places.append(row)
        except BadLine as exc:
            batch.reject(str(exc), text, None)
    rest = np.delete(np.arange(len(plain)), odd)
    readings, rejects = batch.build()
    if not places or not len(rest):
        return Decoded(readings if places else plain[rest], rejects)
    order = np.argsort(np.concatenate([rest, np.array(places, dtype=np.int64)]), kind="stable")
    return Decoded(Readings.joined([plain[rest], readings])[order], rejects)


def _read(line: str, batch: Batch, received: int) -> None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadLine("malformed_json") from exc
    if not isinstance(fields, dict):
        raise BadLine("malformed_json")
    machine, tag = _name(fields, "machine"), _name(fields, "tag")
    untimed = fields.get("ts") is None and received != NULL
    ts = received if untimed else read_time(fields.get("ts"))
    source_ts = NULL if fields.get("source_ts") is None else read_time(fields["source_ts"])
    quality = read_quality(fields.get("quality", GOOD))
    quality = UNTIMED if untimed and quality == GOOD else quality
    batch.add(machine, tag, ts, _value(fields), quality, source_ts)


def _name(fields: dict[str, Any], key: str) -> str:
    if not isinstance(name := fields.get(key), str) or not is_whole(name):
        raise BadLine(f"no_{key}")
    return name


def read_time(written: object) -> int:
    """Return a time in microseconds, written so or as ISO 8601.

    Raises
    ------
    BadLine
        It is none.
    """
    time = stamp(written) if isinstance(written, str) else written
    if not isinstance(time, int) or isinstance(time, bool) or abs(time) > LIMIT:
        raise BadLine("bad_time")
    return time


def _value(fields: dict[str, Any]) -> float | str:
    value, text = fields.get("value"), fields.get("text")
    if value is None and text is None:
        raise BadLine("empty_value")
    if value is not None and text is not None:
        raise BadLine("value_and_text")
    if isinstance(value, str):
        raise BadLine("text_in_number")
    if value is None:
        return _text(text)
    try:
        return float(value)
    except (TypeError, OverflowError) as exc:
        raise BadLine("not_a_number") from exc


def _text(text: object) -> str:
    if not isinstance(text, str) or not is_whole(text):
        raise BadLine("not_a_text")
    return text


def read_quality(quality: object) -> int:
    """Return a quality.

    Raises
    ------
    BadLine
        It is none.
    """
    if not isinstance(quality, int) or not 0 <= quality < SHORT:
        raise BadLine("bad_quality")
    return quality

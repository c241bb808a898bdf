"""Readings as JSON lines: machine, tag, ts, value or text, and quality and source_ts if need be. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from streams.connectors.batch import Batch, Decoded
from streams.connectors.stamps import stamp
from streams.records import GOOD, NULL

LIMIT = 1 << 62
SHORT = 1 << 15


class BadLine(Exception):
    """The line is no reading; the message is the reason in one word."""


def decode_lines(payload: bytes) -> Decoded:
    """Return the readings of the lines and, with reasons, the lines that are none.

    Times are microseconds since 1970 UTC or ISO 8601 texts.
    """
    batch = Batch()
    for line in _lines(payload):
        try:
            _read(line, batch)
        except BadLine as exc:
            batch.reject(str(exc), line, None)
    return batch.build()


def _lines(payload: bytes) -> Iterable[str]:
    return (line for line in payload.decode(errors="replace").split("\n") if line.strip())


def _read(line: str, batch: Batch) -> None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadLine("malformed_json") from exc
    if not isinstance(fields, dict):
        raise BadLine("malformed_json")
    machine, tag = _name(fields, "machine"), _name(fields, "tag")
    ts = read_time(fields.get("ts"))
    source_ts = NULL if fields.get("source_ts") is None else read_time(fields["source_ts"])
    batch.add(machine, tag, ts, _value(fields), read_quality(fields.get("quality", GOOD)), source_ts)


def _name(fields: dict[str, Any], key: str) -> str:
    if not isinstance(name := fields.get(key), str):
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
    if not isinstance(text, str):
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

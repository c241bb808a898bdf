"""Rows of the table ``quarantine``: bad input is data too, kept with its reason to be replayed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from streams.records import NULL, RAW_LIMIT, Int64, Readings, Rejects, Rows, Text, constant

MOST = 10_000
"""Rows of one reason that are kept one by one of what is refused at once; the others are one row."""


def refused(readings: Readings, reasons: Text, received: int, producer: str) -> Rows:
    """Refuse readings (n,) for reasons (n,); ``raw`` is each as the JSON line that a connector takes.

    Of a flood one row says how many more there were, and which was their first: so few bytes can be so
    many readings that to write each of them out would hold up all other sources.
    """
    some, more = _some(reasons)
    found = readings[some]
    return _rows(
        received=received,
        producer=producer,
        machine=found.machine,
        tag=found.tag,
        ts=found.ts,
        reason=reasons[some],
        raw=Text.of(_counted(_lines(found), more)),
    )


def rejected(rejects: Rejects, received: int, producer: str) -> Rows:
    """Keep what a connector could not read; of a flood as `refused` does."""
    some, more = _some(rejects.reason)
    found = rejects[some]
    return _rows(
        received=received,
        producer=producer,
        machine=found.machine,
        tag=found.tag,
        ts=found.ts,
        reason=found.reason,
        raw=Text.of(_counted(found.raw.to_list(), more)) if more else found.raw,
    )


def unreadable(payload: bytes, received: int, producer: str) -> Rows:
    """Keep the beginning of a log entry that is not what its kind says."""
    text = payload[:RAW_LIMIT].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
    return rejected(Rejects.of("unreadable", [text]), received, producer)


def iso(ts: Int64) -> list[str | None]:
    """Return event times as ISO 8601 in UTC, None where there is none; any int64 has a form."""
    words = np.datetime_as_string(ts.astype("datetime64[us]"))
    return [None if word == "NaT" else f"{word}Z" for word in words.tolist()]


def _some(reasons: Text) -> tuple[Any, list[int]]:
    """Return which rows are kept one by one, behind them the first of those counted; their counts."""
    if len(reasons) <= MOST:
        return slice(None), []
    order = np.argsort(reasons.codes, kind="stable")
    _, first, many = np.unique(reasons.codes[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, many)
    flood = many > MOST
    kept = np.concatenate([np.sort(order[place < MOST]), order[first[flood] + MOST]])
    return kept, (many[flood] - MOST).tolist()


def _counted(lines: list[Any], more: list[int]) -> list[Any]:
    """Return what is kept of rows of which the last ones stand for more than themselves."""
    single = len(lines) - len(more)
    told = [
        json.dumps({"rows": count, "first": line}, separators=(",", ":"), ensure_ascii=False)[:RAW_LIMIT]
        for count, line in zip(more, lines[single:], strict=True)
    ]
    return lines[:single] + told


def _rows(
    *, received: int, producer: str, machine: Text, tag: Text, ts: Int64, reason: Text, raw: Text
) -> Rows:
    size = len(ts)
    return Rows(
        "quarantine",
        {
            "ts": constant(received, size, np.int64),
            "source": Text.constant(producer, size),
            "machine": _short(machine),
            "tag": _short(tag),
            "event_ts": Text.of(iso(ts)),
            "reason": reason,
            "raw": raw,
        },
    )


def _short(words: Text) -> Text:
    """Return words of which no more is left than a row can keep."""
    if max(map(len, words.values), default=0) <= RAW_LIMIT:
        return words
    return Text(tuple(word[:RAW_LIMIT] for word in words.values), words.codes)


def _lines(readings: Readings) -> list[str]:
    columns = {
        "machine": _short(readings.machine).to_list(),
        "tag": _short(readings.tag).to_list(),
        "ts": _absent(readings.ts),
        "value": readings.value.tolist(),
        "text": _short(readings.text).to_list(),
        "quality": readings.quality.tolist(),
        "source_ts": _absent(readings.source_ts),
    }
    lines = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [_line(line)[:RAW_LIMIT] for line in lines]


def _line(fields: dict[str, Any]) -> str:
    if fields["text"] is not None and np.isnan(fields["value"]):
        fields["value"] = None
    given = {name: item for name, item in fields.items() if item is not None}
    return json.dumps(given, separators=(",", ":"), ensure_ascii=False)


def _absent(times: Int64) -> list[int | None]:
    return [None if item == NULL else item for item in times.tolist()]

"""Rows of the table ``quarantine``: bad input is data too, kept with its reason to be replayed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.records import NULL, RAW_LIMIT, Int64, Readings, Rejects, Rows, Text, constant


def refused(readings: Readings, reasons: Sequence[str], received: int, producer: str) -> Rows:
    """Refuse readings (n,) for reasons (n,); ``raw`` is each as the JSON line that a connector takes."""
    return _rows(
        received=received,
        producer=producer,
        machine=readings.machine,
        tag=readings.tag,
        ts=readings.ts,
        reason=Text.of(reasons),
        raw=Text.of(_lines(readings)),
    )


def rejected(rejects: Rejects, received: int, producer: str) -> Rows:
    """Keep what a connector could not read."""
    return _rows(
        received=received,
        producer=producer,
        machine=rejects.machine,
        tag=rejects.tag,
        ts=rejects.ts,
        reason=rejects.reason,
        raw=rejects.raw,
    )


def unreadable(payload: bytes, received: int, producer: str) -> Rows:
    """Keep the beginning of a log entry that is not what its kind says."""
    text = payload[:RAW_LIMIT].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
    return rejected(Rejects.of("unreadable", [text]), received, producer)


def iso(ts: Int64) -> list[str | None]:
    """Return event times as ISO 8601 in UTC, None where there is none; any int64 has a form."""
    words = np.datetime_as_string(ts.astype("datetime64[us]"))
    return [None if word == "NaT" else f"{word}Z" for word in words.tolist()]


def _rows(
    *, received: int, producer: str, machine: Text, tag: Text, ts: Int64, reason: Text, raw: Text
) -> Rows:
    size = len(ts)
    return Rows(
        "quarantine",
        {
            "ts": constant(received, size, np.int64),
            "source": Text.constant(producer, size),
            "machine": machine,
            "tag": tag,
            "event_ts": Text.of(iso(ts)),
            "reason": reason,
            "raw": raw,
        },
    )


def _lines(readings: Readings) -> list[str]:
    columns = {
        "machine": readings.machine.to_list(),
        "tag": readings.tag.to_list(),
        "ts": _absent(readings.ts),
        "value": readings.value.tolist(),
        "text": readings.text.to_list(),
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

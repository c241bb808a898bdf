"""What is left of an output of which the database refuses some rows: those alone go to quarantine. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from streams.abc import Output
from streams.records import NULL, RAW_LIMIT, Rows, Text
from streams.waveforms import SampledRows

REASON = "refused_by_database"
MOST = 1000
"""Rows of an output that are refused one by one; what is refused beyond them is told of together."""

Refusal = Callable[[Rows], Exception | None]
"""Says why the database does not take rows, None where it does."""


class Refused(NamedTuple):
    """Rows that the database does not take, mostly a single one, and why."""

    rows: Rows
    why: Exception


def sifted(output: Output, source: str, refusal: Refusal) -> Output:
    """Return an output with the rows that are refused as rows of quarantine, each with what it held."""
    kept: list[Rows] = []
    refused: list[Refused] = []
    for rows in output.rows:
        for part, why in _parts(rows, refusal, refused):
            if why is None:
                kept.append(part)
            else:
                refused.append(Refused(part, why))
    told = tuple(quarantined(output, source, item) for item in refused)
    return Output(output.position, output.received, (*kept, *told), output.urgent)


def _parts(rows: Rows, refusal: Refusal, refused: list[Refused]) -> Iterator[tuple[Rows, Exception | None]]:
    """Halve rows until each part is taken whole or is a single row that is not."""
    why = refusal(rows) if len(rows) else None
    if why is None or len(rows) == 1 or len(refused) >= MOST:
        yield rows, why
        return
    middle = len(rows) // 2
    for part in (slice(0, middle), slice(middle, None)):
        yield from _parts(_cut(rows, part), refusal, refused)


def _cut(rows: Rows, part: slice) -> Rows:
    columns = {name: column[part] for name, column in rows.columns.items()}
    if isinstance(rows, SampledRows):
        return SampledRows(rows.table, columns, rows.samples[part])
    return Rows(rows.table, columns)


def quarantined(output: Output, source: str, refused: Refused) -> Rows:
    """Return what is landed in place of rows that no table can hold: one row of quarantine."""
    reason = str(refused.why).strip().split("\n")[0] or type(refused.why).__name__
    size = len(refused.rows)
    many = f" ({size} rows, of which the first)" if size > 1 else ""
    raw = f"log position {output.position}: {reason}{many}: {refused.rows.table} {_first(refused.rows)}"
    columns: dict[str, Any] = {
        "ts": np.array([output.received], np.int64),
        "source": Text.constant(source, 1),
        "reason": Text.constant(REASON, 1),
        "raw": Text.constant(raw[:RAW_LIMIT], 1),
    }
    return Rows("quarantine", columns)


def _first(rows: Rows) -> str:
    """Return the first row as JSON, what it does not hold left out."""
    if not len(rows):
        return "{}"
    columns = {
        name: (column[:1].to_list() if isinstance(column, Text) else column[:1].tolist())[0]
        for name, column in rows.columns.items()
        if len(column)
    }
    held = {name: value for name, value in columns.items() if not _absent(value)}
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))


def _absent(value: Any) -> bool:
    return value in (None, NULL) or (isinstance(value, float) and math.isnan(value))

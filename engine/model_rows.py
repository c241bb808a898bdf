"""How what is said of models becomes rows: verdicts of those that look on, approvals, drift."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from engine.approvals.entry import Entry as Approval
from engine.approvals.entry import digest
from streams.log.abc import Entry, Kind
from streams.records import Rows, Text
from vision.judge import worst_named
from vision.records import Verdict

Known = Callable[[str], str]
"""Returns whose OEE a station enters; raises ValueError where there is no such station."""

MEASURES = ("psi", "mean", "reference")


def shadow_rows(entry: Entry, known: Known, shard: str) -> Rows:
    """Return the row of ``shadow_verdicts``."""
    verdict = Verdict.from_json(entry.payload)
    known(verdict.station)
    texts = {
        "station": verdict.station,
        "serial": verdict.serial,
        "part_number": verdict.part_number,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "model_hash": verdict.versions.model,
        "recipe_hash": verdict.versions.recipe,
    }
    numbers = {"attempt": verdict.attempt, "ts": verdict.ts, "received": entry.received}
    score = worst_named(finding for view in verdict.views for finding in view.findings)
    return _row("shadow_verdicts", texts, numbers, {"score": math.nan if score is None else score})


def approval_rows(entry: Entry, known: Known, shard: str) -> Rows:
    """Return the row of ``model_approvals``."""
    told = Approval.from_line(entry.payload)
    texts = {
        "shard": shard,
        "line_hash": digest(entry.payload),
        "deed": told.deed.value,
        "person": told.person,
        "name": told.name,
        "model_hash": told.hash,
        "part_number": told.part_number,
        "station": told.station,
        "reason": told.reason,
        "gate": orjson.dumps(told.gate).decode(),
    }
    numbers = {"number": told.number, "at": told.at, "received": entry.received}
    return _row("model_approvals", texts, numbers, {})


def drift_rows(entry: Entry, known: Known, shard: str) -> Rows:
    """Return the row of ``drift``.

    Raises
    ------
    ValueError
        The payload is none.
    """
    try:
        told = orjson.loads(entry.payload)
        known(told["station"])
        texts = {name: str(told[name]) for name in ("station", "part_number", "view", "measure")}
        numbers = {"ts": int(told["ts"]), "frames": int(told["frames"])}
        floats = {name: float(told[name]) for name in MEASURES}
    except (KeyError, TypeError) as exc:
        raise ValueError(f"the bytes tell of no drift: {exc}") from exc
    return _row("drift", texts, numbers, floats)


ROWS: dict[Kind, Callable[[Entry, Known, str], Rows]] = {
    Kind.SHADOW: shadow_rows,
    Kind.APPROVAL: approval_rows,
    Kind.DRIFT: drift_rows,
}
"""Which entries tell of models, and how."""


def _row(table: str, texts: dict[str, str], numbers: dict[str, int], floats: dict[str, float]) -> Rows:
    columns: dict[str, Any] = {name: Text.of([text]) for name, text in texts.items()}
    columns |= {name: np.array([number], np.int64) for name, number in numbers.items()}
    columns |= {name: np.array([number], np.float64) for name, number in floats.items()}
    return Rows(table, columns)

"""How a station's entries of the log become rows and part counts: where inspection meets the flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from engine.model_rows import ROWS
from engine.plant import Plant
from engine.release.events import Event
from streams.clock import DAY
from streams.log.abc import Entry, Kind
from streams.records import NULL, PartCounts, Rows, Text
from vision.ledger import DROPPED, INSPECTED
from vision.records import Finding, FrameLoss, Outcome, Verdict, View
from vision.unjudged import NOT_INSPECTED

TOLERANCE = DAY
"""How far an event time may be from the entry's stamp."""

Rowset = tuple[Rows, ...]


class PartRows:
    """Turn verdicts and lost frames into rows (`streams.abc.PartFunction`).

    A part counts for the machine that its station judges, or for the station itself.
    """

    def __init__(self, plant: Plant) -> None:
        self._shard = plant.shard
        self._judged = {station.name: station.judges or station.name for station in plant.stations}

    def __call__(self, entry: Entry) -> tuple[Rowset, PartCounts]:
        """Return the entry's rows and the parts that it counts.

        Raises
        ------
        ValueError
            The payload cannot be read, names no station of the plant or a time out of range.
        """
        try:
            return self._read(entry)
        except (TypeError, AttributeError, OverflowError, RecursionError) as exc:
            raise ValueError(f"a field holds what it cannot: {exc}") from exc

    def _read(self, entry: Entry) -> tuple[Rowset, PartCounts]:
        if entry.kind is Kind.VERDICT:
            return self._verdict(Verdict.from_json(entry.payload), entry.received)
        if entry.kind is Kind.FRAMES:
            return self._loss(FrameLoss.from_json(entry.payload), entry.received)
        if entry.kind in ROWS:
            rows = ROWS[entry.kind](entry, self._machine, self._shard)
            if isinstance(stamps := rows.columns.get("ts"), np.ndarray):
                _check_time(entry.received, *stamps.tolist())
            return (rows,), NO_PARTS
        if entry.kind is Kind.RELEASE:
            return self._release(Event.from_json(entry.payload), entry.received)
        raise ValueError(f"an entry of kind {entry.kind.name} tells nothing of parts")

    def _verdict(self, verdict: Verdict, received: int) -> tuple[Rowset, PartCounts]:
        machine = self._machine(verdict.station)
        _check_time(received, verdict.ts, *(view.ts for view in verdict.views))
        rows = (verdict_row(verdict, machine, received), finding_rows(verdict), inspected_rows(verdict))
        return tuple(part for part in rows if len(part)), counts(verdict, machine)

    def _loss(self, loss: FrameLoss, received: int) -> tuple[Rowset, PartCounts]:
        self._machine(loss.station)
        _check_time(received, loss.ts)
        if not 1 <= loss.first <= loss.last + (loss.since > 0):
            raise ValueError(f"frames {loss.first} to {loss.last} are no range of sequence numbers")
        return (loss_row(loss),), NO_PARTS

    def _release(self, event: Event, received: int) -> tuple[Rowset, PartCounts]:
        self._machine(event.station)
        _check_time(received, event.at)
        return (release_row(event, received),), NO_PARTS

    def _machine(self, station: str) -> str:
        try:
            return self._judged[station]
        except KeyError:
            raise ValueError(f"{station!r} is no station of this plant") from None


def verdict_row(verdict: Verdict, machine: str, received: int) -> Rows:
    """Return the row of ``verdicts``."""
    identity = verdict.identity
    texts: dict[str, str | None] = {
        "station": verdict.station,
        "machine": machine,
        "serial": verdict.serial,
        "part_number": verdict.part_number,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "model_hash": verdict.versions.model,
        "preprocessing_hash": verdict.versions.preprocessing,
        "recipe_hash": verdict.versions.recipe,
        **decision_texts(verdict),
        "serial_source": identity.serial_source or None,
        "order_number": identity.order or None,
        "fixture": identity.fixture or None,
        "operator": identity.operator or None,
        "line_answer": verdict.answer or None,
    }
    decided = verdict.decision
    numbers = {
        "attempt": [verdict.attempt],
        "ts": [verdict.ts],
        "received": [received],
        "decided_finding": [_whole(decided.finding)],
        "release": [verdict.release or NULL],
    }
    floats = {"measured": [_real(decided.value)], "bound": [_real(decided.bound)]}
    return _rows("verdicts", {name: [text] for name, text in texts.items()}, numbers, floats)


def decision_texts(verdict: Verdict) -> dict[str, str | None]:
    """Return what decided; nothing of a verdict from before decisions were told."""
    decided = verdict.decision
    told: dict[str, str | None] = {
        "recipe": verdict.recipe,
        "purpose": verdict.purpose,
        "rule": decided.rule,
        "rule_set": decided.rule_set,
        "process": decided.process,
        "standard": decided.standard,
        "decided_view": decided.view,
        "measure": decided.measure,
    }
    return told if decided.rule else dict.fromkeys(told)


def finding_rows(verdict: Verdict) -> Rows:
    """Return a row of ``findings`` for each finding of each view."""
    found = [(view, finding) for view in verdict.views for finding in view.findings]
    items = [finding for _, finding in found]
    size = len(found)
    texts: dict[str, Sequence[str | None]] = {
        "station": [verdict.station] * size,
        "serial": [verdict.serial] * size,
        "camera": [view.camera for view, _ in found],
        "view": [view.view for view, _ in found],
        "frame_hash": [view.frame_hash for view, _ in found],
        "label": [finding.label for finding in items],
        "iso6520": [finding.iso6520 or None for finding in items],
        "rule": [finding.rule if finding.judged else None for finding in items],
        "judged": [finding.judged or None for finding in items],
    }
    numbers = {
        "attempt": [verdict.attempt] * size,
        "ts": [view.ts for view, _ in found],
        "place": [place for view in verdict.views for place in range(len(view.findings))],
        "on_seam": [_whole(finding.on_seam) for finding in items],
    }
    sizes = {name: [_real(getattr(item, name)) for item in items] for name in ("length_mm", "area_mm2")}
    return _rows("findings", texts, numbers, _boxes(items) | sizes)


def inspected_rows(verdict: Verdict) -> Rows:
    """Return a row of ``frame_ledger`` for each view: its frame was inspected, or why nobody did."""
    views = verdict.views
    size = len(views)
    texts: dict[str, Sequence[str | None]] = {
        "station": [verdict.station] * size,
        "camera": [view.camera for view in views],
        "view": [view.view for view in views],
        "run": [view.run for view in views],
        "outcome": [DROPPED if view.rejected in NOT_INSPECTED else INSPECTED for view in views],
        "reason": [view.rejected for view in views],
        "serial": [verdict.serial] * size,
        "frame_hash": [view.frame_hash for view in views],
        "quality": [_quality(view) for view in views],
    }
    numbers = {
        "first": [view.sequence for view in views],
        "last": [view.sequence for view in views],
        "ts": [view.ts for view in views],
        "width": [view.width for view in views],
        "height": [view.height for view in views],
    }
    return _rows("frame_ledger", texts, numbers)


def loss_row(loss: FrameLoss) -> Rows:
    """Return the row of ``frame_ledger`` for frames that were not inspected."""
    texts: dict[str, Sequence[str | None]] = {
        "station": [loss.station],
        "camera": [loss.camera],
        "view": [loss.view],
        "run": [loss.run],
        "outcome": [loss.outcome],
        "reason": [loss.reason],
        "serial": [loss.serial or None],
        "frame_hash": [loss.frame_hash or None],
    }
    numbers = {"first": [loss.first], "last": [loss.last], "ts": [loss.ts], "since": [loss.since or NULL]}
    return _rows("frame_ledger", texts, numbers)


def release_row(event: Event, received: int) -> Rows:
    """Return the row of ``releases``."""
    names = ("station", "event", "part_number", "recipe_hash", "reason", "person", "serial")
    numbers = {
        "number": [event.number],
        "at": [event.at],
        "received": [received],
        "since": [event.since or NULL],
        "until": [event.until or NULL],
    }
    return _rows("releases", {name: [getattr(event, name)] for name in names}, numbers)


def counts(verdict: Verdict, machine: str) -> PartCounts:
    """Return the one part, good, rejected or to be reviewed; a master part is none of production."""
    if verdict.purpose:
        return NO_PARTS
    return PartCounts(
        machine=Text.constant(machine, 1),
        ts=np.array([verdict.ts], np.int64),
        good=np.array([verdict.outcome is Outcome.OK], np.int64),
        reject=np.array([verdict.outcome is Outcome.NG], np.int64),
        review=np.array([verdict.outcome is Outcome.REVIEW], np.int64),
    )


NO_PARTS = PartCounts.empty()


def _check_time(received: int, *stamps: int) -> None:
    if any(abs(stamp - received) > TOLERANCE for stamp in stamps):
        raise ValueError("event_time_out_of_range: a time lies more than 24 h from its receipt")


def _boxes(findings: Sequence[Finding]) -> dict[str, Any]:
    table = np.array([(*item.box, item.score) for item in findings], np.float64).reshape(-1, 5)
    return dict(zip(("x0", "y0", "x1", "y1", "score"), np.ascontiguousarray(table.T), strict=True))


def _quality(view: View) -> str:
    """Return the gate's measures as JSON, in which a number that is none is null."""
    return orjson.dumps(view.quality, option=orjson.OPT_SORT_KEYS).decode()


def _whole(number: int | None) -> int:
    return NULL if number is None else int(number)


def _real(number: float | None) -> float:
    return np.nan if number is None else number


def _rows(
    table: str,
    texts: dict[str, Any],
    numbers: dict[str, list[int]],
    floats: dict[str, Any] | None = None,
) -> Rows:
    columns: dict[str, Any] = {name: Text.of(items) for name, items in texts.items()}
    columns |= {name: np.array(items, np.int64) for name, items in numbers.items()}
    columns |= {name: np.array(items, np.float64) for name, items in (floats or {}).items()}
    return Rows(table, columns)

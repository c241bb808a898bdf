"""Read what the station page shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from engine.console.data import Balance, Counts, Finding, Part, Picture, StationNow, Tally
from engine.console.release_query import release_now

RECENT = 12
NEAR = timedelta(minutes=10)
"""How far a part's frames may lie from its verdict (event time)."""

PARTS = """
SELECT serial, part_number, attempt, ts, outcome, reason, model_hash, preprocessing_hash, recipe_hash
FROM verdicts WHERE tenant_id = %s AND station = %s
ORDER BY ts DESC, received DESC LIMIT %s
"""
FRAMES = """
SELECT DISTINCT ON (serial, camera, view) serial, camera, view, frame_hash, width, height
FROM frame_ledger
WHERE tenant_id = %s AND station = %s AND serial = ANY(%s) AND ts BETWEEN %s AND %s
ORDER BY serial, camera, view, ts DESC
"""
FINDINGS = """
SELECT frame_hash, label, score, x0, y0, x1, y1, iso6520, rule, judged, length_mm, area_mm2, on_seam,
       place
FROM findings
WHERE tenant_id = %s AND station = %s AND serial = %s AND attempt = %s AND ts BETWEEN %s AND %s
ORDER BY score
"""
COUNTS = """
SELECT count(*) FILTER (WHERE outcome = 'OK' AND ts >= %(day)s),
       count(*) FILTER (WHERE outcome = 'NG' AND ts >= %(day)s),
       count(*) FILTER (WHERE outcome = 'REVIEW' AND ts >= %(day)s),
       count(*) FILTER (WHERE outcome = 'OK' AND ts >= %(run)s),
       count(*) FILTER (WHERE outcome = 'NG' AND ts >= %(run)s),
       count(*) FILTER (WHERE outcome = 'REVIEW' AND ts >= %(run)s),
       count(*) FILTER (WHERE ts > %(minute)s)
FROM verdicts
WHERE tenant_id = %(tenant)s AND station = %(station)s AND ts >= least(%(day)s, %(run)s, %(minute)s)
  AND coalesce(purpose, '') = ''
"""
NEWEST_RUN = """
SELECT run FROM frame_ledger WHERE tenant_id = %s AND station = %s AND camera = %s
ORDER BY ts DESC, last DESC LIMIT 1
"""
BALANCE = """
SELECT camera, run, since, captured, inspected, dropped, late, unmatched, difference FROM frame_balance
WHERE tenant_id = %s AND station = %s AND camera = %s AND run = %s
"""

Rows = Connection[tuple[Any, ...]]


def station_now(db: Rows, tenant: int, station: str) -> StationNow:
    """Return the newest parts and the newest part's pictures with their findings."""
    rows = db.execute(PARTS, [tenant, station, RECENT]).fetchall()
    release = release_now(db, tenant, station)
    if not rows:
        return StationNow((), (), release)
    frames = frames_near(db, tenant, station, {row[0]: row[3] for row in rows})
    parts = tuple(Part(*(*row, _thumbnail(frames[row[0]]))) for row in rows)
    return StationNow(parts, pictures(db, tenant, station, parts[0], frames[parts[0].serial]), release)


def frames_near(db: Rows, tenant: int, station: str, parts: Mapping[str, datetime]) -> dict[str, list[Any]]:
    """Return the newest frame of each camera and view by serial, near the times of the parts."""
    span = (min(parts.values()) - NEAR, max(parts.values()) + NEAR)
    frames: dict[str, list[Any]] = defaultdict(list)
    for serial, *frame in db.execute(FRAMES, [tenant, station, list(parts), *span]):
        frames[serial].append(frame)
    return frames


def _thumbnail(frames: list[Any]) -> str | None:
    return next((frame_hash for _, _, frame_hash, width, _ in frames if frame_hash and width), None)


def pictures(
    db: Rows, tenant: int, station: str, part: Part, frames: Sequence[Sequence[Any]]
) -> tuple[Picture, ...]:
    """Return frames (camera, view, hash, width, height) with the findings of one verdict."""
    near = (part.ts - NEAR, part.ts + NEAR)
    found: dict[str, list[Finding]] = defaultdict(list)
    for row in db.execute(FINDINGS, [tenant, station, part.serial, part.attempt, *near]):
        found[row[0]].append(Finding(row[1], row[2], row[3:7], *row[7:]))
    return tuple(
        Picture(camera, view, frame_hash, width or 0, height or 0, tuple(found[frame_hash]))
        for camera, view, frame_hash, width, height in frames
    )


def station_counts(
    db: Rows, tenant: int, station: str, cameras: list[str], now: datetime, day: datetime, speed: float
) -> Counts:
    """Count parts since ``day``, since the cameras' newest runs began, and over the last real minute."""
    balances = tuple(filter(None, (_balance(db, tenant, station, camera) for camera in cameras)))
    since = min((balance.since for balance in balances), default=None)
    bounds = {
        "tenant": tenant,
        "station": station,
        "day": day,
        "run": since or now,
        "minute": now - timedelta(minutes=speed),
    }
    counts = db.execute(COUNTS, bounds).fetchone() or (0,) * 7
    return Counts(Tally(*counts[:3]), Tally(*counts[3:6]), since, float(counts[6]), balances)


def _balance(db: Rows, tenant: int, station: str, camera: str) -> Balance | None:
    run = db.execute(NEWEST_RUN, [tenant, station, camera]).fetchone()
    if run is None:
        return None
    sums = db.execute(BALANCE, [tenant, station, camera, run[0]]).fetchone()
    return None if sums is None else Balance(*sums[:3], *map(int, sums[3:]))

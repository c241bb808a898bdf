"""Read the anomaly scores of all machines over the last hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from psycopg import Connection

from engine.console.data import Alarm, Anomaly, Scores
from engine.console.machine_query import begin, span

HOURS = timedelta(hours=8)
"""So far back the page looks."""
EDGE = timedelta(minutes=10)
"""The page's first minute moves in such steps."""
STRETCH = timedelta(seconds=30)
"""A curve has one point, the highest score, for each such stretch of time."""

CURVES = """
SELECT machine, date_bin(%(stretch)s, ts, %(start)s) AS stretch, max(score), max(ts), count(*)
FROM anomalies_latest WHERE tenant_id = %(tenant)s AND ts BETWEEN %(start)s AND %(end)s
GROUP BY machine, stretch ORDER BY machine, stretch
"""
NEWEST = """
SELECT machine, ts, score, threshold, tag, share FROM anomalies_latest
WHERE tenant_id = %(tenant)s AND ts = ANY(%(times)s)
  AND (machine, ts) IN (SELECT * FROM unnest(%(machines)s::text[], %(times)s::timestamptz[]))
"""
ALARMS = """
SELECT machine, began, ended, scores, peak, threshold, tag, explains
FROM anomaly_alarms(%(tenant)s, %(start)s, %(end)s) ORDER BY machine, began DESC, explains DESC, tag
"""

Rows = Connection[tuple[Any, ...]]


def read_scores(db: Rows, tenant: int, now: datetime) -> dict[str, Scores]:
    """Return the scores of every machine that has any, up to plant time ``now``."""
    earliest = begin(now - HOURS) + EDGE
    bounds = {"tenant": tenant, "start": earliest, "end": now, "stretch": STRETCH}
    curves = _by_machine(db.execute(CURVES, bounds))
    start = max(earliest, begin(min((points[0][0] for points in curves.values()), default=now)))
    end = start + span(now - start)
    newest = _newest(db, tenant, {machine: points[-1][2] for machine, points in curves.items()})
    alarms = _alarms(db, bounds)
    return {
        machine: Scores(
            start,
            end,
            tuple((stretch, score) for stretch, score, _, _ in points),
            newest[machine],
            alarms.get(machine, ()),
            sum(count for *_, count in points),
            now,
        )
        for machine, points in curves.items()
        if machine in newest
    }


def _by_machine(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for machine, *values in rows:
        found[machine].append(tuple(values))
    return found


def _newest(db: Rows, tenant: int, last: dict[str, datetime]) -> dict[str, Anomaly]:
    named = {"tenant": tenant, "machines": list(last), "times": list(last.values())}
    return {machine: Anomaly(*values) for machine, *values in db.execute(NEWEST, named)}


def _alarms(db: Rows, bounds: dict[str, Any]) -> dict[str, tuple[Alarm, ...]]:
    found: dict[str, list[Alarm]] = defaultdict(list)
    for (machine, *alarm), rows in groupby(db.execute(ALARMS, bounds), key=lambda row: row[:6]):
        began, ended, scores, peak, threshold = alarm
        tags = tuple((tag, explains) for *_, tag, explains in rows)
        found[machine].append(Alarm(began, ended, scores, peak, threshold, tags))
    return {machine: tuple(alarms) for machine, alarms in found.items()}

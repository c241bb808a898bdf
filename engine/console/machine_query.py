"""Read how far the shard is and what the machines page shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from engine.console.data import LOSSES, MachineNow, Oee, Progress, State, Stop, Tally

RECENT_SHIFT = timedelta(days=3)
"""A shift that began earlier is not shown as the present one."""
WITHOUT_SHIFT = timedelta(hours=8)
SPANS = tuple(timedelta(hours=hours) for hours in (1, 2, 4, 8, 12, 24))
"""Lengths a timeline may have: it grows in steps while the shift goes on."""

PROGRESS = """
SELECT clock, extract(epoch FROM clock_timestamp() - committed)::float8, position, epoch
FROM shard WHERE id = %s AND clock IS NOT NULL
"""
OEE = f"""
SELECT shift, ts, as_of, calendar_us, {", ".join(f"{name}_us" for name in LOSSES)}, effective_us,
       good, reject, review, ideal_cycle_us, availability, performance, quality, oee
FROM oee_latest
WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts = (
    SELECT max(ts) FROM oee
    WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts BETWEEN %(since)s AND %(now)s
)
ORDER BY as_of DESC LIMIT 1
"""
STATES = """
SELECT ts, end_ts, state, reason, program FROM states_latest
WHERE tenant_id = %s AND machine = %s AND ts >= %s
  AND (end_ts IS NULL OR end_ts > ts)
ORDER BY ts
"""
STATE_BEFORE = """
SELECT ts, end_ts, state, reason, program
FROM state_at(%s, %s, %s::timestamptz - interval '1 microsecond', '-infinity')
"""
STOPS = """
SELECT state, reason, stops, lasted_us, longest_us FROM stop_reasons
WHERE tenant_id = %s AND machine = %s AND ts = %s AND shift = %s
ORDER BY lasted_us DESC, state, reason
"""

Rows = Connection[tuple[Any, ...]]


def progress(db: Rows, shard: str) -> Progress | None:
    """Return how far the shard is; None while it has not begun."""
    row = db.execute(PROGRESS, [shard]).fetchone()
    return None if row is None else Progress(row[0], float(row[1]), row[2], row[3])


def machine_now(db: Rows, tenant: int, machine: str, now: datetime) -> MachineNow:
    """Return states, stops and OEE of the machine's current shift at plant time ``now``."""
    oee = _oee(db, tenant, machine, now)
    earliest = oee.ts if oee is not None else now - WITHOUT_SHIFT
    states = _states(db, tenant, machine, earliest)
    start = max(earliest, begin(states[0].ts if states else earliest))
    return MachineNow(start, start + span(now - start), states, oee, _stops(db, tenant, machine, oee))


def begin(first: datetime) -> datetime:
    """Return the round time before which nothing is known of a machine.

    >>> begin(datetime(2026, 3, 2, 14, 17, 30))
    datetime.datetime(2026, 3, 2, 14, 10)
    """
    return first.replace(minute=first.minute // 10 * 10, second=0, microsecond=0)


def span(elapsed: timedelta) -> timedelta:
    """Return the shortest of the spans that holds the elapsed time.

    >>> span(timedelta(hours=5))
    datetime.timedelta(seconds=28800)
    """
    return next((item for item in SPANS if item >= elapsed), elapsed)


def _oee(db: Rows, tenant: int, machine: str, now: datetime) -> Oee | None:
    bounds = {"tenant": tenant, "machine": machine, "since": now - RECENT_SHIFT, "now": now}
    row = db.execute(OEE, bounds).fetchone()
    if row is None:
        return None
    shift, ts, as_of, calendar, *rest = row
    losses, (effective, good, reject, review, *ratios) = rest[: len(LOSSES)], rest[len(LOSSES) :]
    tally = Tally(good, reject, review)
    return Oee(shift, ts, as_of, calendar, tuple(losses), effective, tally, *ratios)


def _states(db: Rows, tenant: int, machine: str, start: datetime) -> tuple[State, ...]:
    before = db.execute(STATE_BEFORE, [tenant, machine, start]).fetchall()
    rows = [row for row in before if row[1] is None or row[1] > start]
    return tuple(State(*row) for row in rows + db.execute(STATES, [tenant, machine, start]).fetchall())


def _stops(db: Rows, tenant: int, machine: str, shift: Oee | None) -> tuple[Stop, ...]:
    if shift is None:
        return ()
    return tuple(Stop(*row) for row in db.execute(STOPS, [tenant, machine, shift.ts, shift.shift]))

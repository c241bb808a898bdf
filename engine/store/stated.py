"""What is committed of machines: how high the versions are, and which states they were in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from psycopg import sql

from engine.store.levels import Connection
from streams.calendar import EPOCH
from streams.chain import KnownState
from streams.clock import DAY, HOUR
from streams.operators.standing import Lift

TOLD_ANEW = {"windows": 2 * HOUR, "anomalies": 2 * HOUR, "states": 3 * DAY, "runs": 3 * DAY, "oee": 3 * DAY}
"""Tables with versions, and how far behind the plant's time their rows may be told anew."""

VERSIONS = "SELECT max(version), max(ts) FROM {} WHERE tenant_id = %s AND ts >= %s"
STATES = """
SELECT m.machine, s.ts, s.state, s.reason, s.program
FROM unnest(%(machines)s::text[]) AS m (machine)
CROSS JOIN LATERAL state_at(%(tenant)s, m.machine, %(at)s, '-infinity') AS s
WHERE s.end_ts IS NULL OR s.end_ts > %(at)s
"""
ACCOUNTED = """
SELECT m.machine, account.as_of
FROM unnest(%(machines)s::text[]) AS m (machine)
CROSS JOIN LATERAL (
    SELECT oee.as_of FROM oee
    WHERE oee.tenant_id = %(tenant)s AND oee.machine = m.machine
    ORDER BY oee.ts DESC, oee.version DESC
    LIMIT 1
) AS account
"""


def lifts(connection: Connection, tenant: int, at: int, since: int) -> dict[str, Lift]:
    """Return, by table, what lifts versions from 1 on above those of all rows that may be told anew.

    Parameters
    ----------
    at : the plant's time, microseconds UTC.
    since : the beginning of the oldest state that is still to be ended.
    """
    found = {}
    with connection.transaction():
        for table, reach in TOLD_ANEW.items():
            begin = min(at - reach, since) if table == "states" else at - reach
            query = sql.SQL(VERSIONS).format(sql.Identifier(table))
            ((version, newest),) = connection.execute(query, [tenant, _moment(begin)]).fetchall()
            if version is not None:
                found[table] = Lift(version, _stamp(newest))
    return found


def states(connection: Connection, tenant: int, machines: Sequence[str], at: int) -> list[KnownState]:
    """Return the states in which machines are committed to have been at a time, microseconds UTC."""
    values = {"machines": list(machines), "tenant": tenant, "at": _moment(at)}
    with connection.transaction():
        rows = connection.execute(STATES, values).fetchall()
    return [KnownState(machine, _stamp(began), *rest) for machine, began, *rest in rows]


def accounted(connection: Connection, tenant: int, machines: Iterable[str]) -> dict[str, int]:
    """Return until when the newest shift of each machine is accounted for, microseconds UTC."""
    values = {"machines": list(machines), "tenant": tenant}
    with connection.transaction():
        return {machine: _stamp(as_of) for machine, as_of in connection.execute(ACCOUNTED, values)}


def _moment(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def _stamp(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)

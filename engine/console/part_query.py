"""Read everything about one serial: every verdict, its frames and findings, the line at that time.

Only the serial's verdicts are looked up without knowing when: their table carries an index on it.
All else is asked for within minutes of a verdict, so that partitions of other days are never opened
and a table of any length answers alike; hot tables carry nothing but BRIN on time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from engine.console.data import Anomaly, Decision, Part, Picture, State
from engine.console.station_query import NEAR, pictures
from vision.ledger import INSPECTED
from vision.unjudged import NOT_INSPECTED

ATTEMPTS = 12
"""So many verdicts of a serial are shown, the newest."""
AROUND = timedelta(minutes=15)
"""What the line did is shown so long before and after a verdict."""
STATE_LASTS = timedelta(days=30)
"""A state that began earlier is not looked for."""
SHIFT_LASTS = timedelta(days=3)
POINTS = 120
"""Points of the anomaly curve around a verdict."""

IDENTITY = ("line_answer", "order", "fixture", "operator", "serial_source")
"""What a verdict says of its part beside the serial, as the columns follow each other."""

VERDICTS = """
SELECT station, machine, serial, part_number, attempt, ts, outcome, reason,
       model_hash, preprocessing_hash, recipe_hash,
       line_answer, order_number, fixture, operator, serial_source,
       recipe, purpose, rule, rule_set, process, standard,
       decided_view, decided_finding, measure, measured, bound
FROM verdicts WHERE tenant_id = %s AND serial = %s
ORDER BY ts DESC, attempt DESC LIMIT %s
"""
SUSPECT = """
SELECT failed_at, master, reason FROM suspects
WHERE tenant_id = %s AND station = %s AND serial = %s AND attempt = %s AND judged_at = %s
"""
FRAMES = """
SELECT camera, view, run, first, last, ts, outcome, reason, frame_hash, width, height, quality
FROM frame_ledger
WHERE tenant_id = %(tenant)s AND station = %(station)s AND serial = %(serial)s
  AND ts > %(after)s AND ts <= %(until)s
  AND (outcome <> 'inspected' OR ts <= %(ts)s)
ORDER BY camera, view, ts DESC
"""
STATES = """
SELECT ts, end_ts, state, reason, program FROM states_latest
WHERE tenant_id = %s AND machine = %s AND ts BETWEEN %s AND %s AND (end_ts IS NULL OR end_ts > ts)
ORDER BY ts
"""
STATE_BEFORE = """
SELECT ts, end_ts, state, reason, program FROM states AS told
WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts < %(start)s AND ts > %(earliest)s
  AND (end_ts IS NULL OR end_ts > ts)
  AND NOT EXISTS (
    SELECT FROM states AS newer
    WHERE newer.tenant_id = told.tenant_id AND newer.machine = told.machine AND newer.ts = told.ts
      AND newer.version > told.version AND newer.ts < %(start)s AND newer.ts > %(earliest)s
  )
ORDER BY ts DESC LIMIT 1
"""
ANOMALIES = """
SELECT DISTINCT ON (bucket) ts, score, threshold, tag, share
FROM (SELECT ts, score, threshold, tag, share,
             floor(extract(epoch FROM ts - %(start)s) / %(step)s) AS bucket
      FROM anomalies_latest
      WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts BETWEEN %(start)s AND %(end)s) AS scores
ORDER BY bucket, score DESC
"""
SHIFT = """
SELECT shift, ts, as_of, oee, availability, performance, quality FROM oee_latest
WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts BETWEEN %(earliest)s AND %(ts)s AND ts = (
    SELECT max(ts) FROM oee
    WHERE tenant_id = %(tenant)s AND machine = %(machine)s AND ts BETWEEN %(earliest)s AND %(ts)s
)
ORDER BY as_of DESC LIMIT 1
"""

Rows = Connection[tuple[Any, ...]]

FACTS = 9
"""Columns of a verdict from its serial on that say what it is; who the part was follows."""
DECIDED = FACTS + len(IDENTITY)
"""From here on columns say what decided it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An entry of the frame ledger: how one frame (or a run of lost ones) of the part ended."""

    camera: str
    view: str
    run: str
    first: int
    last: int
    ts: datetime
    outcome: str
    reason: str
    frame_hash: str | None
    width: int | None
    height: int | None
    quality: dict[str, float | None] | None

    @property
    def picture(self) -> tuple[str, str, str | None, int | None, int | None]:
        """Return what a picture is drawn from."""
        return self.camera, self.view, self.frame_hash, self.width, self.height


@dataclass(frozen=True, slots=True)
class Shift:
    """The OEE of the shift that a verdict fell into, as it is known now."""

    name: str
    ts: datetime
    as_of: datetime
    oee: float | None
    availability: float | None
    performance: float | None
    quality: float | None


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine did around a verdict."""

    name: str
    states: tuple[State, ...]
    anomalies: tuple[Anomaly, ...]
    shift: Shift | None

    def state(self, ts: datetime) -> State | None:
        """Return its state at a time, None where nothing is known of it."""
        held = (item for item in self.states if item.ts <= ts and (item.end is None or ts < item.end))
        return next(held, None)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Why nobody knows whether the station saw a part right: the master part that failed after it."""

    failed_at: datetime
    master: str
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One verdict on the part, with all that it rests on and what went on around it."""

    station: str
    machine: str
    """Whose OEE the part enters."""
    part: Part
    pictures: tuple[Picture, ...]
    frames: tuple[Frame, ...]
    line: tuple[Machine, ...]
    identity: tuple[tuple[str, str], ...] = ()
    """What else was said of the part, by the names of `IDENTITY`; what nobody said is left out."""
    suspect: Suspect | None = None

    @property
    def start(self) -> datetime:
        """Return where the shown time begins."""
        return self.part.ts - AROUND

    @property
    def end(self) -> datetime:
        """Return where the shown time ends."""
        return self.part.ts + AROUND


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything about a serial, its newest verdict first; no attempt means that nobody knows it."""

    serial: str
    attempts: tuple[Attempt, ...]
    more: bool
    """Whether there are older verdicts than those shown."""


def trace(db: Rows, tenant: int, serial: str, machines: Sequence[str]) -> Trace:
    """Return everything about a serial; ``machines`` are those whose state is told with it."""
    rows = db.execute(VERDICTS, [tenant, serial, ATTEMPTS + 1]).fetchall()
    times: dict[str, list[datetime]] = defaultdict(list)
    for station, *_, ts in (row[:6] for row in rows):
        times[station].append(ts)
    attempts = []
    for station, machine, *rest in rows[:ATTEMPTS]:
        facts, told, decided = rest[:FACTS], rest[FACTS:DECIDED], rest[DECIDED:]
        part = Part(*(*facts, None, decision_of(decided)))
        frames = frames_of(db, tenant, station, part, span(part.ts, times[station]))
        shown = [item.picture for item in frames if item.outcome == INSPECTED or item.reason in NOT_INSPECTED]
        line = tuple(around(db, tenant, name, part.ts) for name in machines)
        drawn = pictures(db, tenant, station, part, shown)
        identity = tuple((name, said) for name, said in zip(IDENTITY, told, strict=True) if said)
        doubted = suspect(db, tenant, station, part)
        attempts.append(Attempt(station, machine, part, drawn, frames, line, identity, doubted))
    return Trace(serial, tuple(attempts), len(rows) > ATTEMPTS)


def suspect(db: Rows, tenant: int, station: str, part: Part) -> Suspect | None:
    """Return why a verdict is in doubt; None where it is not."""
    row = db.execute(SUSPECT, [tenant, station, part.serial, part.attempt, part.ts]).fetchone()
    return Suspect(*row) if row else None


def decision_of(row: Sequence[Any]) -> Decision | None:
    """Return what decided a verdict, None where nobody told."""
    decision = Decision(*row)
    return decision if decision.rule else None


def span(ts: datetime, verdicts: Sequence[datetime]) -> tuple[datetime, datetime]:
    """Return the time whose frames belong to the verdict at ``ts``, of all a station's ``verdicts``.

    It is `NEAR` to either side, cut where another verdict on the same serial has its own.
    """
    before = max((other for other in verdicts if other < ts), default=ts - NEAR)
    after = min((other for other in verdicts if other > ts), default=ts + 2 * NEAR)
    return max(before, ts - NEAR), min(max(after - NEAR, ts), ts + NEAR)


def frames_of(
    db: Rows, tenant: int, station: str, part: Part, within: tuple[datetime, datetime]
) -> tuple[Frame, ...]:
    """Return the ledger's entries of one verdict: inspected before it, lost before or after it."""
    bounds = {"tenant": tenant, "station": station, "serial": part.serial, "ts": part.ts}
    return tuple(Frame(*row) for row in db.execute(FRAMES, bounds | {"after": within[0], "until": within[1]}))


def around(db: Rows, tenant: int, machine: str, ts: datetime) -> Machine:
    """Return what a machine did around a time."""
    bounds = {"tenant": tenant, "machine": machine, "ts": ts, "start": ts - AROUND, "end": ts + AROUND}
    step = 2 * AROUND.total_seconds() / POINTS
    before = db.execute(STATE_BEFORE, bounds | {"earliest": ts - STATE_LASTS}).fetchall()
    within = db.execute(STATES, [tenant, machine, ts - AROUND, ts + AROUND]).fetchall()
    held = [row for row in before if row[1] is None or row[1] > bounds["start"]]
    shift = db.execute(SHIFT, bounds | {"earliest": ts - SHIFT_LASTS}).fetchone()
    return Machine(
        machine,
        tuple(State(*row) for row in held + within),
        tuple(Anomaly(*row) for row in db.execute(ANOMALIES, bounds | {"step": step})),
        Shift(*shift) if shift else None,
    )

"""How right the chain was about the machines of a simulated plant: its rows beside the recomputed truth."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from engine.plant import Plant, PlantError
from streams import simulate
from streams.calendar import EPOCH
from streams.oee import Losses
from streams.simulate.score import Account, Observed, Score
from streams.simulate.truth import Stretch, truth

TIMES = [f"{item.name}_us" for item in fields(Losses)]

UNTIL = "SELECT max(as_of) FROM oee WHERE tenant_id = %s AND machine = %s AND ts >= %s AND as_of > %s"
STATES = """
SELECT ts, end_ts, state, reason FROM states_latest
WHERE tenant_id = %s AND machine = %s AND ts >= %s AND (end_ts IS NULL OR end_ts > ts) ORDER BY ts
"""
RUNS = """
SELECT end_ts FROM runs_latest WHERE tenant_id = %s AND machine = %s AND end_ts >= %s AND completed <> 0
ORDER BY end_ts
"""
ACCOUNTS = f"""
SELECT ts, as_of, good, reject, review, {", ".join(TIMES)} FROM oee_latest
WHERE tenant_id = %s AND machine = %s AND as_of >= %s ORDER BY ts
"""
SCORES = """
SELECT ts, score - threshold FROM anomalies_latest
WHERE tenant_id = %s AND machine = %s AND ts >= %s ORDER BY ts
"""


def machine_scores(plant: Plant, dsn: str, seed: int = simulate.SEED) -> list[Score]:
    """Return a score for each simulated machine, over the plant's last start.

    Parameters
    ----------
    plant
        The plant as it was run (``run/plant.yaml`` of its home).
    dsn
        The database; reading is enough.
    seed
        The simulated shop's seed.

    Raises
    ------
    PlantError
        The plant is not the demo's simulated one.
    """
    if plant.replay is None or not plant.simulated:
        raise PlantError("Only a simulated plant has a truth to compare with; run `seamline demo` first.")
    start = plant.replay.start_us
    counts = {machine.name: machine.counts for machine in plant.machines}
    found = []
    with psycopg.connect(dsn, autocommit=True) as db:
        for model in simulate.SHOP:
            seen = observed(db, plant.tenant, model.name, start) if model.name in counts else None
            if seen is not None:
                played = model if counts[model.name] == "parts" else replace(model, judged_s=None)
                true = truth(seed, start, seen.until, [played])[model.name]
                found.append(simulate.score(true, seen))
    return found


def observed(db: psycopg.Connection[Any], tenant: int, machine: str, start: int) -> Observed | None:
    """Return what was said of a machine since a time (microseconds); None while there is no account."""
    since = EPOCH + timedelta(microseconds=start)
    of = (tenant, machine, since)
    (until,) = db.execute(UNTIL, (tenant, machine, since - timedelta(days=1), since)).fetchone() or (None,)
    if until is None:
        return None
    end = _us(until)
    states = [
        Stretch(_us(ts), end if ended is None else _us(ended), state, reason)
        for ts, ended, state, reason in db.execute(STATES, of).fetchall()
    ]
    told = db.execute(SCORES, of).fetchall()
    return Observed(
        until=end,
        states=tuple(states),
        finished=tuple(_us(ts) for (ts,) in db.execute(RUNS, of).fetchall()),
        accounts=tuple(_account(row) for row in db.execute(ACCOUNTS, of).fetchall()),
        ts=np.array([_us(ts) for ts, _ in told], dtype=np.int64),
        scores=np.array([above for _, above in told], dtype=np.float64),
    )


def _account(row: tuple[Any, ...]) -> Account:
    ts, as_of, good, reject, review, *times = row
    losses = Losses(**{item.name: time for item, time in zip(fields(Losses), times, strict=True)})
    return Account(_us(ts), _us(as_of), losses, (good, reject, review))


def _us(ts: datetime) -> int:
    since = ts - EPOCH
    return since // timedelta(microseconds=1)

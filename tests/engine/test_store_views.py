import numpy as np
import pytest

from engine.store import connect
from engine.store.levels import partitions
from streams.catalog import Catalog, EventRule
from streams.chain import LineChain
from streams.clock import SECOND
from streams.events import written
from streams.operators.testing import NOON, believed, entry, events_of, machine, numbers, table, tick

DAY = 19_675
T = "2023-11-14 06:00:00+00"
LATER = "2023-11-14 07:00:00+00"
LOSSES = (
    "unscheduled",
    "no_data",
    "planned_stop",
    "setup",
    "unplanned_stop",
    "minor_stop",
    "speed_loss",
    "reject_loss",
    "review_loss",
    "effective",
)


@pytest.fixture
def connection(dsn):
    with connect(dsn) as connection:
        for table in ("readings", "oee", "states", "runs", "anomalies", "windows", "frame_ledger"):
            partitions(connection).ensure(connection, table, [DAY, DAY + 1])
        yield connection


def insert(connection, table, **values):
    columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))


def account(connection, version=1, ideal=10, counts=(6, 1, 1), **losses):
    spent = {f"{name}_us": losses.get(name, 0) for name in LOSSES}
    good, reject, review = counts
    insert(
        connection,
        "oee",
        tenant_id=1,
        machine="press",
        ts=T,
        shift="early",
        version=version,
        as_of=T,
        calendar_us=sum(spent.values()),
        good=good,
        reject=reject,
        review=review,
        ideal_cycle_us=ideal,
        **spent,
    )


def ratios(connection):
    query = "SELECT busy_us, production_us, availability, performance, quality, oee FROM oee_latest"
    return connection.execute(query).fetchall()


def test_oee_is_the_product_of_its_three_factors(connection):
    account(
        connection,
        unscheduled=30,
        no_data=20,
        planned_stop=10,
        setup=15,
        unplanned_stop=25,
        minor_stop=30,
        speed_loss=50,
        reject_loss=10,
        review_loss=10,
        effective=60,
    )
    ((busy, production, availability, performance, quality, oee),) = ratios(connection)
    assert (busy, production) == (200, 160)
    assert (availability, performance, quality) == (0.8, 0.5, 0.75)
    assert oee == pytest.approx(availability * performance * quality)
    assert oee == 60 / 200


def test_ratios_are_null_where_they_are_undefined(connection):
    account(connection, counts=(0, 0, 0), no_data=100)
    assert ratios(connection) == [(0, 0, None, None, None, None)]


def test_without_an_ideal_cycle_there_is_no_performance(connection):
    account(connection, ideal=None, speed_loss=100)
    assert ratios(connection) == [(100, 100, 1.0, None, 0.75, None)]


def test_only_the_latest_account_counts(connection):
    account(connection, version=1, effective=10, speed_loss=90)
    account(connection, version=3, effective=30, speed_loss=70)
    account(connection, version=2, effective=20, speed_loss=80)
    assert [row[-1] for row in ratios(connection)] == [0.3]


def test_only_the_latest_version_of_a_state_and_a_window_counts(connection):
    for version, end in ((1, None), (2, LATER)):
        common = {"tenant_id": 1, "machine": "press", "ts": T, "version": version}
        insert(connection, "states", **common, end_ts=end, state="run", reason="ACTIVE")
        sums = {"count": 4, "sum": 8.0 * version, "min": 0.0, "max": 9.0}
        insert(connection, "windows", **common, tag="load", width_us=1_000_000, **sums)
    assert connection.execute("SELECT version, end_ts IS NULL FROM states_latest").fetchall() == [(2, False)]
    assert connection.execute("SELECT version, mean FROM windows_latest").fetchall() == [(2, 4.0)]


def state(connection, ts, version, end, state="run"):
    common = {"tenant_id": 1, "machine": "press", "reason": "", "state": state}
    insert(connection, "states", **common, ts=ts, version=version, end_ts=end)


def test_what_was_withdrawn_is_in_no_view(connection):
    state(connection, T, 1, None)
    state(connection, LATER, 1, None, "stop")
    state(connection, T, 2, LATER)
    state(connection, LATER, 2, LATER, "stop")
    state(connection, T, 3, None)
    assert connection.execute("SELECT version, state FROM states_latest").fetchall() == [(3, "run")]
    at = "SELECT state, end_ts IS NULL FROM state_at(1, 'press', %s, '-infinity')"
    assert connection.execute(at, ["infinity"]).fetchall() == [("run", True)]
    assert connection.execute(at, ["2023-11-14 05:59:59+00"]).fetchall() == []
    run = {"tenant_id": 1, "machine": "press", "ts": T, "completed": 1, "parts": 1}
    for version, end in ((1, LATER), (2, T)):
        insert(connection, "runs", **run, version=version, end_ts=end)
        found = connection.execute("SELECT version FROM runs_latest").fetchall()
        assert found == ([(1,)] if version == 1 else [])


def test_only_the_latest_version_of_a_score_counts(connection):
    for version, score in ((1, 9.0), (2, 1.0)):
        said = {"tenant_id": 1, "machine": "press", "ts": T, "threshold": 2.0, "tag": "load", "share": 1.0}
        insert(connection, "anomalies", **said, version=version, score=score)
    assert connection.execute("SELECT version, score FROM anomalies_latest").fetchall() == [(2, 1.0)]
    assert connection.execute("SELECT * FROM anomaly_alarms(1, '-infinity', 'infinity')").fetchall() == []


def restless(seed):
    """Rows of a line whose numbers come up to half a minute late, every other one: alarms come and go."""
    rng = np.random.default_rng(seed)
    chain = LineChain(
        Catalog((machine("mill"),), EventRule("line-1", 86_400 * SECOND)), lambda entry: ((), None)
    )
    values = rng.normal(size=720) + 9.0 * (rng.random(720) < 0.012) * (np.arange(720) > 130)
    told = [(NOON + place * SECOND // 2, value) for place, value in enumerate(values.tolist())]
    delays = rng.integers(0, 27 * SECOND, 720) * (np.arange(720) % 2)
    arrivals = sorted((ts + int(delay), ts, value) for (ts, value), delay in zip(told, delays, strict=True))
    arrivals += [(NOON + second * SECOND, None, 0.0) for second in range(400, 600)]
    for place, (received, ts, value) in enumerate(arrivals, start=1):
        late = tick(place, received) if ts is None else None
        heard = late or entry(place, numbers([("mill", "a", ts, value)]), received)
        yield from chain.update(heard).rows


@pytest.mark.parametrize("seed", range(3))
def test_alarms_told_to_others_are_in_the_end_those_of_the_view(connection, seed):
    rows = list(restless(seed))
    columns = ("machine", "ts", "version", "score", "threshold", "tag", "share")
    for values in table(rows, "anomalies", *columns):
        said = dict(zip(columns, values, strict=True))
        insert(connection, "anomalies", tenant_id=1, **said | {"ts": written(said["ts"])})
    query = (
        "SELECT DISTINCT machine, began, ended, scores, peak FROM anomaly_alarms(1, '-infinity', 'infinity')"
    )
    found = connection.execute(query).fetchall()
    events = events_of(rows)
    assert "alarm_withdrawn" in {kind for _, kind, _ in events}
    assert believed(events) == {
        (name, began.isoformat()): (ended.isoformat(), scores, peak)
        for name, began, ended, scores, peak in found
    }
    assert found


def test_a_reading_that_was_sent_again_counts_once(connection):
    common = {"tenant_id": 1, "machine": "press", "ts": T, "quality": 0}
    for minute in (2, 1):
        received = f"2023-11-14 06:0{minute}:00+00"
        insert(connection, "readings", **common, received=received, tag="load", value=1.0)
        insert(connection, "readings", **common, received=received, tag="execution", text="ACTIVE")
    insert(connection, "readings", **common, received=T, tag="load", value=2.0)
    query = "SELECT tag, value, text, extract(minute FROM received)::int4 FROM readings_once"
    found = connection.execute(query).fetchall()
    assert found == [("execution", None, "ACTIVE", 1), ("load", 1.0, None, 1), ("load", 2.0, None, 0)]


def frames(connection, outcome, first, last, run="r1"):
    common = {"tenant_id": 1, "station": "gate", "camera": "c1", "view": "front", "run": run, "ts": T}
    insert(connection, "frame_ledger", **common, first=first, last=last, outcome=outcome, reason="")


def test_the_ledger_closes_when_every_frame_is_in_it(connection):
    frames(connection, "inspected", 1, 1)
    frames(connection, "dropped", 2, 5)
    frames(connection, "late", 6, 6)
    frames(connection, "unmatched", 7, 8)
    frames(connection, "inspected", 1, 2, run="r2")
    frames(connection, "inspected", 4, 4, run="r2")
    frames(connection, "dropped", 5, 4, run="r2")
    found = connection.execute(
        "SELECT run, captured, inspected, dropped, late, unmatched, difference"
        " FROM frame_balance ORDER BY run"
    ).fetchall()
    assert found == [("r1", 8, 1, 4, 1, 2, 0), ("r2", 4, 3, 0, 0, 0, 1)]

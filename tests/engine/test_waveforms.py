"""Waveforms on their way into the database, on every level: exactly once, readable, and gone when due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.plant import Plant
from engine.retention import sweep
from engine.store import RowsRefused, connect
from engine.store.backlog import Backlog, Pace
from engine.store.copy import fields
from engine.store.digest import digests
from engine.store.master import register
from engine.store.tables import Column, Table
from engine.writer import Writer
from streams.abc import Output
from streams.catalog import Catalog, Machine, Sensor
from streams.clock import DAY, SECOND
from streams.operators.waveforms import AdmitWaveforms, Recorded
from streams.records import Rows, Text
from streams.samples import Samples
from streams.waveforms import Waveforms

T0 = 20_500 * DAY + 12 * 3600 * SECOND
CATALOG = Catalog((Machine("press", (), sensors=(Sensor("bearing", "g", ("x", "y")),)),))
QUICK = Pace(delay=0.01, idle=0.01)


def waveforms(*samples, ts=T0, full_scale=2.0, shaft_rpm=1500.0):
    size = len(samples)
    return Waveforms(
        machine=Text.constant("press", size),
        sensor=Text.constant("bearing", size),
        axis=Text.of(["xy"[row % 2] for row in range(size)]),
        ts=np.full(size, ts) + np.arange(size) * SECOND,
        rate_hz=np.full(size, 4.0),
        full_scale=np.full(size, full_scale),
        unit=Text.constant("g", size),
        shaft_rpm=np.full(size, shaft_rpm),
        quality=np.zeros(size, np.int16),
        samples=Samples.of(samples),
    )


def output(position, found, received=T0):
    return Output(position, received, AdmitWaveforms(CATALOG).update(Recorded(found, received, "sensors/1")))


def land(dsn, *outputs):
    writer = Writer(dsn, "line-1", 1, QUICK)
    writer.write(outputs)
    assert writer.flush(20)
    writer.close()


def query(dsn, statement):
    with connect(dsn) as connection:
        return connection.execute(statement).fetchall()


def plant(**retention):
    return Plant.model_validate(
        {
            "name": "shop",
            "machines": [{"name": "press", "tags": [], "sensors": [{"name": "bearing", "unit": "g"}]}],
            "retention": retention,
        }
    )


def test_samples_land_as_they_were(dsn):
    noise = np.random.default_rng(1).normal(size=131_072).astype(np.float32)
    land(
        dsn,
        output(1, waveforms([0.1, -2.5], noise)),
        output(2, waveforms([1e-45, 3.4e38], full_scale=np.nan)),
    )
    rows = query(
        dsn, "SELECT axis, count, clipped, shaft_rpm, samples FROM waveforms ORDER BY count, clipped"
    )
    assert [row[:4] for row in rows] == [
        ("x", 2, 1, 1500.0),
        ("x", 2, None, 1500.0),
        ("y", 131_072, int((abs(noise) >= 2).sum()), 1500.0),
    ]
    assert np.array_equal(np.array(rows[0][4], np.float32), np.array([0.1, -2.5], np.float32))
    assert np.array_equal(np.array(rows[1][4], np.float32), np.array([1e-45, 3.4e38], np.float32))
    assert np.array_equal(np.array(rows[2][4], np.float32), noise)


def test_a_part_of_the_samples_is_an_expression(dsn):
    land(dsn, output(1, waveforms(range(1000))))
    assert query(dsn, "SELECT samples[11:13], samples[1000] FROM waveforms") == [([10.0, 11.0, 12.0], 999.0)]


def test_what_was_committed_comes_once_whoever_sends_it_again(dsn):
    """A second owner begins behind the first one's position; the rows of one entry come or stay together."""
    land(dsn, output(1, waveforms([1], [2])), output(2, waveforms([3])))
    before = query(dsn, "SELECT position FROM shard"), query(dsn, "SELECT count(*) FROM waveforms")
    writer = Writer(dsn, "line-1", 1, QUICK)
    assert writer.position == 2
    writer.close()
    assert before == ([(2,)], [(3,)])
    with connect(dsn) as connection:
        assert digests(connection)["waveforms"].rows == 3


def test_readers_see_their_tenants_waveforms_with_their_end(dsn):
    with connect(dsn) as connection:
        register(connection, plant())
    land(dsn, output(1, waveforms([0] * 9, shaft_rpm=np.nan)))
    found = query(
        dsn,
        "SELECT machine, sensor, axis, extract(epoch FROM ends_at - starts_at)::float8, rate_hz, unit,"
        " shaft_rpm, cardinality(samples) FROM reliability.waveforms",
    )
    assert found == [("press", "bearing", "x", 2.0, 4.0, "g", None, 9)]
    with connect(dsn) as connection:
        connection.execute("DELETE FROM tenant_users")
    assert query(dsn, "SELECT * FROM reliability.waveforms") == []


def test_waveforms_leave_by_their_own_days_and_become_parquet(dsn, tmp_path):
    with connect(dsn) as connection:
        register(connection, plant())
    old = T0 - 20 * DAY
    land(dsn, output(1, waveforms([0.1, np.float32(1e-7)], [3.0], ts=old), old), output(2, waveforms([5.0])))
    due = plant(waveforms=10, archive=str(tmp_path / "archive"))
    assert [(one.what, one.rows) for one in sweep(dsn, due, tmp_path)] == [("waveforms", 2)]
    assert query(dsn, "SELECT samples FROM waveforms") == [([5.0],)]
    (file,) = (tmp_path / "archive").rglob("*.parquet")
    table = pq.read_table(file)
    assert table["samples"].to_pylist() == [np.array([0.1, 1e-7], np.float32).tolist(), [3.0]]
    assert table["ts"].to_pylist()[0] == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=old)


def test_the_longest_waveform_fits_into_the_archive(dsn, tmp_path):
    with connect(dsn) as connection:
        register(connection, plant())
    old = T0 - 20 * DAY
    tiny = -np.random.default_rng(1).random(131_072).astype(np.float32) * np.float32(1e-30)
    land(dsn, output(1, waveforms(tiny, tiny, tiny, ts=old), old), output(2, waveforms([5.0])))
    sweep(dsn, plant(waveforms=10, archive=str(tmp_path / "archive")), tmp_path)
    (file,) = (tmp_path / "archive").rglob("*.parquet")
    for row in pq.read_table(file)["samples"]:
        assert np.array_equal(row.values.to_numpy(), tiny)


def test_a_few_long_waveforms_fill_the_writers_backlog_as_many_rows_would():
    backlog = Backlog(Pace(bound=10_000))
    for position in (1, 2, 3):
        assert backlog.has_room
        backlog.add([output(position, waveforms(np.zeros(131_072)))], 0.0)
    assert not backlog.has_room


def test_samples_of_another_kind_are_refused():
    table = Table("t", (Column("tenant_id", "int4", False), Column("samples", "_float4", False)))
    with pytest.raises(RowsRefused, match="column samples of table t takes samples"):
        fields(table, Rows("t", {"samples": np.zeros(3)}), 1)

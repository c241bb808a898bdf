from datetime import timedelta

from engine.console import cluster_query
from engine.console.cluster_query import store

HOUR = timedelta(hours=1)


def quarantined(line, reason, ago, tenant=1):
    line.insert("quarantine", tenant_id=tenant, ts=line.clock - ago, source="gateway", reason=reason, raw="?")


def test_the_level_is_the_database_s_own(line, dsn):
    found = store(line.db, 1, line.clock)
    assert found.level in ("plain", "timescale_apache", "timescale_community")
    assert found.version == line.db.info.server_version // 10_000


def test_a_day_s_quarantine_by_reason(line):
    for reason, hours in (("late", 1), ("late", 2), ("bad_time", 3), ("late", 25)):
        quarantined(line, reason, hours * HOUR)
    quarantined(line, "late", HOUR, tenant=2)
    found = store(line.db, 1, line.clock)
    assert found.quarantine == (("late", 2), ("bad_time", 1))
    assert not found.flooded


def test_a_flood_is_not_counted_to_its_end(line, monkeypatch):
    monkeypatch.setattr(cluster_query, "COUNTED", 2)
    for _ in range(5):
        quarantined(line, "late", HOUR)
    assert store(line.db, 1, line.clock).quarantine == (("late", 2),)
    assert store(line.db, 1, line.clock).flooded

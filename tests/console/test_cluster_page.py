"""The cluster page drawn from records, without database or browser."""

from __future__ import annotations

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from engine.console import cluster_page
from engine.console.chain import chain, rate, state, total
from engine.console.cluster_query import COUNTED, Store
from engine.console.locale import Locale
from engine.console.vitals import Vital
from engine.health import Health, Part
from engine.store.levels import Level

NOW = 1_700_000_000_000_000
SECOND = 1_000_000
SAY, CHINESE = Locale("en", ZoneInfo("UTC")), Locale("zh", ZoneInfo("UTC"))
LOOSE = "The adapter at mill:7878 does not answer: Connection refused."
STORE = Store(Level.PLAIN, 18, (("late", 12), ("bad_time", 3)))
FRAMES = {"captured": 20, "inspected": 15, "dropped": 2, "late": 1, "unmatched": 0, "open": 2}


def vital(kind, name="line-1", age=0, seconds=10, past=None, **values):
    """A process at NOW whose record is ``age`` seconds old, and one from ``seconds`` before."""
    defaults = {"pid": 7, "started": NOW - 60 * SECOND, "updated": NOW - age * SECOND}
    record = Health(kind, name, **defaults | values)
    before = replace(record, updated=record.updated - seconds * SECOND, **(past or {}))
    return Vital(kind, name, NOW, record, before)


def part(kind, name, trouble="", **counters):
    return Part(kind, name, trouble, counters, since=NOW - 30 * SECOND, moved=NOW - 2 * SECOND)


def gateway(trouble="", **values):
    return vital("gateway", parts=(part("source", "mill", trouble, readings=5000, rejects=3),), **values)


def station(trouble="", **values):
    parts = (
        part("camera", "top", trouble, **FRAMES),
        part("evidence", "evidence"),
        part("log", "log"),
    )
    return vital("station", "weld-1", parts=parts, counters=FRAMES, **values)


def appender(trouble="", **values):
    counters = {
        "position": 900,
        "consumed": 100,
        "bytes": 1 << 30,
        "limit_bytes": 4 << 30,
        "disk_free_bytes": 9e9,
    }
    return vital("appender", parts=(part("log", "line-1", trouble),), counters=counters, **values)


def shard(trouble="", **values):
    counters = {"position": 880, "epoch": 3, "commits": 70, "lag_entries": 20, "lag_s": 1.5, "refused": 0}
    return vital("shard", parts=(part("database", "database", trouble),), counters=counters, **values)


def plant(**changed):
    whole = {"gateway": gateway(), "station": station(), "appender": appender(), "shard": shard()}
    return list((whole | changed | {"console": vital("console")}).values())


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_all_is_well_in_two_words():
    drawing = cluster_page.headline(plant(), None, NOW, SAY)
    assert words(drawing).strip() == "Everything runs"
    assert "headline--good" in drawing


def test_every_trouble_is_said_with_its_beginning():
    found = plant(gateway=gateway(LOOSE), station=station(age=60))
    drawing = words(cluster_page.headline(found, (NOW - 5 * SECOND) / SECOND, NOW, SAY))
    assert "Needs attention: 3" in drawing
    assert f"Gateway · mill {LOOSE} since 22:12:50, 30 s" in drawing
    assert "Station weld-1 silent since 22:12:20, 1 min 0 s" in drawing
    assert "Database away since 22:13:15, 5 s" in drawing


def test_a_process_never_heard_of_needs_attention():
    drawing = words(cluster_page.headline([Vital("shard", "line-1", NOW)], None, NOW, SAY))
    assert "Shard It has said nothing yet." in drawing


def test_a_shard_that_lags_needs_attention():
    late = shard()
    late = replace(late, record=replace(late.record, counters={**late.record.counters, "lag_s": 86.0}))
    drawing = words(cluster_page.headline(plant(shard=late), None, NOW, SAY))
    assert "Shard It is 1 min 26 s behind the log. to commit: 20" in drawing
    assert nodes(chain(plant(shard=late), STORE, False, SAY))["shard"] == "bad"


def test_what_has_ended_does_not_run():
    found = plant(station=station(ended=True, age=600))
    drawing = words(cluster_page.headline(found, None, NOW, SAY))
    assert "Needs attention: 1" in drawing
    assert "Station weld-1 ended since 22:03:20, 10 min" in drawing
    assert nodes(chain(found, STORE, False, SAY))["stations"] == "unknown"


def test_troubles_are_said_in_chinese():
    drawing = cluster_page.headline(plant(gateway=gateway(LOOSE)), None, NOW, CHINESE)
    assert "适配器 mill:7878 无应答：连接被拒绝。" in drawing
    assert "需要处理：1 项" in drawing


def test_a_camera_s_ledger_closes():
    drawing = cluster_page.station(station(past={"parts": ()}), SAY)
    assert "20 captured 15 inspected 2 dropped 1 late 0 unmatched 2 under way" in words(drawing)
    assert "works since 22:12:50, 30 s" in words(drawing)
    assert "Last frame 2 s ago" in words(drawing)


def test_a_station_s_plc_is_shown_with_what_went_wrong():
    counters = {"cycles": 1204, "answers_ok": 1200, "answers_ng": 4, "last_cycle_ms": 84.2, "time_out": 2}
    sound = station()
    record = replace(sound.record, parts=(*sound.record.parts, part("handshake", "s7", **counters)))
    drawing = words(cluster_page.station(replace(sound, record=record), SAY))
    assert "PLC s7" in drawing
    assert "hears and is heard since 22:12:50" in drawing
    assert "Parts triggered 1,204 Last answer after 84 ms OK 1,200" in drawing
    assert "not judged in time 2" in drawing
    assert "triggered twice" not in drawing


def test_a_station_without_a_reference_says_how_far_it_is_instead_of_that_nothing_moved():
    sound = station()
    learns = part(
        "drift_reference", "drift_reference", **{"demo / top / mean": 312, "demo / front / mean": 40}
    )
    record = replace(sound.record, parts=(*sound.record.parts, part("drift", "drift"), learns))
    drawing = words(cluster_page.station(replace(sound, record=record), SAY))
    assert "Learns what it sees: 40 of 500 frames of the reference" in drawing
    assert "What it sees is as before" not in drawing


def test_a_camera_in_trouble_says_why():
    drawing = words(
        cluster_page.station(station("Camera top: /dev/v0 gives no pictures; check the plug."), SAY)
    )
    assert "gives no pictures; check the plug. since 22:12:50" in drawing
    assert "works" not in drawing


@pytest.mark.parametrize("draw", [cluster_page.station, cluster_page.connectors, cluster_page.log])
def test_a_silent_process_is_not_said_to_be_well(draw):
    made = {cluster_page.station: station, cluster_page.connectors: gateway, cluster_page.log: appender}[draw]
    drawing = draw(made(age=60), SAY)
    assert "Silent since 22:12:20 (1 min 0 s): what is shown is of then." in drawing
    assert "vital--silent" in drawing
    assert not re.search(r"\b(works|(?<!Last )heard|well|runs)\b", words(drawing))


def test_a_process_that_has_said_nothing_shows_nothing():
    drawing = cluster_page.connectors(Vital("gateway", "line-1", NOW), SAY)
    assert "It has said nothing yet." in drawing
    assert "data-part" not in drawing


def test_a_connector_s_rate_and_rejects():
    before = {"parts": (part("source", "mill", readings=4000),)}
    drawing = words(cluster_page.connectors(gateway(past=before), SAY))
    assert "Rate 100/s" in drawing
    assert "Readings 5,000 Quarantined 3" in drawing
    assert "Last heard 2 s ago" in drawing


def test_a_source_never_heard():
    never = Part("source", "mill", LOOSE, {}, since=NOW)
    assert "Last heard never" in words(cluster_page.connectors(vital("gateway", parts=(never,)), SAY))


def test_a_plant_without_sources():
    assert "names no source" in cluster_page.connectors(vital("gateway"), SAY)


def test_the_log_s_room():
    drawing = words(cluster_page.log(appender(), SAY))
    assert "Used 1.0 GiB of 4.0 GiB" in drawing
    assert "Entries still needed 800" in drawing
    assert cluster_page.size(3 << 20) == "3.0 MiB"


def test_the_shard_s_lag_and_what_is_in_quarantine():
    drawing = words(cluster_page.shard(shard(past={"counters": {"commits": 30}}), STORE, SAY))
    assert "Behind 1 s Entries to commit 20 Committed up to 880 Commits 4.0/s Last snapshot –" in drawing
    assert "Level PostgreSQL 18" in drawing
    assert "late 12 bad_time 3" in drawing
    flood = Store(Level.PLAIN, 18, (("late", COUNTED),))
    assert "more than 100,000" in words(cluster_page.quarantine(flood, SAY))
    assert "nothing" in cluster_page.quarantine(Store(Level.PLAIN, 18, ()), SAY)
    assert cluster_page.quarantine(None, SAY) == ""


def test_every_process_with_its_restarts():
    found = [*plant(shard=shard(age=60, restarts=2)), Vital("gateway", "line-2", NOW)]
    drawing = cluster_page.processes(found, SAY)
    assert drawing.count('data-life="alive"') == 4
    assert "silent, since 22:12:20, 1 min 0 s" in drawing
    assert "Restarts 2" in words(drawing)
    assert "never heard of" in drawing


def nodes(html):
    found = re.findall(r'class="node node--(\w+)" data-node="(\w+)"', html)
    return {name: state for state, name in found}


def test_the_way_of_the_data():
    drawing = chain(plant(), STORE, False, SAY)
    assert nodes(drawing) == dict.fromkeys(("sources", "stations", "log", "shard", "database"), "good")
    assert "1 of 1 heard" in drawing
    assert "25.0 % full" in drawing
    assert "1.5 s behind to commit: 20" in words(drawing)


def test_each_stage_tells_its_own_trouble():
    found = plant(gateway=gateway(LOOSE), station=station(age=60), appender=appender("The log is full."))
    drawing = chain(found, None, True, SAY)
    assert nodes(drawing) == {
        "sources": "bad", "stations": "unknown", "log": "bad", "shard": "good", "database": "bad",
    }  # fmt: skip
    assert "0 of 1 heard" in drawing
    assert "0 of 1 cameras" in drawing
    assert "away" in drawing


def test_before_the_database_was_asked():
    assert nodes(chain(plant(), None, False, SAY))["database"] == "unknown"


def test_a_plant_without_stations():
    found = [item for item in plant() if item.kind != "station"]
    assert "none in the plant file" in chain(found, STORE, False, SAY)


def test_rates_and_their_sums():
    assert [rate(value) for value in (None, 0.25, 9.96, 12.4, 12345.0)] == [
        "–",
        "0.2",
        "10.0",
        "12",
        "12,345",
    ]
    assert total([None, 2.0, 3.0]) == 5.0
    assert total([None]) is None
    assert state([]) == "good"

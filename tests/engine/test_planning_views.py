"""What planning reads: shifts as the flow sees them, capacity that is left, and nobody else's rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from engine.plant import Plant, StationSection
from engine.store import connect, reader_dsn
from engine.store.levels import partitions
from engine.store.master import register
from streams.calendar import containing
from streams.clock import DAY, HOUR, MINUTE, SECOND

EARLY = {"name": "early", "start": "06:00", "end": "14:00", "breaks": [["10:00", "10:15"]]}
LATE = {"name": "late", "start": "14:00", "end": "22:00", "breaks": []}
NIGHT = {
    "name": "night",
    "start": "22:00",
    "end": "06:00",
    "breaks": [["01:30", "02:30"]],
    "weekdays": [0, 6],
}
EXECUTION = [{"name": "execution", "type": "text"}]


def micros(text: str) -> int:
    """Return microseconds of a time in Shanghai."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    return int(moment.timestamp()) * SECOND


def stamp(ts: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ts)


MONDAY = "2026-03-02T"
NOW = micros(MONDAY + "09:00")


def plant(zone: str = "Asia/Shanghai", tenant: int = 1, shard: str = "line-1", **changes: object) -> Plant:
    machine = {"name": "press", "tags": EXECUTION, "shifts": [EARLY, LATE]} | changes
    return Plant.model_validate(
        {"name": "shop", "tenant": tenant, "shard": shard, "timezone": zone, "machines": [machine]}
    )


class Shop:
    """A database into which a test writes what a flow would have written."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def insert(self, table: str, ts: int, tenant: int = 1, **values: object) -> None:
        row = {"tenant_id": tenant, "ts": stamp(ts), **values}
        partitions(self.connection).ensure(self.connection, table, [ts // DAY])
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))

    def clock(self, ts: int, tenant: int = 1, shard: str = "line-1") -> None:
        self.connection.execute(
            "INSERT INTO shard VALUES (%s, %s, 1, 1, %s, now())"
            " ON CONFLICT (id) DO UPDATE SET clock = excluded.clock",
            [shard, tenant, stamp(ts)],
        )

    def account(
        self,
        shift: str,
        start: int,
        busy: int,
        effective: int,
        ideal: int | None = 10 * SECOND,
        tenant: int = 1,
    ) -> None:
        """Write an account of which ``busy`` is all, and what is not effective was stopped."""
        losses = ("unscheduled", "no_data", "planned_stop", "setup", "minor_stop", "speed_loss")
        spent = {f"{name}_us": 0 for name in (*losses, "reject_loss", "review_loss")}
        spent |= {"unplanned_stop_us": busy - effective, "effective_us": effective, "calendar_us": busy}
        facts = {"shift": shift, "version": 1, "as_of": stamp(start + busy), "ideal_cycle_us": ideal}
        parts = {"good": effective // (ideal or SECOND), "reject": 0, "review": 0}
        self.insert("oee", start, tenant, machine="press", **facts, **spent, **parts)

    def capacity(self, *columns: str) -> list[tuple[object, ...]]:
        return self.rows(f"SELECT {', '.join(columns)} FROM planning.capacity_now ORDER BY machine")

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        return self.connection.execute(query, values).fetchall()


@pytest.fixture
def shop(dsn):
    with connect(dsn) as connection:
        register(connection, plant())
        found = Shop(connection)
        found.clock(NOW)
        yield found


LEFT = ("shift", "shift_planned_us", "day_planned_us")


def test_what_is_left_of_shift_and_day_has_no_breaks_in_it(shop):
    assert shop.capacity(*LEFT) == [("early", 5 * HOUR - 15 * MINUTE, 13 * HOUR - 15 * MINUTE)]
    shop.clock(micros(MONDAY + "10:05") + 1)
    assert shop.capacity(*LEFT) == [("early", 3 * HOUR + 45 * MINUTE, 11 * HOUR + 45 * MINUTE)]
    shop.clock(micros(MONDAY + "21:59") + 59_999_999)
    assert shop.capacity(*LEFT) == [("late", 1, 1)]
    shop.clock(micros(MONDAY + "23:00"))
    assert shop.capacity(*LEFT, "plant_day::text") == [(None, 0, 0, "2026-03-02")]


def test_a_night_belongs_to_the_day_on_which_it_begins(shop):
    register(shop.connection, plant(shifts=[EARLY, NIGHT]))
    shop.clock(micros("2026-03-03T01:00"))
    columns = (*LEFT, "plant_day::text", "day_ends_at")
    ends = stamp(micros("2026-03-03T06:00"))
    assert shop.capacity(*columns) == [("night", 4 * HOUR, 4 * HOUR, "2026-03-02", ends)]


def test_time_of_overlapping_shifts_counts_once(shop):
    register(shop.connection, plant(shifts=[EARLY, {"name": "day", "start": "08:00", "end": "16:00"}]))
    assert shop.capacity(*LEFT) == [("early", 5 * HOUR - 15 * MINUTE, 7 * HOUR)]


EXPECTED = (
    "expected_from",
    "expected_oee",
    "shift_expected_us",
    "shift_parts",
    "day_parts",
    "ideal_cycle_us",
)


def test_the_shift_so_far_says_what_to_expect(shop):
    shop.account("early", micros(MONDAY + "06:00"), busy=3 * HOUR, effective=2 * HOUR)
    planned = 5 * HOUR - 15 * MINUTE
    expected = ("shift", pytest.approx(2 / 3), planned * 2 // 3, planned * 2 // 3 // (10 * SECOND))
    assert shop.capacity(*EXPECTED) == [
        (*expected, (13 * HOUR - 15 * MINUTE) * 2 // 3 // (10 * SECOND), 10 * SECOND)
    ]


def test_a_shift_that_just_began_is_judged_by_the_last_seven_days_whose_times_are_added_up(shop):
    shop.account("early", micros(MONDAY + "06:00"), busy=10 * MINUTE, effective=0)
    shop.account("late", NOW - 2 * DAY, busy=8 * HOUR, effective=4 * HOUR, ideal=12 * SECOND)
    shop.account("late", NOW - 3 * DAY, busy=1 * HOUR, effective=1 * HOUR)
    shop.account("late", NOW - 4 * DAY, busy=8 * HOUR, effective=0, ideal=None)
    shop.account("late", NOW - 8 * DAY, busy=8 * HOUR, effective=8 * HOUR)
    ((source, oee, *_, cycle),) = shop.capacity(*EXPECTED)
    assert (source, cycle) == ("last_7_days", 10 * SECOND)
    assert oee == pytest.approx((4 + 1) / (8 + 1 + 10 / 60))


def test_nothing_is_promised_where_nothing_is_known(shop):
    assert shop.capacity(*EXPECTED) == [(None,) * 6]
    register(shop.connection, plant(ideal_cycle_s=2.5))
    assert shop.capacity(*EXPECTED) == [(None,) * 5 + (2_500_000,)]


def test_the_newest_state_is_told_and_since_when(shop):
    run = {"machine": "press", "state": "run", "reason": "ACTIVE", "program": "4711"}
    shop.insert("states", NOW - HOUR, version=1, **run)
    shop.insert("states", NOW - HOUR, version=2, end_ts=stamp(NOW - MINUTE), **run)
    shop.insert("states", NOW - MINUTE, machine="press", version=1, state="stop", reason="READY")
    state = shop.capacity("state", "reason", "program", "state_since", "as_of")
    assert state == [("stop", "READY", None, stamp(NOW - MINUTE), stamp(NOW))]
    states = shop.rows("SELECT state, ends_at, duration_us FROM reliability.states ORDER BY starts_at")
    assert states == [("run", stamp(NOW - MINUTE), 59 * MINUTE), ("stop", None, MINUTE)]


def test_a_state_that_was_withdrawn_is_not_told(shop):
    shop.insert("states", NOW - HOUR, machine="press", version=3, state="run", reason="ACTIVE")
    for version, end in ((1, None), (2, stamp(NOW - MINUTE))):
        told = {"machine": "press", "state": "stop", "reason": "READY", "end_ts": end}
        shop.insert("states", NOW - MINUTE, version=version, **told)
    assert shop.capacity("state", "state_since") == [("run", stamp(NOW - HOUR))]
    assert shop.rows("SELECT state FROM reliability.states") == [("run",)]


def test_a_machine_that_left_the_plant_has_a_history_and_no_capacity(shop):
    shop.account("early", micros(MONDAY + "06:00"), busy=HOUR, effective=HOUR)
    register(shop.connection, plant(name="lathe"))
    assert shop.capacity("machine") == [("lathe",)]
    assert shop.rows("SELECT machine, plant_day::text, oee FROM planning.oee") == [
        ("press", "2026-03-02", 1.0)
    ]
    register(shop.connection, plant())
    assert shop.capacity("machine") == [("press",)]


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
)
@pytest.mark.parametrize("month", [3, 4, 10, 11])
def test_the_database_cuts_shifts_as_the_flow_does(shop, zone, month):
    around = {
        "name": "all",
        "start": "02:30",
        "end": "02:30",
        "breaks": [["01:30", "02:15"], ["12:00", "13:00"]],
    }
    built = plant(zone, shifts=[around, NIGHT])
    register(shop.connection, built)
    calendar = built.catalog().machines[0].calendar
    for day in range(1, 32, 5):
        shop.clock(int(datetime(2026, month, min(day, 30), tzinfo=UTC).timestamp()) * SECOND)
        rows = shop.rows(
            "SELECT shift, (extract(epoch FROM starts_at) * 1000000)::int8,"
            " (extract(epoch FROM ends_at) * 1000000)::int8, planned_us FROM planning.shifts"
            " ORDER BY starts_at"
        )
        assert len(rows) > 15
        for shift, start, end, planned in rows:
            span = next(
                found
                for found in (containing(calendar, start), containing(calendar, end - 1))
                if found and (found.name, found.start) == (shift, start)
            )
            assert (span.end, sum(b - a for a, b in span.working(span.end))) == (end, planned)


def test_what_readers_see_of_the_plant_file_holds_no_password(shop):
    station = {
        "name": "gate",
        "cameras": [{"kind": "video", "name": "c1", "path": "http://camera/video.mjpg?word=secret"}],
    }
    register(
        shop.connection, plant().model_copy(update={"stations": [StationSection.model_validate(station)]})
    )
    ((settings,),) = shop.rows("SELECT settings FROM machines WHERE name = 'gate'")
    assert settings["calendar"] == [
        {"name": "day", "start": 0, "end": 1440, "weekdays": list(range(7)), "breaks": []}
    ]
    assert "secret" not in str(settings)


def verdict(
    shop: Shop,
    serial: str,
    outcome: str,
    ts: int = NOW,
    tenant: int = 1,
    received: int | None = None,
    release: int | None = None,
) -> None:
    texts = dict.fromkeys(("reason", "model_hash", "preprocessing_hash", "recipe_hash"), "")
    facts: dict[str, object] = {"station": "gate", "machine": "press", "serial": serial}
    facts |= {"part_number": "4711", "attempt": 1}
    facts |= {"order_number": "O-77", "release": release, "received": stamp(received or ts)}
    shop.insert("verdicts", ts, tenant, outcome=outcome, **facts, **texts)


def test_rejects_are_counted_by_station_and_local_day(shop):
    shop.connection.execute(
        "INSERT INTO machines VALUES (1, 'gate', 'station', 'line-1', '{\"timezone\": \"Asia/Shanghai\"}')"
    )
    for serial, outcome in (("a", "OK"), ("b", "NG"), ("c", "REVIEW"), ("d", "NG")):
        verdict(shop, serial, outcome)
    verdict(shop, "e", "OK", micros(MONDAY + "00:00") - 1)
    rows = shop.rows(
        "SELECT local_day::text, parts, good, reject, review, reject_share, review_share"
        " FROM quality.rejects_per_station ORDER BY local_day"
    )
    assert rows == [("2026-03-01", 1, 1, 0, 0, 0.0, 0.0), ("2026-03-02", 4, 1, 2, 1, 0.5, 0.25)]


def release(shop: Shop, number: int, event: str, at: int, tenant: int = 1, **more: Any) -> None:
    names = ("part_number", "recipe_hash", "reason", "person", "serial")
    facts = dict.fromkeys(names, "") | {"station": "gate", "number": number, "event": event}
    columns = facts | {"tenant_id": tenant, "at": stamp(at), "received": stamp(at)} | more
    places = ", ".join(["%s"] * len(columns))
    shop.connection.execute(
        f"INSERT INTO releases ({', '.join(columns)}) VALUES ({places})", list(columns.values())
    )


def test_parts_between_the_last_pass_and_a_failure_are_suspect(shop):
    for number, serial in enumerate("abcdef"):
        verdict(shop, serial, "OK", NOW + number)
    shop.connection.execute("UPDATE verdicts SET purpose = 'master', rule = 'score' WHERE serial = 'c'")
    shop.connection.execute("UPDATE verdicts SET rule = 'release' WHERE serial = 'd'")
    release(shop, 1, "passed", NOW)
    release(shop, 2, "failed", NOW + 4, since=stamp(NOW), serial="OK-1", reason="judged NG")
    release(shop, 3, "failed", NOW + 5, since=stamp(NOW), serial="OK-1", reason="judged NG")
    assert shop.rows("SELECT serial, master FROM quality.suspect_parts ORDER BY serial") == [
        ("b", "OK-1"),
        ("e", "OK-1"),
        ("f", "OK-1"),
    ]


@pytest.mark.parametrize("off", [10 * MINUTE, -10 * MINUTE])
def test_parts_are_suspect_by_the_release_that_judged_them_whatever_their_cameras_clock_says(shop, off):
    events = ((10, "passed", NOW), (20, "failed", NOW + 40), (30, "passed", NOW + 60))
    for number, event, at in events:
        more = {"since": stamp(NOW), "serial": "OK-1"} if event == "failed" else {}
        release(shop, number, event, at, **more)
    for step, (serial, judged_in) in enumerate(zip("abcd", (9, 10, 10, 30), strict=True)):
        verdict(shop, serial, "OK", NOW + 19 * step + off, release=judged_in)
    found = shop.rows("SELECT serial FROM quality.suspect_parts ORDER BY serial")
    assert found == [("b",), ("c",)]


def test_a_verdict_of_before_is_suspect_by_its_receipt_where_its_camera_was_ahead(shop):
    release(shop, 1, "passed", NOW)
    verdict(shop, "a", "OK", NOW + 10 * MINUTE, received=NOW + 3)
    verdict(shop, "b", "OK", NOW + 10 * MINUTE, received=NOW + 5)
    release(shop, 2, "failed", NOW + 4, since=stamp(NOW), serial="OK-1")
    assert shop.rows("SELECT serial FROM quality.suspect_parts") == [("a",)]


def test_a_failure_of_a_station_that_never_passed_makes_no_part_suspect(shop):
    verdict(shop, "a", "REVIEW")
    release(shop, 1, "failed", NOW + 4, since=None)
    assert shop.rows("SELECT * FROM quality.suspect_parts") == []


def test_an_event_that_was_sent_twice_is_one(shop):
    release(shop, 7, "passed", NOW)
    release(shop, 7, "passed", NOW, received=stamp(NOW + 9))
    assert shop.rows("SELECT number, event FROM quality.releases") == [(7, "passed")]


def test_master_parts_are_no_parts_of_production(shop):
    shop.connection.execute(
        "INSERT INTO machines VALUES (1, 'gate', 'station', 'line-1', '{\"timezone\": \"UTC\"}')"
    )
    for serial in ("a", "b"):
        verdict(shop, serial, "OK")
    shop.connection.execute("UPDATE verdicts SET purpose = 'master' WHERE serial = 'b'")
    assert shop.rows("SELECT parts FROM quality.rejects_per_station") == [(1,)]


VIEWS = (
    "planning.oee",
    "planning.shifts",
    "planning.capacity_now",
    "quality.drift",
    "quality.model_approvals",
    "quality.rejects_per_station",
    "quality.review_queue",
    "quality.reviews",
    "quality.shadow_agreement",
    "quality.inspections",
    "quality.releases",
    "quality.suspect_parts",
    "reliability.states",
)


def judge(shop: Shop, tenant: int, shard: str) -> None:
    """Let a part go to review, a model look on, a person decide, another sign, and the light move."""
    part = {"station": "weld-1", "serial": "r", "attempt": 1, "part_number": "4711"}
    said = {"outcome": "REVIEW", "reason": "", "model_hash": "m", "recipe_hash": "r", "received": stamp(NOW)}
    station = "INSERT INTO machines VALUES (%s, 'weld-1', 'station', %s, '{\"timezone\": \"UTC\"}')"
    shop.connection.execute(station, [tenant, shard])
    for serial in ("r", "decided"):
        where = part | {"serial": serial}
        shop.insert("verdicts", NOW, tenant, **where, **said, machine="press", preprocessing_hash="")
        shop.insert("shadow_verdicts", NOW, tenant, **where, **said | {"outcome": "OK"})
    decision = {"decision": "OK", "label": "", "boxes": "[]", "reason": "clean", "person": "Li Wei"}
    decided = {name: part[name] for name in ("station", "attempt")} | {"serial": "decided"}
    row = {"tenant_id": tenant, "ts": stamp(NOW), **decided, **decision}
    signed = {"tenant_id": tenant, "shard": shard, "number": 2, "line_hash": "l", "at": stamp(NOW)}
    signed |= {"deed": "sign", "person": "Li Wei", "name": "weld-own", "model_hash": "m", "reason": ""}
    signed |= {"part_number": "4711", "station": "*", "gate": "{}", "received": stamp(NOW)}
    for table, values in (("reviews", row), ("model_approvals", signed)):
        columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        shop.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))
    seen = {"station": "weld-1", "part_number": "4711", "view": "front", "measure": "mean", "frames": 500}
    shop.insert("drift", NOW, tenant, **seen, psi=0.4, mean=80.0, reference=120.0)


def fill(shop: Shop, tenant: int) -> None:
    shard = f"line-{tenant}"
    register(shop.connection, plant(tenant=tenant, shard=shard))
    shop.connection.execute(
        "INSERT INTO machines VALUES (%s, 'gate', 'station', %s, '{\"timezone\": \"UTC\"}')", [tenant, shard]
    )
    shop.clock(NOW, tenant, shard)
    shop.account("early", NOW - HOUR, HOUR, HOUR, tenant=tenant)
    shop.insert("states", NOW - HOUR, tenant, machine="press", version=1, state="run", reason="ACTIVE")
    verdict(shop, "a", "OK", tenant=tenant)
    judge(shop, tenant, shard)
    release(shop, 1, "failed", NOW + 1, tenant, since=stamp(NOW - 1))
    recording = {"machine": "press", "sensor": "bearing", "axis": "x", "rate_hz": 25_600.0, "unit": "g"}
    recording |= {"full_scale": 16.0, "shaft_rpm": 1500.0, "clipped": 0, "quality": 0}
    samples = [0.5, -0.5]
    shop.insert("waveforms", NOW - HOUR, tenant, **recording, count=2, received=stamp(NOW), samples=samples)


@pytest.mark.parametrize("view", VIEWS)
def test_a_tenants_rows_are_seen_by_its_users_only(shop, view):
    fill(shop, 1)
    fill(shop, 2)
    shop.connection.execute("DELETE FROM tenant_users WHERE tenant_id = 2")
    assert shop.rows(f"SELECT DISTINCT tenant_id FROM {view}") == [(1,)]
    shop.connection.execute("UPDATE tenant_users SET tenant_id = 2")
    assert shop.rows(f"SELECT DISTINCT tenant_id FROM {view}") == [(2,)]
    shop.connection.execute("DELETE FROM tenant_users")
    assert shop.rows(f"SELECT * FROM {view}") == []


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_are_barriers(shop, view):
    options = shop.rows("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", view)
    assert options == [(["security_barrier=true"],)]


@pytest.fixture
def tenant_role(embedded):
    """A role of one tenant, as a plant's administrator makes it."""
    name = sql.Identifier("shop_two")
    with psycopg.connect(embedded.dsn("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE seamline_tenant").format(name))
        yield "shop_two"
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.mark.parametrize("view", VIEWS)
def test_a_tenants_role_reads_its_rows_and_no_table(plain_dsn, tenant_role, view):
    with connect(plain_dsn) as connection:
        fill(Shop(connection), 1)
        fill(Shop(connection), 2)
        connection.execute("INSERT INTO tenant_users VALUES (%s, 2)", [tenant_role])
    with connect(make_conninfo(plain_dsn, user=tenant_role)) as connection:
        assert connection.execute(f"SELECT DISTINCT tenant_id FROM {view}").fetchall() == [(2,)]
        for table in ("verdicts", "oee_latest", "tenant_users"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")
            connection.rollback()


def test_the_reader_reads_the_views(shop, dsn):
    fill(shop, 1)
    shop.connection.commit()
    with connect(reader_dsn(dsn)) as connection:
        for view in VIEWS:
            assert connection.execute(f"SELECT DISTINCT tenant_id FROM {view}").fetchall() == [(1,)]


PAGE = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE) if "SELECT" in block]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_page_run(shop, example):
    fill(shop, 1)
    assert shop.rows(example)


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_names_every_column(shop, view):
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (section,) = [part for part in text if part.startswith(view)]
    names = [column.name for column in shop.connection.execute(f"SELECT * FROM {view}").description]
    assert [name for name in names if f"`{name}`" not in section] == []

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.paths import Home
from engine.plant import Plant
from engine.store import Embedded, Level, StoreError, connect, detect, migrate, open_database, reader_dsn
from engine.store.digest import TABLES
from engine.store.levels import Chunks, DailyPartitions, partitions
from engine.store.master import register
from engine.store.migrations import FOLDER, backend_uri

SERIES = {
    "anomalies",
    "clocks",
    "drift",
    "findings",
    "frame_ledger",
    "oee",
    "quarantine",
    "readings",
    "runs",
    "shadow_verdicts",
    "states",
    "verdicts",
    "waveforms",
    "windows",
}
DAY_US = 86_400_000_000


def query(dsn, statement, *parameters):
    with connect(dsn) as connection:
        return connection.execute(statement, parameters).fetchall()


def test_every_time_series_is_cut_into_days(dsn):
    level = migrate(dsn)
    if level is Level.PLAIN:
        found = query(dsn, "SELECT relname FROM pg_class WHERE relkind = 'p'")
    else:
        found = query(dsn, "SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert {name for (name,) in found} == SERIES


def test_migrating_again_changes_nothing_also_at_once(dsn):
    with ThreadPoolExecutor(3) as pool:
        levels = set(pool.map(migrate, [dsn] * 3))
    assert len(levels) == 1
    migrations = len({path.stem for path in FOLDER.rglob("*.sql")})
    assert query(dsn, "SELECT count(*) FROM _yoyo_migration") == [(migrations,)]


def test_a_migration_that_died_leaves_no_lock(dsn):
    with connect(dsn) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    assert migrate(dsn) in Level


def test_hot_tables_carry_brin_only(dsn):
    found = query(
        dsn,
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename IN ('readings', 'windows', 'anomalies')",
    )
    assert len(found) == 3
    assert all("USING brin" in definition for _, definition in found)


def test_no_row_of_the_flow_makes_a_new_owner_wait_for_a_stalled_one(dsn):
    """Where an index is unique, the COPY of a row waits for whoever is just writing the same one."""
    unique = query(dsn, "SELECT DISTINCT indrelid::regclass::text FROM pg_index WHERE indisunique")
    assert {name for (name,) in unique} & set(TABLES) <= {"machines", "tags", "tenants"}


def test_no_program_of_the_plant_is_superuser(dsn):
    assert query(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_the_reader_reads_and_cannot_write(dsn):
    with connect(reader_dsn(dsn)) as connection:
        assert connection.execute("SELECT count(*) FROM oee_latest").fetchall() == [(0,)]
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            connection.execute("INSERT INTO tenants VALUES (1, 'x')")
        connection.rollback()


def test_a_partition_is_made_once_whoever_asks(plain_dsn):
    with connect(plain_dsn) as one, connect(plain_dsn) as other:
        assert detect(one) is Level.PLAIN
        one.commit()
        for connection in (one, other, one):
            DailyPartitions().ensure(connection, "readings", {19_000, 19_001})
    names = query(
        plain_dsn, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass"
    )
    assert sorted(names) == [("readings_20220108",), ("readings_20220109",)]


def test_readers_are_not_blocked_while_a_partition_is_made(plain_dsn):
    with connect(plain_dsn) as reader, connect(plain_dsn) as writer:
        reader.execute("SELECT count(*) FROM readings").fetchall()
        writer.execute("SET lock_timeout = '2s'")
        writer.commit()
        DailyPartitions().ensure(writer, "readings", {19_000})
        assert reader.execute("SELECT count(*) FROM readings").fetchall() == [(0,)]
        reader.rollback()


def test_each_level_has_its_way_of_cutting(dsn):
    with connect(dsn) as connection:
        kind = DailyPartitions if detect(connection) is Level.PLAIN else Chunks
        assert isinstance(partitions(connection), kind)


def test_master_data_follow_the_plant_file(dsn):
    plant = {
        "name": "shop",
        "tenant": 5,
        "machines": [
            {"name": "press", "tags": [{"name": "load", "unit": "%"}, {"name": "mode", "type": "text"}]}
        ],
        "stations": [{"name": "gate", "cameras": []}],
    }
    with connect(dsn) as connection:
        register(connection, Plant.model_validate(plant))
        plant["machines"][0]["tags"][0]["unit"] = "kN"
        register(connection, Plant.model_validate(plant))
    assert query(dsn, "SELECT name, kind, shard FROM machines ORDER BY 1") == [
        ("gate", "station", "line-1"),
        ("press", "machine", "line-1"),
    ]
    tags = query(dsn, "SELECT name, unit, is_numeric FROM tags WHERE machine = 'press' ORDER BY 1")
    assert tags == [("load", "kN", True), ("mode", "", False)]


def test_the_embedded_database_survives_being_killed(database_folder):
    folder = database_folder() / "pg"
    server = Embedded(folder)
    dsn = server.start()
    migrate(dsn)
    with connect(dsn) as connection:
        connection.execute("INSERT INTO tenants VALUES (1, 'shop')")
    os.kill(server.pid(), 9)
    assert server.start() == dsn
    assert query(dsn, "SELECT name FROM tenants") == [("shop",)]
    assert Embedded(folder).start() == dsn
    os.kill(server.pid(), 9)
    server.stop()
    assert server.start() == dsn
    server.stop()
    assert server.pid() is None
    with pytest.raises(StoreError, match="does not run"):
        server.dsn("seamline_writer")


def test_a_home_with_a_long_path_has_a_database_too(database_folder, monkeypatch):
    monkeypatch.delenv("SEAMLINE_DSN", raising=False)
    home = Home(database_folder() / ("long" * 25))
    with open_database(home) as dsn:
        assert query(dsn, "SELECT current_user") == [("seamline_writer",)]
        sockets = Path(conninfo_to_dict(dsn)["host"])
        assert sockets.is_dir()
    assert Embedded(home.database).pid() is None
    assert not sockets.exists()


def test_a_named_database_goes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("SEAMLINE_DSN", "host=db.example dbname=plant")
    with open_database(Home(tmp_path)) as dsn:
        assert dsn == "host=db.example dbname=plant"


def test_a_database_that_is_away_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be reached.*check SEAMLINE_DSN"):
        connect(make_conninfo(host=str(tmp_path), dbname="plant"))


def test_readers_of_a_foreign_database_are_read_only(monkeypatch):
    monkeypatch.delenv("SEAMLINE_READER_DSN", raising=False)
    fields = conninfo_to_dict(reader_dsn("host=db user=ann password=secret dbname=plant"))
    assert (fields["user"], fields["options"]) == ("ann", "-c default_transaction_read_only=on")
    monkeypatch.setenv("SEAMLINE_READER_DSN", "host=replica")
    assert reader_dsn("host=db") == "host=replica"


@pytest.mark.parametrize(
    ("dsn", "uri"),
    [
        ("host=db user=ann password=a/b dbname=p", "postgresql+psycopg://ann:a%2Fb@/p?host=db"),
        ("postgresql://ann@db:5433/p", "postgresql+psycopg://ann@/p?host=db&port=5433"),
    ],
)
def test_migrations_reach_the_same_database(dsn, uri):
    assert backend_uri(dsn) == uri

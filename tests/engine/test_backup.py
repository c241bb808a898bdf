"""A plant is backed up while it runs, restored elsewhere, compared row by row, and goes on."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from bench.chaos import PLANT, TABLES, Feed, Processes, committed, differences, replay, rows
from engine.backup import BackupError, back_up, restore
from engine.backup.logs import held
from engine.backup.secrets import hidden, without_secrets
from engine.paths import Home
from engine.plant import Plant
from engine.store import Embedded, StoreBusy, connect, migrate
from engine.store.hold import hold
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.marks import mark_consumed
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.tail import last_entry
from streams.log.writer import LogWriter
from vision.evidence import EvidenceStore

SPEED = 30.0
SLOW = 240.0
"""Seconds that two servers and four processes may take to come up on a busy machine."""


@pytest.fixture
def home(database_folder, monkeypatch):
    monkeypatch.delenv("SEAMLINE_DSN", raising=False)
    return Home(database_folder() / "home")


def plant_now() -> Plant:
    now = time.time_ns() // 1000
    return Plant.model_validate({**PLANT, "replay": {"origin_us": now, "start_us": now, "speed": SPEED}})


@pytest.mark.timeout(900)
def test_a_backup_of_a_running_plant_goes_on_elsewhere_exactly_once(home, database_folder):
    plant = plant_now()
    target = database_folder() / "backup"
    with ExitStack() as stack:
        running = Processes(home, plant)
        stack.callback(running.stop)
        producer = ZmqProducer(home.appender, plant.shard, "feed")
        stack.callback(producer.close)
        feed = Feed(producer, plant.clock())
        running.wait_for(lambda: snapshot(running.dsn) > 0, SLOW)
        saved = back_up(home, running.dsn, target)
        after = committed(running.dsn, plant.shard)
        running.wait_for(lambda: committed(running.dsn, plant.shard) > after, SLOW)
        feed.stop()
        running.wait_for(feed.done, SLOW)
        original = {table: rows(running.dsn, table) for table in TABLES}
    shard = saved.shards[plant.shard]
    assert 0 < shard["snapshot"] <= shard["position"] <= shard["log_end"]
    assert shard["position"] < after or shard["log_end"] < last_entry(home.log / plant.shard).position

    elsewhere = Home(database_folder() / "elsewhere")
    restored = restore(target, elsewhere)
    assert restored.rows == saved.rows
    database = Embedded(elsewhere.database)
    dsn = database.start()
    assert committed(dsn, plant.shard) == shard["position"]
    assert epoch(dsn) == shard["epoch"]
    for table in TABLES:
        assert rows(dsn, table) <= original[table], table
    entry = last_entry(elsewhere.log / plant.shard)
    assert entry.position == shard["log_end"]

    with ExitStack() as stack:
        again = Processes(elsewhere, plant)
        stack.callback(again.stop)
        producer = ZmqProducer(elsewhere.appender, plant.shard, "feed")
        stack.callback(producer.close)
        feed = Feed(producer, plant.clock())
        again.wait_for(lambda: committed(dsn, plant.shard) > shard["log_end"] + 50, SLOW)
        feed.stop()
        again.wait_for(feed.done, SLOW)
        again.end("appender")
        last = last_entry(elsewhere.log / plant.shard).position
        again.wait_for(lambda: committed(dsn, plant.shard) == last, SLOW)
        again.end("shard")
        assert again.restored() == 1
        assert epoch(dsn) == shard["epoch"] + 1
        reference = fresh(database)
        replay(plant, elsewhere, reference, last)
        assert differences(dsn, reference) == {}


def snapshot(dsn: str) -> int:
    with connect(dsn) as connection:
        return connection.execute("SELECT coalesce(max(position), 0) FROM snapshots").fetchone()[0]


def epoch(dsn: str) -> int:
    with connect(dsn) as connection:
        return connection.execute("SELECT epoch FROM shard").fetchone()[0]


def fresh(database: Embedded) -> str:
    with connect(database.dsn("postgres", "postgres")) as connection:
        connection.autocommit = True
        connection.execute("CREATE DATABASE reference OWNER seamline_writer")
    dsn = database.dsn("seamline_writer", "reference")
    migrate(dsn)
    return dsn


@pytest.fixture
def still(tmp_path, dsn, monkeypatch):
    """A home that does not run, with a little of everything."""
    monkeypatch.delenv("SEAMLINE_DSN", raising=False)
    home = Home(tmp_path / "home").create()
    with connect(dsn) as connection:
        connection.execute("INSERT INTO tenants VALUES (1, 'shop')")
        connection.execute(
            "INSERT INTO retention_log (tenant_id, shard, what, until, rows, bytes, policy, clock)"
            " VALUES (1, 'line-1', 'readings', now(), 1, 1, '{}', now())"
        )
    home.plant_file.write_text(
        "{name: shop, machines: [], stations: [{name: gate, cameras: [{path: 'rtsp://a:pw@b'}]}]}"
    )
    home.stations.mkdir()
    (home.stations / "gate.run").write_text("41")
    (home.models / "own").mkdir()
    (home.models / "own" / "card.json").write_text("{}")
    name = "0" * 64
    EvidenceStore(home.evidence).keep({name: b"picture"})
    return home


@pytest.fixture
def empty(servers, dsn, monkeypatch):
    """An empty database of the same server, named by the environment."""
    server = next(server for server in servers.values() if server.owns(dsn))
    other = server.create_empty()
    monkeypatch.setenv("SEAMLINE_DSN", other)
    yield other
    server.drop(other)


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_everything_beside_the_log_comes_back(still, dsn, empty, tmp_path, name):
    back_up(still, dsn, tmp_path / name, evidence=True)
    restored = restore(tmp_path / name, Home(tmp_path / "new"))
    new = Home(tmp_path / "new")
    assert (new.stations / "gate.run").read_text() == "1000"
    assert (new.models / "own" / "card.json").read_text() == "{}"
    assert (new.evidence / "00" / ("0" * 64)).read_bytes() == b"picture"
    plain = yaml.safe_load(Path(restored.plant).read_text())
    assert plain["stations"][0]["cameras"] == [{"path": "rtsp://a:***@b"}]
    assert restored.secrets_left_out == ["stations.0.cameras.0.path"]
    with connect(empty) as connection:
        assert connection.execute("SELECT name FROM tenants").fetchall() == [("shop",)]
        connection.execute(
            "INSERT INTO retention_log (tenant_id, shard, what, until, rows, bytes, policy, clock)"
            " SELECT tenant_id, shard, what, until, rows, bytes, policy, clock FROM retention_log"
        )
        assert connection.execute("SELECT count(DISTINCT id) FROM retention_log").fetchall() == [(2,)]


def test_any_tool_can_check_a_backup_and_no_secret_is_in_it(still, dsn, tmp_path):
    back_up(still, dsn, tmp_path / "backup")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "backup", check=True)
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert not any(b"pw@" in path.read_bytes() for path in files)
    assert not any("evidence" in path.parts for path in files)


def test_a_backup_that_was_changed_is_refused_before_anything_is_written(still, dsn, tmp_path):
    back_up(still, dsn, tmp_path / "backup")
    (tmp_path / "backup" / "stations" / "gate.run").write_text("1")
    with pytest.raises(BackupError, match=r"gate\.run was changed"):
        restore(tmp_path / "backup", Home(tmp_path / "new"))
    (tmp_path / "backup" / "stations" / "gate.run").unlink()
    with pytest.raises(BackupError, match=r"lacks stations/gate\.run"):
        restore(tmp_path / "backup", Home(tmp_path / "new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]


def test_a_home_or_database_that_is_in_use_is_refused(still, dsn, tmp_path, monkeypatch):
    back_up(still, dsn, tmp_path / "backup")
    with pytest.raises(BackupError, match="is not empty; set SEAMLINE_HOME"):
        restore(tmp_path / "backup", still)
    monkeypatch.setenv("SEAMLINE_DSN", dsn)
    with pytest.raises(BackupError, match=r"holds rows already .*restore into an empty one"):
        restore(tmp_path / "backup", Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_newer_backup_is_refused(still, dsn, tmp_path):
    with connect(dsn) as connection:
        connection.execute(
            "UPDATE _yoyo_migration SET migration_id = '9999.future' WHERE migration_id LIKE '0004%'"
        )
    back_up(still, dsn, tmp_path / "backup")
    with pytest.raises(BackupError, match="a newer version; restore it with that"):
        restore(tmp_path / "backup", Home(tmp_path / "new"))


def test_a_target_that_exists_is_not_touched(still, dsn, tmp_path):
    with pytest.raises(BackupError, match="exists already"):
        back_up(still, dsn, still.root)


def test_a_backup_that_fails_leaves_nothing(still, dsn, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.backup.save._write_plant", lambda *_: 1 / 0)
    for name in ("folder", "file.tar"):
        with pytest.raises(ZeroDivisionError):
            back_up(still, dsn, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_backup_waits_for_no_retention(still, dsn, tmp_path):
    with connect(dsn) as other:
        hold(other)
        with pytest.raises(StoreBusy, match="try again when it has ended"):
            back_up(still, dsn, tmp_path / "backup")


@pytest.mark.parametrize("content", [b"", b"no tar at all"])
def test_what_is_no_backup_is_one_sentence(tmp_path, content):
    (tmp_path / "file.tar").write_bytes(content)
    with pytest.raises(BackupError, match="backup"):
        restore(tmp_path / "file.tar", Home(tmp_path / "new"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(BackupError, match="is no backup"):
        restore(tmp_path / "folder", Home(tmp_path / "new"))


def test_a_tar_file_cannot_write_outside(tmp_path):
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "file.tar", "w") as archive:
        archive.add(tmp_path / "evil", "../evil-2")
    with pytest.raises(BackupError, match="lies outside"):
        restore(tmp_path / "file.tar", Home(tmp_path / "new"))


class Log:
    """A log of small segments, of which a test may remove the oldest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = LogWriter(folder, ManualClock(1), max_bytes=4000, segment_bytes=1000)

    def append(self, count: int) -> None:
        for _ in range(count):
            self.writer.append(Kind.READINGS, bytes(60))
            self.writer.commit()


def test_held_segments_outlive_their_removal_and_end_where_the_log_was_safe(tmp_path):
    log = Log(tmp_path / "line-1")
    log.append(35)
    with held(log.folder, 25) as kept:
        mark_consumed(log.folder, 35)
        log.append(30)
        first = kept.segments[0].first
        assert first <= 25 < kept.segments[1].first
        assert not (log.folder / f"{first:020d}.seg").exists()
        copied = Sheets(tmp_path / "copy")
        kept.save(copied)
    assert not list(log.folder.glob(".backup*"))
    reopened = LogWriter(tmp_path / "copy" / "log" / "line-1", ManualClock(1))
    assert reopened.position == 35
    reader = FileLogReader(tmp_path / "copy" / "log" / "line-1")
    assert reader.read(24, 1)[0].position == 25
    reader.close()
    reopened.close()
    log.writer.close()


class Sheets:
    """A sink that only writes files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, name: str, source: Path) -> None:
        self.write(name, source.read_bytes())

    def write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_a_log_that_lacks_what_is_needed_is_no_backup(tmp_path):
    log = Log(tmp_path / "line-1")
    log.append(35)
    mark_consumed(log.folder, 35)
    log.append(30)
    with pytest.raises(BackupError, match="take the backup again"), held(log.folder, 2):
        pass
    log.writer.close()


def test_secrets_are_known_by_name_and_place():
    plain = {
        "a": [{"token": "x", "url": "opc.tcp://u:p@h:4840"}],
        "password": "",
        "port": 1,
        "path": "http://h:80/@",
    }
    clean = without_secrets(plain)
    assert clean == {
        "a": [{"token": "***", "url": "opc.tcp://u:***@h:4840"}],
        "password": "",
        "port": 1,
        "path": "http://h:80/@",
    }
    assert list(hidden(clean)) == ["a.0.token", "a.0.url"]
    json.dumps(clean)

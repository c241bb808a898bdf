"""A plant is backed up while it runs, restored elsewhere, compared row by row, and goes on."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import yaml

from bench.chaos import PLANT, Feed, Processes, committed, differences, rows
from engine.approvals.testing import vouch
from engine.backup import BackupError, back_up, restore
from engine.backup.logs import held
from engine.backup.secrets import hidden, without_secrets
from engine.identity.book import Book
from engine.paths import Home
from engine.plant import Plant
from engine.replay import replay_log
from engine.station import Station
from engine.store import Embedded, StoreBusy, connect, migrate, open_database
from engine.store.digest import TABLES
from engine.store.hold import hold
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.marks import mark_consumed
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.tail import last_entry
from streams.log.writer import LogWriter
from streams.testing import running
from vision import evidence
from vision.evidence import EvidenceStore
from vision.testing import write_model

SPEED = 30.0
SLOW = 240.0
"""Seconds that two servers and four processes may take to come up on a busy machine."""


@pytest.fixture
def home(database_folder, monkeypatch):
    monkeypatch.delenv("SEAMLINE_DSN", raising=False)
    return Home(database_folder() / "home")


def plant_now() -> Plant:
    """Return a plant with a machine whose readings a test sends, and a station that really inspects."""
    now = time.time_ns() // 1000
    camera = {"kind": "simulated", "name": "camera-1", "size": 96, "rate": 10}
    stations = [*PLANT["stations"], {"name": "weld", "model": "tiny", "cameras": [camera]}]
    clock = {"origin_us": now, "start_us": now, "speed": SPEED}
    return Plant.model_validate({**PLANT, "stations": stations, "replay": clock})


@contextmanager
def alive(home: Home, plant: Plant) -> Iterator[Processes]:
    """Run database, appender and shard; in the end they are killed, as a plant is that needs a backup."""
    processes = Processes(home, plant)
    try:
        yield processes
    finally:
        for name in list(processes.running):
            processes.kill(name)
        processes.database.stop()


@contextmanager
def at_work(processes: Processes, home: Home, plant: Plant) -> Iterator[None]:
    """Send readings, and inspect parts; in the end everything is acknowledged."""
    section = plant.stations[-1]
    with ExitStack() as stack:
        feeding = stack.enter_context(closing(ZmqProducer(home.appender, plant.shard, "feed")))
        welding = stack.enter_context(closing(ZmqProducer(home.appender, plant.shard, "weld")))
        feed = Feed(feeding, plant.clock())
        stack.callback(feed.stop)
        with running(Station(section, plant, home, welding).run):
            yield
        feed.stop()
        processes.wait_for(lambda: feed.done() and welding.flush(0.0), SLOW)


@pytest.mark.timeout(900)
def test_a_backup_of_a_running_plant_goes_on_elsewhere_exactly_once(home, database_folder):
    plant, target, elsewhere = plant_now(), database_folder() / "backup", Home(database_folder() / "new")
    vouch(home, write_model(home.models))
    with alive(home, plant) as processes:
        with at_work(processes, home, plant):
            processes.wait_for(lambda: snapshot(processes.dsn) > 0 and inspected(processes.dsn) > 2, SLOW)
            saved = back_up(home, processes.dsn, target, evidence=True)
            end = saved.shards[plant.shard]["log_end"]
            processes.wait_for(lambda: committed(processes.dsn, plant.shard) > end, SLOW)
        original = {table: rows(processes.dsn, table) for table in TABLES}
    shard = saved.shards[plant.shard]
    assert 0 < shard["snapshot"] <= shard["position"] <= end < last_entry(home.log / plant.shard).position

    restored = restore(target, elsewhere)
    assert restored.rows == saved.rows
    assert last_entry(elsewhere.log / plant.shard).position == end
    with open_database(elsewhere) as dsn:
        assert (committed(dsn, plant.shard), epoch(dsn)) == (shard["position"], shard["epoch"])
        assert [table for table in TABLES if not rows(dsn, table) <= original[table]] == []

    with alive(elsewhere, plant) as processes:
        dsn = processes.dsn
        with at_work(processes, elsewhere, plant):
            processes.wait_for(lambda: committed(dsn, plant.shard) > end and inspected(dsn, "1001") > 2, SLOW)
        processes.kill("appender")
        processes.running.pop("appender")
        last = last_entry(elsewhere.log / plant.shard).position
        processes.wait_for(lambda: committed(dsn, plant.shard) == last, SLOW)
        processes.kill("shard")
        processes.running.pop("shard")
        assert epoch(dsn) == shard["epoch"] + 1
        assert processes.restored() == 1
        assert unaccounted(dsn) == {"1": 0, "1001": 0}
        assert all(evidence.read(elsewhere.evidence, name) for name in pictures(dsn))
        reference = fresh(processes.database)
        replay_log(plant, elsewhere.log / plant.shard, reference)
        assert differences(dsn, reference) == {}


def inspected(dsn: str, run: str = "1") -> int:
    query = "SELECT count(*) FROM frame_ledger WHERE station = 'weld' AND outcome = 'inspected' AND run = %s"
    with connect(dsn) as connection:
        return connection.execute(query, [run]).fetchone()[0]


def unaccounted(dsn: str) -> dict[str, int]:
    """Return by run the station's frames of which nothing is known."""
    with connect(dsn) as connection:
        return dict(
            connection.execute("SELECT run, difference FROM frame_balance WHERE station = 'weld'").fetchall()
        )


def pictures(dsn: str) -> list[str]:
    query = "SELECT DISTINCT frame_hash FROM frame_ledger WHERE station = 'weld' AND frame_hash IS NOT NULL"
    with connect(dsn) as connection:
        return [name for (name,) in connection.execute(query)]


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
    book = Book(home.stations, "gate")
    book.admit("A-1")
    book.number()
    book.close()
    (home.models / "own").mkdir()
    (home.models / "own" / "card.json").write_text("{}")
    name = hashlib.sha256(b"picture").hexdigest()
    with EvidenceStore(home.evidence, "gate") as store:
        store.keep({name: b"picture"})
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
    book = Book(new.stations, "gate")
    assert (book.admit("A-1"), book.number()) == (0, 1001)
    book.close()
    assert (new.models / "own" / "card.json").read_text() == "{}"
    with EvidenceStore(new.evidence, "gate"):
        assert evidence.read(new.evidence, hashlib.sha256(b"picture").hexdigest()) == b"picture"
    plain = yaml.safe_load(Path(restored.plant).read_text())
    assert plain["stations"][0]["cameras"] == [{"path": "rtsp://***@b"}]
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


def test_a_home_that_is_a_volume_of_its_own_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(BackupError, match="restore into another folder, then move"):
        restore(tmp_path, Home(Path("/proc")))


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


def test_a_target_that_cannot_be_written_is_one_sentence(still, dsn, tmp_path):
    (tmp_path / "file").touch()
    for name in ("folder", "file.tar"):
        with pytest.raises(BackupError, match=r"cannot be written: .*; name another place"):
            back_up(still, dsn, tmp_path / "file" / name)


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
        "path": "http://h:80/a",
    }
    clean = without_secrets(plain)
    assert clean["a"] == [{"token": "***", "url": "opc.tcp://***@h:4840"}]
    assert clean | {"a": 0} == plain | {"a": 0}
    assert list(hidden(clean)) == ["a.0.token", "a.0.url"]

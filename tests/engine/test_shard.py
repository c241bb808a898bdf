import json
import shutil
import threading
import time

import pytest

from bench.chaos import committed, counts, differences
from engine import health
from engine import shard as shard_module
from engine.paths import Home
from engine.plant import LogSection, Plant
from engine.shard import Shard, await_log, run_shard
from engine.store import Fenced, LogMismatch, connect
from engine.store.landing import Committed
from engine.writer import Writer
from streams.abc import Output
from streams.clock import SECOND, ManualClock
from streams.log.abc import Kind
from streams.log.errors import LogGap
from streams.log.reader import FileLogReader
from streams.log.writer import LogWriter
from streams.operators.standing import Standing
from streams.records import Readings, Rejects, encode
from streams.testing import running, until
from vision.records import Finding, FrameLoss, Outcome, Verdict, Versions, View

T0 = 1_700_000_000_000_000
PLANT = {
    "name": "shop",
    "machines": [
        {
            "name": "press",
            "tags": [{"name": "load", "detect": True}, {"name": "execution", "type": "text"}],
        }
    ],
    "stations": [{"name": "gate", "cameras": [], "judges": "press"}],
}


class Line:
    """A line whose log a test writes by hand, second by second."""

    def __init__(self, root):
        self.home = Home(root).create()
        self.plant = Plant.model_validate(PLANT)
        self.clock = ManualClock(T0)
        self.folder = self.home.log / self.plant.shard
        self.writer = LogWriter(self.folder, self.clock)

    def seconds(self, count):
        for _ in range(count):
            self.clock.time += SECOND
            self._second((self.clock.time - T0) // SECOND)
        self.writer.commit()
        return self.writer.position

    def _second(self, number):
        now = self.clock.time
        stamps = [now - SECOND + 100_000 * i for i in range(10)]
        loads = [number % 7 + i / 3 for i in range(10)]
        batch = Readings.numbers(["press"] * 10, ["load"] * 10, stamps, loads)
        self.append(Kind.READINGS, encode(batch.to_arrow()))
        if number % 5 == 1:
            word = "ACTIVE" if number % 10 == 1 else "READY"
            batch = Readings.texts(["press"], ["execution"], [now], [word])
            self.append(Kind.READINGS, encode(batch.to_arrow()))
        if number % 4 == 2:
            self.append(Kind.VERDICT, verdict(number, now).to_json())
        if number % 9 == 3:
            loss = FrameLoss(
                "gate", "c1", "front", "r1", 10**6 + number, 10**6 + number, now, "dropped", "full"
            )
            self.append(Kind.FRAMES, loss.to_json())
            self.append(Kind.REJECTS, encode(Rejects.of("malformed", ["?!"], "press").to_arrow()))
            self.append(Kind.VERDICT, b"half a verd")
        self.append(Kind.TICK, b"")

    def append(self, kind, payload):
        self.writer.append(kind, payload)

    def run_to(self, position, dsn, **changes):
        """Run the shard in a thread until the position is committed, then stop it cleanly."""
        plant = self.plant.model_copy(update=changes)
        with running(lambda stop: run_shard(plant, self.home, dsn, stop)):
            until(lambda: committed(dsn, self.plant.shard) >= position)


def verdict(number, now):
    finding = Finding("Surface_pores", 0.5 + number % 3 / 10, (1.0, 2.0, 3.0, 4.0), "2017")
    view = View("c1", "front", "r1", number, now, f"{number:064x}", 416, 416, {"blur": 9.0}, (finding,))
    outcome = (Outcome.OK, Outcome.NG, Outcome.REVIEW)[number % 3]
    versions = Versions("m", "p", "r")
    return Verdict("gate", f"S{number}", "demo", 1, now, outcome, "because", versions, (view,))


@pytest.fixture
def line(tmp_path):
    line = Line(tmp_path / "home")
    yield line
    line.writer.close()


@pytest.fixture
def straight(plain_server, line):
    """Give a database in which the line's whole log was run at one go."""
    fresh = []

    def run():
        fresh.append(plain_server.create())
        line.run_to(line.writer.position, fresh[-1])
        return fresh[-1]

    yield run
    for dsn in fresh:
        plain_server.drop(dsn)


def snapshots(dsn):
    with connect(dsn) as connection:
        found = connection.execute("SELECT DISTINCT position FROM snapshots ORDER BY 1").fetchall()
    return [position for (position,) in found]


def test_both_lines_end_as_rows(line, dsn):
    last = line.seconds(60)
    line.run_to(last, dsn)
    found = counts(dsn)
    assert found["readings"] == 60 * 10 + 12
    assert found["verdicts"] == found["findings"] == 15
    assert found["frame_ledger"] == 15 + 7
    assert found["quarantine"] == 7 + 7
    assert found["machines"] == 2
    assert all(found[table] > 0 for table in ("windows", "states", "oee"))
    assert committed(dsn, "line-1") == last


def test_a_shard_that_stops_and_starts_writes_what_one_run_writes(line, dsn, straight):
    for _ in range(4):
        line.run_to(line.seconds(25), dsn)
    assert len(snapshots(dsn)) == 2
    assert differences(dsn, straight()) == {}


def test_without_its_snapshots_it_replays_the_log(line, dsn, straight):
    line.run_to(line.seconds(40), dsn)
    with connect(dsn) as connection:
        connection.execute("DELETE FROM snapshots")
    line.run_to(line.seconds(40), dsn)
    assert differences(dsn, straight()) == {}


def test_an_update_goes_on_from_the_snapshot_that_the_program_before_it_took(
    line, plain_dsn, straight, capsys
):
    line.run_to(taken := line.seconds(30), plain_dsn)
    before = b'{"stops": {}, "alarms": {}, "withdrawals": {}, "closed": {}}'
    with connect(plain_dsn) as connection:
        update = "UPDATE snapshots SET version = 3, data = %s WHERE operator = 'outbox'"
        assert connection.execute(update, [before]).rowcount > 0
    capsys.readouterr()
    line.run_to(line.seconds(30), plain_dsn)
    assert f"snapshot={taken}" in capsys.readouterr().out
    assert differences(plain_dsn, straight()) == {}


def test_snapshots_are_taken_while_it_runs_and_free_the_log(line, plain_dsn, monkeypatch):
    monkeypatch.setenv(shard_module.SNAPSHOT_VARIABLE, "0")
    with running(lambda stop: run_shard(line.plant, line.home, plain_dsn, stop)):
        until(lambda: line.seconds(5) and line.writer._consumed.read() > 0)
    with connect(plain_dsn) as connection:
        ((needed,),) = connection.execute("SELECT min(coalesce(since, position)) FROM snapshots").fetchall()
    assert 0 < line.writer._consumed.read() <= needed < min(snapshots(plain_dsn))


def test_late_readings_after_a_restart_revise_what_was_said_before_it(line, plain_dsn, straight):
    line.run_to(line.seconds(40), plain_dsn)
    stamps = [line.clock.time - 20 * SECOND + step for step in (1, 2, 3)]
    late = Readings.numbers(["press"] * 3, ["load"] * 3, stamps, [100.1, 100.2, 100.3])
    line.append(Kind.READINGS, encode(late.to_arrow()))
    line.run_to(line.seconds(5), plain_dsn)
    with connect(plain_dsn) as connection:
        query = "SELECT version, count FROM windows_latest WHERE max > 100 AND width_us = 1000000"
        assert connection.execute(query).fetchall() == [(2, 13)]
    assert differences(plain_dsn, straight()) == {}


def test_a_shard_that_was_taken_over_ends(line, plain_dsn):
    line.seconds(10)
    with pytest.raises(Fenced), running(lambda stop: run_shard(line.plant, line.home, plain_dsn, stop)):
        until(lambda: committed(plain_dsn, "line-1") == line.writer.position)
        owner = Writer(plain_dsn, "line-1", 1)
        until(lambda: line.seconds(1) and not shard_threads())
    owner.close()
    assert committed(plain_dsn, "line-1") < line.writer.position


def test_a_shard_whose_snapshots_have_ended_ends(line, plain_dsn, monkeypatch):
    monkeypatch.setenv(shard_module.SNAPSHOT_VARIABLE, "0")
    monkeypatch.setattr(Shard, "_kept", lambda shard, needed: {}[needed])
    with pytest.raises(KeyError), running(lambda stop: run_shard(line.plant, line.home, plain_dsn, stop)):
        until(lambda: shard_threads("writer-"))
        until(lambda: line.seconds(1) and not shard_threads("writer-"))


def shard_threads(name="snapshots-"):
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def test_it_waits_for_a_database_that_is_away_at_the_start(line, plain_server, monkeypatch):
    monkeypatch.setattr(shard_module, "PATIENCE", 0.05)
    last = line.seconds(5)
    dsn = plain_server.create()
    plain_server.drop(dsn)
    with running(lambda stop: run_shard(line.plant, line.home, dsn, stop)):
        until(lambda: said(line) and "is away: " in said(line).part("database", "database").trouble)
        plain_server.create_as(dsn)
        until(lambda: committed(dsn, "line-1") == last)
        until(lambda: said(line).part("database", "database").ok)
    plain_server.drop(dsn)


def said(line):
    """Return what the shard says of itself."""
    return health.read(health.path_of(line.home.health, "shard", "line-1"))


def test_it_says_how_far_it_is(line, plain_dsn, monkeypatch):
    monkeypatch.setenv(shard_module.SNAPSHOT_VARIABLE, "0")
    last = line.seconds(20)
    line.run_to(last, plain_dsn)
    line.run_to(line.seconds(1), plain_dsn)
    record, found = said(line), said(line).counters
    assert record.ended
    assert (found["position"], found["epoch"], found["lag_entries"], found["lag_s"]) == (
        line.writer.position,
        2,
        0,
        0.0,
    )
    assert found["commits"] >= 1
    assert 0 <= found["snapshot_age_s"] < 60
    assert found["refused"] == found["snapshot_failures"] == 0


def test_a_shard_that_lags_says_by_how_much(line, plain_dsn):
    line.seconds(5)
    view = FileLogReader(line.folder)
    shard = Shard(line.plant, view, plain_dsn, threading.Event(), Idle())
    assert "lag_s" not in shard.report().counters
    assert shard.report().counters["lag_entries"] == line.writer.position
    shard._writer.write([Output(1, time.time_ns() // 1000 - 60 * SECOND, ())])
    assert shard._writer.flush(20)
    found = shard.report().counters
    assert found["lag_entries"] == line.writer.position - 1
    assert 60 <= found["lag_s"] < 120
    shard._close(20)
    view.close()


class Idle:
    """A chain that has no state."""

    clocks, clock_jumps, repeated, since, older, standing = (), 0, 0, None, {}, Standing()

    def snapshot(self):
        return {}


def test_a_log_that_ends_before_the_committed_position_is_refused(line):
    last = line.seconds(3)
    reader = FileLogReader(line.folder)
    await_log(reader, Committed(last, line.clock.time), threading.Event(), patience=0)
    with pytest.raises(LogMismatch, match=r"ends before position .*put the right log folder back"):
        await_log(reader, Committed(last + 1, line.clock.time), threading.Event(), patience=0)
    reader.close()


def test_another_log_is_refused_before_the_owner_is_fenced(line, plain_dsn, tmp_path):
    line.run_to(line.seconds(5), plain_dsn)
    owner = Writer(plain_dsn, "line-1", 1)
    other = Line(tmp_path / "other")
    other.clock.time += 60 * SECOND
    assert other.seconds(10) > line.writer.position
    stranger = other.plant.model_copy(update={"name": "stranger", "machines": []})
    with pytest.raises(LogMismatch, match=r"another log; .*new shard name or a new database"):
        run_shard(stranger, other.home, plain_dsn, threading.Event())
    other.writer.close()
    with connect(plain_dsn) as connection:
        assert connection.execute("SELECT epoch FROM shard").fetchall() == [(owner.epoch,)]
        assert connection.execute("SELECT count(*) FROM machines").fetchall() == [(2,)]
    owner.close()


def test_a_log_folder_that_was_replaced_is_not_skipped(line, plain_dsn, tmp_path):
    line.run_to(line.seconds(5), plain_dsn)
    line.writer.close()
    shutil.rmtree(line.folder)
    line.writer = LogWriter(line.folder, line.clock)
    line.seconds(10)
    with pytest.raises(LogMismatch, match="another log"):
        run_shard(line.plant, line.home, plain_dsn, threading.Event())


def limited(line, told):
    """Let the line's log drop its oldest segments from about forty seconds on."""
    line.writer.close()
    line.writer = LogWriter(line.folder, line.clock, 400_000, 50_000, told.append)
    log = LogSection(when_full="drop_oldest")
    line.plant = line.plant.model_copy(update={"log": log})


DROPPED = "SELECT raw::text FROM quarantine WHERE reason = 'dropped' ORDER BY ts, raw::text"


def losses(dsn):
    with connect(dsn) as connection:
        return [json.loads(raw) for (raw,) in connection.execute(DROPPED).fetchall()]


def commit_seconds(line, count):
    for _ in range(count):
        line.seconds(1)


def test_a_shard_goes_on_over_what_a_full_log_dropped_and_lands_the_loss(line, plain_dsn, capsys):
    told = []
    limited(line, told)
    commit_seconds(line, 20)
    line.run_to(line.writer.position, plain_dsn)
    before = line.writer.position
    commit_seconds(line, 400)
    assert sum(loss.readings for loss in told) > 0
    assert told[0].first > before
    line.run_to(line.writer.position, plain_dsn)
    assert "entries_skipped" in capsys.readouterr().out
    said = losses(plain_dsn)
    assert sum(record["lost"] for record in said) == sum(loss.readings for loss in told)
    with connect(plain_dsn) as connection:
        (landed,) = connection.execute("SELECT count(*) FROM readings").fetchone()
    assert landed + sum(record["lost"] for record in said) == readings_made(line)


def readings_made(line):
    seconds = (line.clock.time - T0) // SECOND
    return 10 * seconds + sum(number % 5 == 1 for number in range(1, seconds + 1))


def test_a_log_with_a_gap_gives_the_same_rows_again(line, plain_server, straight):
    told = []
    limited(line, told)
    commit_seconds(line, 400)
    assert told
    first, again = straight(), straight()
    assert losses(first)
    assert differences(first, again) == {}


def test_a_shard_of_a_log_that_refuses_does_not_go_over_a_gap(line, plain_dsn):
    limited(line, [])
    commit_seconds(line, 20)
    line.run_to(line.writer.position, plain_dsn)
    commit_seconds(line, 400)
    refusing = line.plant.model_copy(update={"log": LogSection()})
    with pytest.raises(LogGap):
        run_shard(refusing, line.home, plain_dsn, threading.Event())

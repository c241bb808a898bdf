from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest

from engine import health
from engine.appender import main, run_appender
from engine.paths import Home
from engine.plant import LogSection, Plant, ReplaySection, ServeSection, save
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.files import lock
from streams.log.marks import mark_consumed
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.remote import RemoteLog
from streams.log.remote_server import RemoteServer
from streams.log.tail import last_entry
from streams.log.writer import GIB, LogWriter
from streams.testing import running

TIMEOUT = 60
SECOND = 1_000_000


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path))
    return Home(tmp_path).create()


@pytest.fixture
def plant_file(home):
    save(Plant(name="test", log=LogSection(segment_mb=1)), home.root / "plant.yaml")
    return home.root / "plant.yaml"


@contextmanager
def appender(plant_file):
    """An appender process that takes entries."""
    process = subprocess.Popen([sys.executable, "-m", "engine.appender", plant_file])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT)


@contextmanager
def producer(home, **limits):
    one = ZmqProducer(home.appender, "line-1", "test", **limits)
    try:
        yield one
    finally:
        one.close()


def entries(home):
    reader = FileLogReader(home.log / "line-1")
    try:
        found, after = [], 0
        while batch := reader.read(after, 1 << 20):
            found += batch
            after = found[-1].position
        return found
    finally:
        reader.close()


def test_an_entry_is_accepted_within_20_ms(home, plant_file):
    with appender(plant_file), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"first"), TIMEOUT)
        taken = []
        for _ in range(50):
            begun = time.perf_counter()
            assert one.wait(one.send(Kind.READINGS, bytes(10_000)), TIMEOUT)
            taken.append(time.perf_counter() - begun)
    assert sorted(taken)[25] < 0.020


def test_ticks_go_on_under_load(home, plant_file):
    with appender(plant_file), producer(home) as one:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            last = one.send(Kind.READINGS, bytes(50_000))
        assert one.wait(last, TIMEOUT)
    found = entries(home)
    ticks = [entry.received for entry in found if entry.kind == Kind.TICK]
    assert all(entry.payload == b"" and entry.producer == "" for entry in found if entry.kind == Kind.TICK)
    span = found[-1].received - found[0].received
    assert len(ticks) > 0.7 * span / (0.1 * SECOND)


def test_a_stop_is_clean_and_the_end_is_found_again(home, plant_file):
    with appender(plant_file) as process, producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"x"), TIMEOUT)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
    end = entries(home)[-1]
    with appender(plant_file), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"y"), TIMEOUT)
    found = entries(home)
    assert [entry.position for entry in found] == list(range(1, len(found) + 1))
    assert all(entry.received >= end.received for entry in found[end.position :])
    assert last_entry(home.log / "line-1") == found[-1]


def test_killed_at_random_it_loses_nothing_accepted_and_doubles_nothing(home, plant_file):
    """Two producers send without pause while the appender is killed five times."""
    chance, stop = random.Random(7), threading.Event()
    sent = {}

    def keep_sending(one):
        count = 0
        while not stop.is_set():
            count = one.send(Kind.READINGS, b"%d" % (count + 1))
        sent[one.producer] = count

    with producer(home) as first, producer(home) as second:
        threads = [threading.Thread(target=keep_sending, args=(one,)) for one in (first, second)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            with appender(plant_file) as process:
                assert first.wait(first.acknowledged() + chance.randrange(1, 1000), TIMEOUT)
                accepted = {one.producer: one.acknowledged() for one in (first, second)}
                process.kill()
                process.wait()
            kept = by_producer(entries(home))
            assert all(len(kept.get(name, [])) >= count for name, count in accepted.items())
        with appender(plant_file):
            stop.set()
            for thread in threads:
                thread.join(TIMEOUT)
            assert first.flush(TIMEOUT)
            assert second.flush(TIMEOUT)
    found = entries(home)
    assert [entry.position for entry in found] == list(range(1, len(found) + 1))
    kept = by_producer(found)
    assert kept == {name: [b"%d" % index for index in range(1, count + 1)] for name, count in sent.items()}


def by_producer(found):
    kept = {}
    for entry in found:
        if entry.kind == Kind.READINGS:
            kept.setdefault(entry.producer, []).append(entry.payload)
    return kept


def test_a_second_appender_is_told_off(home, plant_file, monkeypatch, capsys):
    folder = home.log / "line-1"
    folder.mkdir()
    owned = lock(folder)
    monkeypatch.setattr("engine.appender.stop_on_signals", threading.Event)
    monkeypatch.setattr("sys.argv", ["appender", plant_file])
    assert main() == 1
    os.close(owned)
    said = capsys.readouterr().err
    assert said == f"Another appender writes to {folder}; stop it before starting this one.\n"


def run(plant, home):
    """Run an appender beside the test."""
    return running(lambda stop: run_appender(plant, home, stop))


def test_a_log_from_the_future_is_told_and_its_time_goes_on(home):
    far = time.time_ns() // 1000 + 3600 * SECOND
    writer = LogWriter(home.log / "line-1", ManualClock(far))
    writer.append(Kind.TICK, b"")
    writer.commit()
    writer.close()
    with run(Plant(name="test"), home), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"x"), TIMEOUT)
        found = await_record(home, lambda record: record.part("clock", "line-1"))
        await_record(home, lambda record: record.counters["position"] > 12)
    told = found.part("clock", "line-1").trouble
    assert re.match(r"The log's time is 3(599|600) s ahead of this computer's clock", told)
    stamps = [entry.received for entry in entries(home)]
    assert stamps == sorted(stamps)
    assert far < stamps[-1] < far + 60 * SECOND


def test_a_clock_that_is_right_is_no_trouble(home):
    with run(Plant(name="test"), home):
        found = await_record(home, lambda record: record.part("clock", "line-1"))
    assert found.part("clock", "line-1").ok


def test_a_replay_stamps_with_its_own_clock(home):
    replay = ReplaySection(origin_us=time.time_ns() // 1000, start_us=5_000 * SECOND, speed=1000)
    with run(Plant(name="test", replay=replay), home), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"x"), TIMEOUT)
    assert all(5_000 * SECOND < entry.received < 65_000 * SECOND for entry in entries(home))


def await_record(home, wanted):
    """Wait for what the appender says of itself."""
    pause = threading.Event()
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        for record in health.read_all(home.health):
            if wanted(record):
                return record
        pause.wait(0.02)
    raise AssertionError("it was not said")


def test_a_full_log_is_said_once_and_so_is_its_end(home, capsys):
    plant = Plant(name="test", log=LogSection(max_gb=20_000 / GIB))
    with run(plant, home), producer(home) as one:
        sent = 0
        while not one.trouble:
            sent = one.send(Kind.READINGS, bytes(5_000))
            one.wait(sent, 0.1)
        refusing = await_record(home, lambda record: not record.part("log", "line-1").ok)
        mark_consumed(home.log / "line-1", one.acknowledged())
        assert one.flush(TIMEOUT)
    assert "until its shard catches up" in refusing.part("log", "line-1").trouble
    assert 0 < refusing.counters["bytes"] <= refusing.counters["limit_bytes"] == 20_000
    ended = await_record(home, lambda record: record.ended)
    assert ended.part("log", "line-1").ok
    assert ended.counters["consumed"] > 0
    assert ended.counters["position"] == last_entry(home.log / "line-1").position
    said = capsys.readouterr().out
    assert said.count("appender.refuses") == said.count("appender.accepts_again") == 1
    assert "until its shard catches up" in said


def test_a_log_that_drops_never_refuses_and_says_what_it_lost(home, capsys):
    limited = LogSection(max_gb=200_000 / GIB, when_full="drop_oldest")
    with run(Plant(name="test", log=limited), home), producer(home) as one:
        for _ in range(100):
            last = one.send(Kind.READINGS, bytes(5_000))
            assert one.wait(last, TIMEOUT)
    ended = await_record(home, lambda record: record.ended)
    assert ended.part("log", "line-1").ok
    assert 0 < ended.counters["dropped_entries"] < last == 100
    assert ended.counters["dropped_readings"] == 0
    assert "appender.dropped" in capsys.readouterr().out
    kept = FileLogReader(home.log / "line-1")
    assert kept.first > 1
    kept.close()


def test_an_appender_that_serves_readers_no_more_ends_to_be_started_anew(home, monkeypatch, capsys):
    monkeypatch.setattr(RemoteServer, "_attend", lambda server, *message: {}[message])
    served = LogSection(serve=ServeSection(endpoint=f"ipc://{home.root}/served"))
    with pytest.raises(KeyError), run(Plant(name="test", log=served), home) as stop:
        with closing(RemoteLog(served.serve.endpoint, "line-1")) as reader:
            reader.committed(0)
        assert stop.wait(TIMEOUT)
    assert "appender.serves_no_more" in capsys.readouterr().out


@pytest.fixture
def small_disk(disk_of, home):
    """The log's folder on a file system of one megabyte, almost full."""
    return disk_of(home.log, ballast=800_000)


def test_a_full_disk_is_one_clear_sentence_and_nothing_is_lost(home, small_disk, capsys):
    with run(Plant(name="test"), home), producer(home) as one:
        sent = 0
        while not one.trouble:
            sent = one.send(Kind.READINGS, bytes(50_000))
            one.wait(sent, 0.1)
        assert one.trouble.startswith(f"The log {small_disk}/line-1 takes no more entries (No space left")
        (small_disk / "ballast").unlink()
        assert one.flush(TIMEOUT)
    kept = [entry for entry in entries(home) if entry.kind == Kind.READINGS]
    assert len(kept) == sent


def test_usage_and_a_missing_plant_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["appender"])
    assert main() == 2
    assert capsys.readouterr().err == "Usage: python -m engine.appender PLANT.yaml\n"
    monkeypatch.setattr("sys.argv", ["appender", tmp_path / "none.yaml"])
    assert main() == 1
    assert capsys.readouterr().err.startswith("The plant file ")

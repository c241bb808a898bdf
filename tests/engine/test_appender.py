from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from engine.paths import Home
from engine.plant import LogSection, Plant, ReplaySection, save
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.files import lock
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader, last_stamp
from streams.log.writer import LogWriter

TIMEOUT = 20
SECOND = 1_000_000


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path))
    return Home(tmp_path).create()


@pytest.fixture
def plant_file(home):
    save(Plant(name="test", log=LogSection(segment_mb=1)), home.root / "plant.yaml")
    return home.root / "plant.yaml"


def start(plant_file):
    return subprocess.Popen([sys.executable, "-m", "engine.appender", plant_file], stderr=subprocess.PIPE)


@contextmanager
def appender(plant_file):
    """An appender process that takes entries."""
    process = start(plant_file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)


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
    assert last_stamp(home.log / "line-1") == found[-1].received


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
                assert first.wait(first.acknowledged() + chance.randrange(1, 3000), TIMEOUT)
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


def test_a_second_appender_is_told_off(home, plant_file):
    folder = home.log / "line-1"
    folder.mkdir()
    owned = lock(folder)
    process = start(plant_file)
    _, said = process.communicate(timeout=TIMEOUT)
    os.close(owned)
    assert process.returncode == 1
    assert said.decode().strip() == f"Another appender writes to {folder}; stop it before starting this one."


def test_a_log_from_the_future_stops_time_but_not_the_appender(home, plant_file):
    far = time.time_ns() // 1000 + 3600 * SECOND
    writer = LogWriter(home.log / "line-1", ManualClock(far))
    writer.append(Kind.TICK, b"")
    writer.commit()
    writer.close()
    with appender(plant_file), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"x"), TIMEOUT)
    assert {entry.received for entry in entries(home)} == {far}


def test_a_replay_stamps_with_its_own_clock(home, plant_file):
    now = time.time_ns() // 1000
    save(
        Plant(name="test", replay=ReplaySection(origin_us=now, start_us=5_000_000_000, speed=1000)),
        plant_file,
    )
    with appender(plant_file), producer(home) as one:
        assert one.wait(one.send(Kind.READINGS, b"x"), TIMEOUT)
    assert all(5_000 * SECOND < entry.received < 65_000 * SECOND for entry in entries(home))


def test_usage_and_a_missing_plant_file(home, tmp_path):
    run = subprocess.run([sys.executable, "-m", "engine.appender"], capture_output=True, check=False)
    assert (run.returncode, run.stderr.decode()) == (2, "Usage: python -m engine.appender PLANT.yaml\n")
    run = subprocess.run(
        [sys.executable, "-m", "engine.appender", tmp_path / "none.yaml"], capture_output=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.decode().startswith("The plant file ")

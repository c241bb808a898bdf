"""The archive as a process beside a real appender: killed, out of room, told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from engine import health
from engine.appender import run_appender
from engine.archive import main, run_archive
from engine.paths import Home
from engine.plant import LogSection, Plant, RemoteSection, ReplaySection, save
from streams.clock import DAY, SECOND
from streams.connectors.stamps import stamp
from streams.log.abc import Kind
from streams.log.files import segments
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.writer import GIB, MIB
from streams.records import Readings, encode
from streams.testing import running, until

TIMEOUT = 120
MONDAY = stamp("2026-03-02")
BATCH = 500


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home").create()


def plant(out, wall_seconds=2.0, **limits):
    """A plant whose day takes so many real seconds."""
    replay = ReplaySection(
        origin_us=time.time_ns() // 1000, start_us=MONDAY, speed=DAY / SECOND / wall_seconds
    )
    return Plant(name="test", replay=replay, log=LogSection(segment_mb=1, archive=out, **limits))


@contextmanager
def process(module, file):
    started = subprocess.Popen([sys.executable, "-m", module, file])
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(TIMEOUT)


class Line:
    """A machine that sends numbered readings, and a shard that has consumed whatever is there."""

    def __init__(self, home):
        self.folder = home.log / "line-1"
        self.producer = ZmqProducer(home.appender, "line-1", "test")
        self.sent, self.told, self.over = 0, threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=run) for run in (self.send, self.consume)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.told.set()
        self.over.set()
        self.producer.close()
        for thread in self.threads:
            thread.join(TIMEOUT)

    def send(self):
        while not self.told.wait(0.005):
            values = self.sent + np.arange(float(BATCH))
            batch = Readings.numbers(["mill"] * BATCH, ["load"] * BATCH, values.astype(np.int64), values)
            self.producer.send(Kind.READINGS, encode(batch.to_arrow()))
            self.sent += BATCH

    def consume(self):
        with closing(FileLogReader(self.folder)) as reader:
            while not self.over.wait(0.005):
                reader.consumed(reader.end)

    def end(self):
        """Send no more; all that was sent is accepted then."""
        self.told.set()
        self.threads[0].join(TIMEOUT)
        assert self.producer.flush(TIMEOUT)


def rows(out):
    """How many readings the files say they hold."""
    return sum(pa.parquet.read_metadata(file).num_rows for file in out.glob("*.parquet"))


def archived(out):
    """All values in the files, in the order of the files' names."""
    files = sorted(out.glob("*.parquet"))
    return np.concatenate(
        [pa.parquet.read_table(file)["value"].to_numpy() for file in files] or [np.empty(0)]
    )


DYING = """
import os, signal, sys
from engine.archive import main
from streams.log import export

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

flush = export.DayFile._flush
{patch}
sys.exit(main())
"""
PLACES = {
    "in the middle of a file": "export.DayFile._flush = lambda *given: (flush(*given), die())",
    "before it has its name": "export.os.fsync = die",
    "between the file and the mark": "export.sync_folder = die",
}


def kill_itself(file, patch):
    """Run the archive until it is killed, by SIGKILL, at a place in its work."""
    dying = subprocess.Popen([sys.executable, "-c", DYING.format(patch=patch), file])
    assert dying.wait(TIMEOUT) == -signal.SIGKILL


def test_killed_anywhere_every_reading_accepted_is_in_one_row(home, tmp_path):
    """The archive is killed at each place, the appender once too, while readings come."""
    file, out = home.root / "plant.yaml", tmp_path / "out" / "line-1"
    save(plant(tmp_path / "out", max_gb=4 * MIB / GIB), file)
    with Line(home) as line:
        with process("engine.appender", file) as appender:
            for place, patch in PLACES.items():
                kill_itself(file, patch)
                assert bool(list(out.glob(".*.draft"))) == (place != "between the file and the mark")
            appender.kill()
            appender.wait(TIMEOUT)
        assert len(list(out.glob("*.parquet"))) == 1
        with process("engine.appender", file), process("engine.archive", file):
            until(lambda: segments(line.folder)[0].first > 1, TIMEOUT)
            line.end()
            until(lambda: rows(out) >= line.sent, TIMEOUT)
    assert archived(out).tolist() == list(range(line.sent))
    assert not list(out.glob(".*"))


def await_record(home, kind, wanted):
    """Wait for what a process says of itself."""
    found = []

    def said():
        found[:] = [one for one in health.read_all(home.health) if one.kind == kind and wanted(one)]
        return found

    until(said, TIMEOUT)
    return found[0]


@pytest.fixture
def small_disk(disk_of, tmp_path):
    """An archive on a file system of its own, almost full."""
    return disk_of(tmp_path / "out", ballast=(1 << 20) - 3 * 4096)


@pytest.mark.parametrize("policy", ["refuse", "drop_oldest"])
def test_an_archive_without_room_says_so_and_the_log_goes_on_as_its_policy_is(home, small_disk, policy):
    given = plant(small_disk, max_gb=4 * MIB / GIB, when_full=policy)
    out = small_disk / "line-1"
    with (
        running(lambda stop: run_appender(given, home, stop)),
        running(lambda stop: run_archive(given, home, stop, look=0.05)),
        Line(home) as line,
    ):
        waits = await_record(home, "archive", lambda record: any(part.trouble for part in record.parts))
        (part,) = waits.parts
        assert part.trouble == f"The archive {out} cannot be written: No space left on device."
        if policy == "refuse":
            until(lambda: line.producer.trouble, TIMEOUT)
            assert "until its archive is written" in line.producer.trouble
            assert segments(line.folder)[0].first == 1
        else:
            counted = await_record(
                home, "appender", lambda record: record.counters["unarchived_readings"] > 0
            )
            assert counted.part("log", "line-1").ok
        (small_disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
        await_record(home, "archive", lambda record: all(part.ok for part in record.parts))
        line.end()
        until(lambda: rows(out) and archived(out)[-1] == line.sent - 1, TIMEOUT)
    last = await_record(home, "archive", lambda record: record.ended)
    lost = await_record(home, "appender", lambda record: record.ended).counters["unarchived_readings"]
    found = archived(out).tolist()
    assert len(set(found)) == len(found)
    assert line.sent - lost <= len(found)
    assert (last.counters["missing_entries"] > 0) == (lost > 0) == (policy == "drop_oldest")
    assert (len(found) < line.sent) == (policy == "drop_oldest")


def test_usage_and_a_plant_without_an_archive(home, monkeypatch, capsys):
    monkeypatch.setattr("engine.archive.os.nice", lambda _: 0)
    monkeypatch.setattr("engine.archive.stop_on_signals", threading.Event)
    monkeypatch.setattr("sys.argv", ["archive"])
    assert main() == 2
    save(Plant(name="test"), home.root / "plant.yaml")
    monkeypatch.setattr("sys.argv", ["archive", home.root / "plant.yaml"])
    assert main() == 1
    elsewhere = LogSection(archive=home.root, remote=RemoteSection(endpoint="tcp://127.0.0.1:1"))
    save(Plant(name="test", log=elsewhere), home.root / "plant.yaml")
    assert main() == 1
    said = capsys.readouterr().err
    assert said.startswith("Usage: python -m engine.archive PLANT.yaml\n")
    assert "add archive: with a folder to its section log.\n" in said
    assert said.endswith("is written where the log's files are; leave log.archive out here.\n")

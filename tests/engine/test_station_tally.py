"""A station that is killed leaves no frame without an end: its next run accounts for what died with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from engine.approvals.testing import vouch
from engine.paths import Home
from engine.plant import FolderCamera, Plant, StationSection, save
from engine.station_former import KILLED, formers, frames_of, without
from engine.station_tally import PAGE, Tally
from streams.log.abc import Entry, Kind
from streams.log.errors import LogGap
from streams.log.reader import FileLogReader
from vision import pictures
from vision.cameras import Mark, Run
from vision.ledger import INSPECTED, Ledger
from vision.records import FrameLoss
from vision.testing import picture, write_model

WAIT = 180.0
FLOOD, CALM = 100_000, 20
"""Pictures a second: more than any station takes, so that frames are always on their way, and few."""
NOW = 1_764_000_000_000_000


class Trail:
    """A log in memory, that acknowledges what it is told to."""

    def __init__(self):
        self.entries = []
        self.acknowledged = 0
        self.removed = 0

    @property
    def end(self):
        return len(self.entries)

    @property
    def sent(self):
        return len(self.entries)

    def read(self, after, limit):
        if after < self.removed:
            raise LogGap("gone")
        return self.entries[after:]

    def close(self):
        pass

    def say(self, first, last=None, run="7", station="weld"):
        loss = FrameLoss(station, "cam", "front", run, first, last or first, NOW, "dropped", "busy")
        self.entries.append(Entry(len(self.entries) + 1, Kind.FRAMES, NOW, f"{station}/1", loss.to_json()))


class Dying:
    """A station's tally with its ledger, until it is killed."""

    def __init__(self, folder, log, number=7):
        self.folder, self.log, self.ledger = folder, log, Ledger()
        self.tally = Tally(folder, "weld", number, log)
        self.run = Run("cam", "front", str(number), lambda: NOW)
        self.tally.begin("cam", 1, Mark())

    def capture(self, frames):
        for _ in range(frames):
            frame = self.run.frame(b"x", "")
            self.ledger.captured("cam", frame.run, frame.sequence, frame.sequence)
            self.tally.captured(frame, self.run.mark)

    def end(self, *numbers):
        for number in numbers:
            self.log.say(number)
            self.ledger.ended("cam", "7", number, number, INSPECTED)

    def settle(self):
        """Look twice: what is on the log's disk is settled."""
        for _ in range(2):
            self.log.acknowledged = self.log.sent
            self.tally.settle(self.ledger, self.log)

    def dead(self):
        (former,) = formers(self.folder, "weld")
        return former.dead(self.log)


@pytest.fixture
def log():
    return Trail()


@pytest.fixture
def station(tmp_path, log):
    return Dying(tmp_path, log)


def test_frames_that_were_captured_and_never_appended_died(station):
    station.capture(6)
    station.end(1, 2, 4)
    assert station.dead() == {("cam", "7"): [(3, 3), (5, 6)]}


def test_a_log_that_grows_as_fast_as_it_is_read_ends_all_the_same(station, log, monkeypatch):
    station.capture(3)
    station.end(1)
    read = log.read

    def busy(after, limit):
        log.say(1, run="8")
        return read(after, limit)[:1]

    monkeypatch.setattr(log, "read", busy)
    assert station.dead() == {("cam", "7"): [(2, 3)]}
    assert len(log.entries) == 2


def test_frames_that_waited_when_others_had_ended_are_not_forgotten(station):
    station.capture(6)
    station.end(1, 2, 4)
    station.settle()
    station.log.removed = station.log.end
    station.capture(2)
    station.end(5, 7)
    assert station.dead() == {("cam", "7"): [(3, 3), (6, 6), (8, 8)]}


def test_a_checkpoint_is_kept_only_once_the_log_has_all_before_it(station, log):
    station.capture(3)
    station.end(1)
    station.tally.settle(station.ledger, log)
    log.entries.clear()
    station.tally.settle(station.ledger, log)
    assert station.dead() == {("cam", "7"): [(1, 3)]}


def test_every_opening_of_a_camera_is_a_run_of_its_own(station):
    station.capture(3)
    station.settle()
    station.capture(1)
    station.run = Run("cam", "front", "7.2", lambda: NOW)
    station.tally.begin("cam", 2, Mark())
    station.capture(2)
    assert station.dead() == {("cam", "7"): [(1, 4)], ("cam", "7.2"): [(1, 2)]}


def test_a_run_that_was_stopped_left_nothing(station):
    station.capture(3)
    station.end(1, 2, 3)
    station.settle()
    assert station.dead() == {}


def test_what_other_stations_said_is_no_end_for_these(station, log):
    station.capture(1)
    log.say(1, station="other")
    assert station.dead() == {("cam", "7"): [(1, 1)]}


def test_where_the_log_no_longer_tells_the_number_is_unknown(station, log):
    station.capture(3)
    log.say(1)
    log.removed = 1
    (former,) = formers(station.folder, "weld")
    (loss,) = former.losses(log, {"cam": "front"}, NOW + 5)
    assert (loss.first, loss.last, loss.frames) == (4, 3, 0)
    assert (loss.reason, loss.since, loss.ts, loss.view) == (KILLED, NOW, NOW + 5, "front")


def test_another_log_in_its_place_tells_nothing(station, log):
    station.capture(3)
    station.end(1)
    station.settle()
    log.entries.clear()
    assert station.dead() is None


def test_a_former_run_tells_where_its_cameras_stood(station):
    station.run.count(41, session=3)
    station.capture(1)
    (former,) = formers(station.folder, "weld")
    assert former.marks == {"cam": Mark(NOW, 41, 3)}
    former.forget()
    assert formers(station.folder, "weld") == []


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"\xff", b'{"position": 1, "captured": 3, "open": [], "ended": []}']
)
def test_a_tally_that_cannot_be_read_is_none(station, damage):
    (former,) = formers(station.folder, "weld")
    (former.folder / "checkpoint.json").write_bytes(damage)
    assert formers(station.folder, "weld") == []


def test_ranges_without_ranges():
    assert without([(1, 5), (8, 9)], 3, 8) == [(1, 2), (9, 9)]
    assert without([(1, 5)], 6, 9) == without([(1, 5)], -3, 0) == [(1, 5)]
    assert without([(1, 5)], 0, 9) == []


SCRIPT = """
import sys
from pathlib import Path
from engine.paths import Home
from engine.plant import load
from engine.signals import stop_on_signals
from engine.station import Station
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader

plant, home = load(Path(sys.argv[1])), Home.default()
producer, trail = ZmqProducer(home.appender, plant.shard, "weld"), FileLogReader(home.log / plant.shard)
Station(plant.stations[0], plant, home, producer, trail=trail).run(stop_on_signals())
producer.close()
"""


def place(tmp_path):
    """Make a home with a model, and a folder of photographs."""
    home = Home(tmp_path / "home").create()
    vouch(home, write_model(home.models))
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(8):
        (photographs / f"{number}.jpg").write_bytes(pictures.encode_jpeg(picture(20, seed=number)))
    return photographs, home


def plant_of(photographs, rate):
    """Return a plant whose station sees two views of the same photographs, again and again."""
    cameras = [
        FolderCamera(kind="folder", name=view, view=view, path=photographs, rate=rate, repeat=True)
        for view in ("front", "top")
    ]
    section = StationSection(name="weld", cameras=cameras, views=["front", "top"], model="tiny")
    return Plant(name="test", stations=[section])


@contextmanager
def process(*arguments, home, end=signal.SIGTERM):
    """Run Python until the block ends."""
    environment = {**os.environ, "SEAMLINE_HOME": str(home.root)}
    running = subprocess.Popen([sys.executable, *map(str, arguments)], env=environment)
    try:
        yield running
    finally:
        running.send_signal(end)
        running.wait(WAIT)


def ledger_of(reader):
    """Count how often the log gives each frame of each run an end, and how many died."""
    ends, died, after = Counter(), 0, 0
    while entries := reader.read(after, 1 << 24):
        after = entries[-1].position
        for entry in entries:
            for (camera, run), first, last in frames_of(entry):
                ends.update((camera, run, number) for number in range(first, last + 1))
            died += entry.kind is Kind.FRAMES and KILLED.encode() in entry.payload
    return ends, died


def wait(condition):
    limit = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < limit, "it never came"
        threading.Event().wait(0.02)


def captured(home):
    """Return how far each camera of each run is, as its page tells."""
    pages = home.tally.glob("weld/*/*.page")
    return {
        (page.name.removesuffix(".page"), page.parent.name): PAGE.unpack(page.read_bytes())[1]
        for page in pages
        if page.stat().st_size == PAGE.size
    }


def test_after_kills_at_any_moment_every_captured_frame_has_one_end(tmp_path):
    photographs, home = place(tmp_path)
    plant, file, known = plant_of(photographs, FLOOD), tmp_path / "plant.yaml", {}
    save(plant, file)
    reader = FileLogReader(home.log / plant.shard)
    with process("-m", "engine.appender", file, home=home):
        for run, pause in (("1", 0.0), ("2", 0.13), ("3", 1.31)):
            with process("-c", SCRIPT, file, home=home, end=signal.SIGKILL):
                wait(lambda run=run: captured(home).get(("front", run), 0) > 30)
                threading.Event().wait(pause)
            known |= captured(home)
        save(plant_of(photographs, CALM), file)
        with process("-c", SCRIPT, file, home=home):
            wait(lambda: [folder.name for folder in (home.tally / "weld").iterdir()] == ["4"])
    ends, died = ledger_of(reader)
    reader.close()
    assert set(ends.values()) == {1}
    counted = Counter((camera, run) for camera, run, _ in ends)
    assert {key: counted[key] for key in known} == known
    assert sorted({run for _, run in known}) == ["1", "2", "3"]
    assert died >= 3

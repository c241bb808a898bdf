"""Cameras are taken up and down while their station runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.commands.cameras import screen, show
from engine import camera_change, health
from engine.approvals.testing import vouch
from engine.camera_change import await_stations
from engine.paths import Home
from engine.plant import FolderCamera, Plant, StationSection, save
from engine.station import Station
from engine.station_report import report
from engine.station_roster import Roster
from streams.log.abc import Kind
from vision import pictures
from vision.testing import picture, write_model

Command = Callable[..., Any]
WAIT = 60.0


class Log:
    """A log that counts."""

    producer = "weld/1"

    def __init__(self) -> None:
        self.sent = 0

    def send(self, kind: Kind, payload: bytes) -> int:
        self.sent += 1
        return self.sent

    def acknowledged(self) -> int:
        return self.sent

    def flush(self, timeout: float) -> bool:
        return True

    def close(self) -> None:
        pass


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(pictures.encode_jpeg(picture(20)))
    return folder


@pytest.fixture
def plant(photographs: Path) -> Callable[..., Plant]:
    """Give a function that makes a plant whose station has these cameras."""

    def make(*names: str, part_number: str = "demo", rate: float = 20.0) -> Plant:
        cameras = [
            FolderCamera(kind="folder", name=name, path=photographs, rate=rate, repeat=True) for name in names
        ]
        section = StationSection(name="weld", cameras=list(cameras), model="tiny", part_number=part_number)
        return Plant(name="hall", stations=[section])

    return make


@pytest.fixture
def running(home: Path, plant: Callable[..., Plant]) -> Iterator[Station]:
    """Run the station of a plant with camera ``a``, that says how it is."""
    place = Home(home).create()
    vouch(place, write_model(place.models))
    first, stop = plant("a"), threading.Event()
    save(first, place.plant_file)
    section = first.stations[0]
    station = Station(section, first, place, Log(), roster=Roster(place.plant_file, section))
    line = threading.Thread(target=station.run, args=(stop,))
    line.start()
    try:
        with health.Publisher(place.health, "station", "weld", lambda: report(station.stats(), None)):
            await_stations(place, first)
            yield station
    finally:
        stop.set()
        line.join(WAIT)


def write(tmp_path: Path, plant: Plant) -> str:
    file = tmp_path / "hall.yaml"
    save(plant, file)
    return str(file)


def test_cameras_of_the_file_are_taken_up_and_others_lose_nothing(
    seamline: Command, running: Station, plant: Callable[..., Plant], tmp_path: Path
) -> None:
    told = seamline("cameras", "--apply", write(tmp_path, plant("a", "b")), "--json").json
    assert told["changes"] == [{"station": "weld", "camera": "b", "what": "added"}]
    assert [row["camera"] for row in told["cameras"]] == ["a", "b"]
    ended = seamline("cameras", "--apply", write(tmp_path, plant("a")))
    assert (ended.code, "weld: b removed." in ended.words) == (0, True)
    assert set(running.stats().cameras) == {"a"}
    assert seamline("cameras", "--apply", write(tmp_path, plant("a", rate=10.0)), "--json").json[
        "changes"
    ] == [{"station": "weld", "camera": "a", "what": "changed"}]


def test_how_far_a_clock_is_behind_is_shown_where_a_camera_has_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "width", 200)
    row = {"station": "weld", "trouble": ""}
    show([], [row | {"camera": "a", "clock_offset_s": 2.5}, row | {"camera": "b"}])
    shown = {words[1]: words[-1] for words in map(str.split, capsys.readouterr().err.splitlines())}
    assert (shown["a"], shown["b"]) == ("2.500", "0")


def test_it_tells_how_every_camera_is(seamline: Command, running: Station) -> None:
    (row,) = seamline("cameras", "--json").json["cameras"]
    assert (row["station"], row["camera"], row["trouble"]) == ("weld", "a", "")
    ends = ("inspected", "dropped", "late", "unmatched", "open")
    assert row["captured"] == sum(row[end] for end in ends)
    assert "well" in seamline("cameras").words


def test_nothing_but_cameras_may_differ(
    seamline: Command, running: Station, plant: Callable[..., Plant], tmp_path: Path
) -> None:
    ended = seamline("cameras", "--apply", write(tmp_path, plant("a", "b", part_number="4711")))
    assert ended.code == 2
    assert "Only cameras can change while a plant runs; stations differs, too" in ended.words
    assert set(running.stats().cameras) == {"a"}


def test_where_no_plant_runs_nothing_is_changed(
    seamline: Command, home: Path, plant: Callable[..., Plant], tmp_path: Path
) -> None:
    ended = seamline("cameras", "--apply", write(tmp_path, plant("a")))
    assert (ended.code, "No plant runs in " in ended.words) == (2, True)
    assert not home.exists()
    assert "No station runs here." in seamline("cameras").words


def test_a_station_that_does_not_take_them_up_is_named(
    seamline: Command,
    running: Station,
    plant: Callable[..., Plant],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_change, "PATIENCE", 0.0)
    ended = seamline("cameras", "--apply", write(tmp_path, plant("a", "b")))
    assert (ended.code, "Station weld has not taken the cameras up yet" in ended.words) == (2, True)

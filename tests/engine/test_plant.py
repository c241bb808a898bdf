from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.plant import PlantError, load, save
from streams.clock import MINUTE, SECOND, ReplayClock, WallClock

EXAMPLE = Path(__file__).parents[2] / "docs" / "plant.yaml"
PLANT = """
name: Hall 3
timezone: Asia/Shanghai
machines:
  - name: lathe
    ideal_cycle_s: 12.5
    minor_stop_s: 60
    shifts:
      - {name: night, start: "22:00", end: "06:00", weekdays: [0, 1], breaks: [["02:00", "02:30"]]}
    tags:
      - {name: execution, type: text}
      - {name: load, unit: "%", detect: true}
    states: {WARMUP: setup}
stations:
  - name: weld-1
    judges: lathe
    cameras:
      - {kind: simulated, name: camera-1}
sources:
  - {kind: shdr, name: adapter, machine: lathe, port: 7878}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "plant.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_catalog_holds_what_the_file_says(tmp_path: Path) -> None:
    lathe, station = load(written(tmp_path, PLANT)).catalog().machines
    assert lathe.ideal_cycle == 12_500_000
    assert lathe.minor_stop == MINUTE
    assert [(tag.name, tag.numeric, tag.detect) for tag in lathe.tags] == [
        ("execution", False, False),
        ("load", True, True),
    ]
    assert dict(lathe.state_rule.states)["WARMUP"] == "setup"
    assert dict(lathe.state_rule.states)["ACTIVE"] == "run"
    assert lathe.calendar.timezone == ZoneInfo("Asia/Shanghai")
    (night,) = lathe.calendar.shifts
    assert (night.start, night.end, night.breaks) == (1320, 1800, ((1560, 1590),))
    assert station.counts == "parts"


def test_a_saved_plant_is_the_same_plant(tmp_path: Path) -> None:
    plant = load(written(tmp_path, PLANT))
    save(plant, tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml") == plant


def test_the_clock_is_real_time_unless_it_is_a_replay(tmp_path: Path) -> None:
    assert isinstance(load(written(tmp_path, PLANT)).clock(), WallClock)
    replay = load(written(tmp_path, PLANT + "replay: {origin_us: 0, start_us: 7, speed: 2}\n")).clock()
    assert replay == ReplayClock(0, 7, 2)
    assert replay.wall_seconds(4 * SECOND) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("timezone: Asia/Shanghai", "timezone: Mars"), "write one like Asia/Shanghai"),
        (("judges: lathe", "judges: press"), "judges 'press', which is no machine"),
        (("machine: lathe, port", "machine: press, port"), "feeds 'press', which is no machine"),
        (("name: weld-1", "name: lathe"), "share names"),
        (('start: "22:00"', 'start: "25:00"'), "not a time of day"),
        (("port: 7878", "prot: 7878"), "prot"),
        (("name: Hall 3", "name: [Hall"), "not valid YAML"),
        (("kind: simulated", "kind: film"), "stations.0.cameras.0"),
    ],
)
def test_errors_name_the_place_and_the_mend(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = written(tmp_path, PLANT.replace(*change))
    with pytest.raises(PlantError, match=says):
        load(path).catalog()


def test_a_file_of_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes("name: Halle Köln".encode("latin-1"))
    with pytest.raises(PlantError, match="is not UTF-8"):
        load(path)


def test_the_example_is_a_plant_and_every_line_of_it_is_explained() -> None:
    plant = load(EXAMPLE)
    assert [machine.name for machine in plant.catalog().machines] == [
        "mill-1", "pump-1", "oven-1", "weld-1", "weld-2",
    ]  # fmt: skip
    assert [source.kind for source in plant.sources] == ["shdr", "zeromq", "csv"]
    assert [camera.kind for station in plant.stations for camera in station.cameras] == ["folder", "zeromq"]
    assert all("#" in line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlantError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")

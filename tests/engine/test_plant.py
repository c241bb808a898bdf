from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from engine.plant import PlantError, load, save
from engine.plant.file import parse
from engine.plant.schema import schema
from streams.clock import MINUTE, SECOND, ReplayClock, WallClock

EXAMPLE = Path(__file__).parents[2] / "docs" / "plant.yaml"
SCHEMA = EXAMPLE.with_name("plant.schema.json")
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


def test_a_file_of_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes("name: Halle Köln".encode("latin-1"))
    with pytest.raises(PlantError, match="is not UTF-8"):
        load(path)


def test_the_example_is_a_plant_and_every_line_of_it_is_explained() -> None:
    machines = load(EXAMPLE).catalog().machines
    assert [machine.name for machine in machines] == [
        "mill-1",
        "pump-1",
        "oven-1",
        "weld-1",
        "weld-2",
        "seal-1",
        "trial",
    ]
    assert all("#" in line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line)


def sections(section: BaseModel) -> Iterator[BaseModel]:
    """Yield a section and all sections in it."""
    yield section
    for name in type(section).model_fields:
        value = getattr(section, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, BaseModel):
                yield from sections(item)


def test_the_example_shows_every_key_that_there_is() -> None:
    # Keys that no real plant sets stand there as comments.
    text = re.sub(r"(?m)^( +)# (\w+:)", r"\1\2", EXAMPLE.read_text(encoding="utf-8"))
    shown: dict[str, set[str]] = {}
    for section in sections(parse(text, str(EXAMPLE))):
        shown.setdefault(type(section).__name__, set()).update(section.model_fields_set)
    kinds = {"Plant": schema(), **schema()["$defs"]}
    assert shown == {name: set(kind["properties"]) for name, kind in kinds.items()}


def test_the_schema_for_editors_is_of_today_and_says_what_every_key_means() -> None:
    stored = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert stored == schema(), "write it anew: seamline plant schema > docs/plant.schema.json"
    for kind in (stored, *stored["$defs"].values()):
        assert [key for key, value in kind["properties"].items() if not value.get("description")] == []
    assert EXAMPLE.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema={SCHEMA.name}\n")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlantError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")

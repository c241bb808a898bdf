"""How a plant is, told by what its processes said and by what is committed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench import chaos
from engine import health
from engine.health import Health, Part
from engine.paths import Home
from engine.plant import Plant, save
from streams.clock import SECOND, WallClock
from streams.log.abc import Kind
from streams.log.writer import LogWriter

Command = Callable[..., Any]
PLANT = Plant.model_validate(chaos.PLANT)


@pytest.fixture
def plant(home: Path, plain_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a home whose plant has two entries in its log, the first of them committed."""
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    made = Home(home).create()
    save(PLANT, made.plant_file)
    writer = LogWriter(made.log / PLANT.shard, WallClock())
    for _ in range(2):
        writer.append(Kind.TICK, b"")
    writer.commit()
    writer.close()
    with psycopg.connect(plain_dsn) as connection:
        connection.execute("INSERT INTO shard VALUES (%s, 1, 1, 1, now(), now())", [PLANT.shard])
    return made


def said(
    home: Home, trouble: str = "", age: int = 0, ended: bool = False, but: tuple[health.Kind, ...] = ()
) -> None:
    """Let every process of the plant speak, ``but`` some; the gateway's source may be in trouble."""
    now = time.time_ns() // 1000 - age * SECOND
    parts = (Part("source", "adapter", trouble),)
    health.write(home.health, Health("gateway", "line-1", 1, now, now, ended=ended, parts=parts))
    others: tuple[health.Kind, ...] = ("appender", "shard", "console", "station")
    for kind in others:
        name = "gate" if kind == "station" else "line-1"
        if kind not in but:
            health.write(home.health, Health(kind, name, 1, now, now, ended=ended))


def test_where_no_plant_ever_ran_nothing_is_made(seamline: Command, home: Path) -> None:
    ended = seamline("status")
    assert ended.code == 1
    assert ended.words.startswith("A plant is not running in ")
    assert not home.exists()


def test_a_plant_that_is_well(seamline: Command, plant: Home) -> None:
    said(plant)
    ended = seamline("status", "--json")
    assert ended.code == 0
    found = ended.json
    assert (found["running"], found["well"], found["plant"]) == (True, True, "chaos")
    assert (found["backlog"], found["counts"]["position"], found["database"]) == (1, 1, "")
    assert 0 <= found["log_age_s"] < 60
    assert "source adapter" in [word["part"] for word in found["words"]]
    assert len(found["words"]) == 6
    assert "chaos is running in" in seamline("status").words


def test_a_part_in_trouble_is_told(seamline: Command, plant: Home) -> None:
    said(plant, trouble="nobody listens")
    ended = seamline("status")
    assert ended.code == 1
    assert "source adapter nobody listens" in ended.words
    assert seamline("status", "--json").json["running"]


def test_a_process_that_never_began_is_told(seamline: Command, plant: Home) -> None:
    said(plant, but=("station",))
    ended = seamline("status")
    assert ended.code == 1
    assert "station gate has said nothing yet" in ended.words


@pytest.mark.parametrize("last", [{"age": 60}, {"ended": True}])
def test_a_plant_whose_processes_are_silent_does_not_run(
    seamline: Command, plant: Home, last: dict[str, Any]
) -> None:
    said(plant, **last)
    found = seamline("status", "--json").json
    assert (found["running"], found["words"], found["log_age_s"]) == (False, [], None)
    assert found["counts"]["position"] == 1


def test_a_database_that_is_away_is_told_and_not_started(
    seamline: Command, plant: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(plant)
    monkeypatch.delenv("SEAMLINE_DSN")
    found = seamline("status", "--json").json
    assert (found["database"], found["counts"]) == ("The embedded database does not run.", None)
    assert not (plant.database / "postmaster.pid").exists()
    monkeypatch.setenv("SEAMLINE_DSN", "host=127.0.0.1 port=1 connect_timeout=1")
    assert "refused" in seamline("status", "--json").json["database"]

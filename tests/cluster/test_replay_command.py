"""A log that is read again gives the rows of the plant that wrote it, and of every other reading."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import chaos
from engine.paths import Home
from engine.plant import Plant, save
from engine.replay import digests_of, replay_log, scratch
from engine.store import StoreError, connect
from streams.clock import SECOND, ManualClock
from streams.log.errors import LogError
from streams.log.marks import CONSUMED
from streams.log.writer import LogWriter

T0 = 1_700_000_000_000_000
PLANT = Plant.model_validate(chaos.PLANT)
Command = Callable[..., Any]


@pytest.fixture
def plant_home(home: Path) -> Home:
    """Return a home whose log holds a minute of readings, states, verdicts and garbage."""
    made = Home(home).create()
    save(PLANT, made.plant_file)
    clock = ManualClock(T0)
    writer = LogWriter(made.log / PLANT.shard, clock)
    for number in range(1, 61):
        clock.time += SECOND
        for kind, payload in chaos.entries(number, clock.time):
            writer.append(kind, payload)
    writer.commit()
    writer.close()
    return made


@pytest.fixture
def plants_own(plant_home: Home, plain_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the plant's database, which holds what its log says."""
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    replay_log(PLANT, plant_home.log / PLANT.shard, plain_dsn)
    return plain_dsn


@pytest.fixture
def empty(plain_server: Any) -> Iterator[str]:
    fresh = plain_server.create()
    yield fresh
    plain_server.drop(fresh)


def test_a_replay_gives_the_rows_of_the_plant(
    plant_home: Home, seamline: Command, plants_own: str, empty: str
) -> None:
    log = plant_home.log / PLANT.shard
    ended = seamline("replay", log, "--compare", "--into", empty, "--json")
    found = ended.json
    assert (ended.code, found["differ"], found["first"]) == (0, [], 1)
    assert found["tables"] == {name: digest._asdict() for name, digest in digests_of(plants_own).items()}
    assert min(found["tables"][name]["rows"] for name in ("readings", "windows", "states", "verdicts")) > 0
    assert chaos.differences(plants_own, empty) == {}
    assert not (log / CONSUMED).exists() or (log / CONSUMED).stat().st_size == 0


def test_a_changed_row_is_seen(plant_home: Home, seamline: Command, plants_own: str, empty: str) -> None:
    with connect(plants_own) as connection:
        connection.execute("UPDATE verdicts SET outcome = 'OK' WHERE outcome = 'NG'")
    ended = seamline("replay", plant_home.log / PLANT.shard, "--compare", "--into", empty, "--json")
    assert (ended.code, ended.json["differ"]) == (1, ["verdicts"])


def test_a_row_that_is_there_twice_is_seen(plants_own: str) -> None:
    before = digests_of(plants_own)["verdicts"]
    with connect(plants_own) as connection:
        for _ in range(2):
            connection.execute("INSERT INTO verdicts SELECT * FROM verdicts WHERE serial = 'S5' LIMIT 1")
    after = digests_of(plants_own)["verdicts"]
    assert after.rows == before.rows + 2
    assert after.hash != before.hash


def test_a_replay_without_a_database_makes_one_and_removes_it(plant_home: Home, seamline: Command) -> None:
    ended = seamline("replay", plant_home.log / PLANT.shard, "--json")
    assert ended.code == 0
    found = ended.json
    assert found["tables"]["verdicts"]["rows"] == 12
    with scratch() as dsn:
        replay_log(PLANT, plant_home.log / PLANT.shard, dsn)
        again = digests_of(dsn)
    assert found["tables"] == {name: digest._asdict() for name, digest in again.items()}


def test_a_plant_that_is_behind_its_log_is_not_compared(
    plant_home: Home, seamline: Command, plain_dsn: str, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    ended = seamline("replay", plant_home.log / PLANT.shard, "--compare", "--into", empty, "--json")
    assert ended.code == 2
    assert ended.json["error"].endswith("; end the plant, then compare.")


def test_a_database_with_rows_of_the_shard_is_refused(plant_home: Home, plants_own: str) -> None:
    with pytest.raises(StoreError, match="has rows of shard line-1 already; name an empty one"):
        replay_log(PLANT, plant_home.log / PLANT.shard, plants_own)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere holds no log entry; name a folder like SEAMLINE_HOME/log/line-1."),
        (["home/log/line-1", "--plant", "none.yaml"], "The plant file none.yaml cannot be read"),
        (["alone/log/line-1"], "name its plant file with --plant."),
        (["home/log/line-2"], "is of shard line-1, which did not write home/log/line-2; name its plant"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    plant_home: Home, seamline: Command, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plant_home.root.parent)
    for copy in (plant_home.root.parent / "alone" / "log" / "line-1", plant_home.log / "line-2"):
        shutil.copytree(plant_home.log / PLANT.shard, copy)
    ended = seamline("replay", *words, "--json")
    assert ended.code == 2
    assert says in ended.json["error"]


def test_a_log_without_entries_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no log entry"):
        replay_log(PLANT, tmp_path, "")

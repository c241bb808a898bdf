"""A log that is read again gives the rows of the plant that wrote it, and of every other reading."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import chaos
from cluster.cli import main
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
Command = Callable[..., tuple[int | str | None, Any]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home whose log holds a minute of readings, states, verdicts and garbage."""
    home = Home(tmp_path / "home").create()
    save(PLANT, home.run / "plant.yaml")
    clock = ManualClock(T0)
    writer = LogWriter(home.log / PLANT.shard, clock)
    for number in range(1, 61):
        clock.time += SECOND
        for kind, payload in chaos.entries(number, clock.time):
            writer.append(kind, payload)
    writer.commit()
    writer.close()
    return home


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str | Path) -> tuple[int | str | None, Any]:
        monkeypatch.setattr("sys.argv", ["seamline", "replay", *map(str, words), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def plants_own(home: Home, plain_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the plant's database, which holds what its log says."""
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    replay_log(PLANT, home.log / PLANT.shard, plain_dsn)
    return plain_dsn


@pytest.fixture
def empty(plain_server: Any) -> Iterator[str]:
    fresh = plain_server.create()
    yield fresh
    plain_server.drop(fresh)


def test_a_replay_gives_the_rows_of_the_plant(
    home: Home, command: Command, plants_own: str, empty: str
) -> None:
    log = home.log / PLANT.shard
    code, found = command(log, "--compare", "--into", empty)
    assert (code, found["differ"], found["first"]) == (0, [], 1)
    assert found["tables"] == {name: digest._asdict() for name, digest in digests_of(plants_own).items()}
    assert min(found["tables"][name]["rows"] for name in ("readings", "windows", "states", "verdicts")) > 0
    assert chaos.differences(plants_own, empty) == {}
    assert not (log / CONSUMED).exists() or (log / CONSUMED).stat().st_size == 0


def test_a_changed_row_is_seen(home: Home, command: Command, plants_own: str, empty: str) -> None:
    with connect(plants_own) as connection:
        connection.execute("UPDATE verdicts SET outcome = 'OK' WHERE outcome = 'NG'")
    code, found = command(home.log / PLANT.shard, "--compare", "--into", empty)
    assert (code, found["differ"]) == (1, ["verdicts"])


def test_a_row_that_is_there_twice_is_seen(plants_own: str) -> None:
    before = digests_of(plants_own)["verdicts"]
    with connect(plants_own) as connection:
        for _ in range(2):
            connection.execute("INSERT INTO verdicts SELECT * FROM verdicts WHERE serial = 'S5' LIMIT 1")
    after = digests_of(plants_own)["verdicts"]
    assert after.rows == before.rows + 2
    assert after.hash != before.hash


def test_a_replay_without_a_database_makes_one_and_removes_it(home: Home, command: Command) -> None:
    code, found = command(home.log / PLANT.shard)
    assert code == 0
    assert found["tables"]["verdicts"]["rows"] == 12
    with scratch() as dsn:
        replay_log(PLANT, home.log / PLANT.shard, dsn)
        again = digests_of(dsn)
    assert found["tables"] == {name: digest._asdict() for name, digest in again.items()}


def test_a_plant_that_is_behind_its_log_is_not_compared(
    home: Home, command: Command, plain_dsn: str, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    code, found = command(home.log / PLANT.shard, "--compare", "--into", empty)
    assert code == 2
    assert found["error"].endswith("; end the plant, then compare.")


def test_a_database_with_rows_of_the_shard_is_refused(home: Home, plants_own: str) -> None:
    with pytest.raises(StoreError, match="has rows of shard line-1 already; name an empty one"):
        replay_log(PLANT, home.log / PLANT.shard, plants_own)


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
    home: Home, command: Command, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.root.parent)
    for copy in (home.root.parent / "alone" / "log" / "line-1", home.log / "line-2"):
        shutil.copytree(home.log / PLANT.shard, copy)
    code, found = command(*words)
    assert code == 2
    assert says in found["error"]


def test_a_log_without_entries_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no log entry"):
        replay_log(PLANT, tmp_path, "")

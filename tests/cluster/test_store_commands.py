"""``retention``, ``backup`` and ``restore`` as they are typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.cli import main
from engine.plant import Plant
from engine.store import connect
from engine.store.levels import partitions
from engine.store.master import register

PLANT = """
name: shop
machines: [{name: press, tags: [{name: load}]}]
retention: {readings: 10}
"""
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


@pytest.fixture
def seamline(monkeypatch, tmp_path, capsys):
    """Run the command line and return its exit code and what it printed."""
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path / "home"))

    def run(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["seamline", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return ended.value.code, told.out, " ".join(told.err.split())

    return run


@pytest.fixture
def shop(monkeypatch, tmp_path, plain_dsn):
    """A plant whose one reading is 20 days old."""
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    (tmp_path / "plant.yaml").write_text(PLANT)
    with connect(plain_dsn) as connection:
        register(
            connection, Plant.model_validate({"name": "shop", "machines": [{"name": "press", "tags": []}]})
        )
        connection.execute("INSERT INTO shard VALUES ('line-1', 1, 1, 0, %s, now())", [NOW])
        partitions(connection).ensure(connection, "readings", [DAY - 20])
        then = NOW - timedelta(days=20)
        values = [then, then]
        connection.execute(
            "INSERT INTO readings VALUES (1, 'press', 'load', %s, 1, NULL, 0, %s, NULL)", values
        )
    return tmp_path


def test_retention_tells_first_and_then_does_it(seamline, shop: Path):
    words = ("retention", "--plant", str(shop / "plant.yaml"))
    code, out, _ = seamline(*words, "--dry-run", "--json")
    planned = json.loads(out)
    assert (code, planned["dry_run"]) == (0, True)
    assert [(item["what"], item["rows"], item["place"]) for item in planned["removed"]] == [
        ("readings", 1, None)
    ]
    assert "readings until 2026-02-11: 1" in seamline(*words, "--dry-run")[2]
    assert len(json.loads(seamline(*words, "--json")[1])["removed"]) == 1
    assert "Nothing is due." in seamline(*words)[2]


def test_retention_without_a_plant_is_one_sentence(seamline, shop: Path):
    code, _, says = seamline("retention")
    assert code == 2
    assert "plant.yaml cannot be read" in says.replace("\n", "")


def test_a_backup_comes_back_as_it_was(seamline, shop: Path, plain_server, monkeypatch):
    saved = json.loads(seamline("backup", str(shop / "file.tar"), "--json")[1])
    assert saved["rows"] == 6
    assert saved["shards"]["line-1"]["position"] == 0
    assert seamline("backup", str(shop / "file.tar"))[0] == 2
    empty = plain_server.create_empty()
    monkeypatch.setenv("SEAMLINE_DSN", empty)
    monkeypatch.setenv("SEAMLINE_HOME", str(shop / "elsewhere"))
    code, _, says = seamline("restore", str(shop / "file.tar"))
    assert code == 0
    assert "6 rows of" in says
    assert "are back in" in says
    code, _, says = seamline("restore", str(shop / "file.tar"))
    assert code == 2
    assert "is not empty; set SEAMLINE_HOME" in says
    plain_server.drop(empty)

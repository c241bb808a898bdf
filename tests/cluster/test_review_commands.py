"""Review, shadow, comparison and drift, as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine import health
from engine.paths import Home
from engine.plant import FolderCamera, Plant, StationSection, save
from engine.store import connect
from engine.store.levels import partitions
from engine.store.master import register
from vision import pictures, registry
from vision.testing import picture, write_model

Command = Callable[..., Any]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def plant(home: Path) -> Plant:
    """Give the plant that the home ran last."""
    camera = FolderCamera(kind="folder", name="cam", path="/photographs")
    found = Plant(name="hall", stations=[StationSection(name="weld", cameras=[camera], model="tiny")])
    place = Home(home).create()
    write_model(place.models)
    save(found, place.plant_file)
    return found


@pytest.fixture
def judged(plain_dsn: str, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database that holds a part in review."""
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    row = {
        "tenant_id": 1, "ts": NOW, "station": "weld", "machine": "weld", "serial": "P-1", "attempt": 1,
        "part_number": "demo", "outcome": "REVIEW", "reason": "a pore", "model_hash": "m",
        "preprocessing_hash": "p", "recipe_hash": "r", "received": NOW,
    }  # fmt: skip
    with connect(plain_dsn) as connection:
        register(connection, plant)
        connection.commit()
        partitions(connection).ensure(connection, "verdicts", [int(NOW.timestamp()) // 86400])
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        connection.execute(f"INSERT INTO verdicts ({columns}) VALUES ({marks})", list(row.values()))
    return plain_dsn


def test_a_part_is_decided_and_leaves_the_queue(
    seamline: Command, home: Path, judged: str, tmp_path: Path
) -> None:
    (waiting,) = seamline("review", "list", "--json").json
    assert (waiting["serial"], waiting["outcome"], waiting["reason"]) == ("P-1", "REVIEW", "a pore")
    assert "P-1" in seamline("review", "list").words
    decide = ("review", "decide", "P-1", "--as=NG", "--by=Li Wei")
    assert "say it" in seamline(*decide, "--reason= ").words
    wrong = seamline(*decide, "--reason=pore", "--label=Surface_pores", "--box=nonsense")
    assert "is no box" in wrong.words
    box = f"--box={'a' * 64}:1,2,3,4"
    told = seamline(*decide, "--reason=pore", "--label=Surface_pores", box, "--json").json
    assert told == {"station": "weld", "serial": "P-1", "attempt": 1, "decision": "NG"}
    assert seamline("review", "list", "--json").json == []
    assert "Nothing waits" in seamline("review", "list").words
    assert "No verdict was given" in seamline("review", "decide", "P-2", *decide[3:], "--reason=pore").words
    exported = seamline("review", "export", tmp_path / "set", "--model=tiny", "--json").json
    assert (exported["parts"], exported["pictures"]) == (1, 0)
    assert (tmp_path / "set" / "classes.txt").read_text().split() == ["good", "Surface_pores", "Weld"]


def test_a_model_is_named_to_look_on(seamline: Command, home: Path, plant: Plant) -> None:
    told = seamline("models", "shadow", "tiny", "--station=weld", "--json").json
    model = registry.find("tiny", [home / "models"])
    assert told == {"station": "weld", "shadow": model.hash}
    assert json.loads((home / "models" / "shadows.json").read_text()) == {"weld": f"tiny@{model.hash}"}
    assert seamline("models", "shadow", "--station=weld", "--off").code == 0
    assert json.loads((home / "models" / "shadows.json").read_text()) == {}
    for words in (["--station=weld"], ["tiny", "--station=weld", "--off"]):
        assert "name a model, or --off" in seamline("models", "shadow", *words, "--json").json["error"]
    assert (
        "there is no station" in seamline("models", "shadow", "tiny", "--station=x", "--json").json["error"]
    )


def test_two_models_are_laid_beside_each_other(
    seamline: Command, home: Path, plant: Plant, tmp_path: Path, judged: str
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, red in enumerate((20, 200, 200)):
        (folder / f"{number}.png").write_bytes(pictures.encode_whole(picture(red, seed=number)))
    told = seamline("models", "compare", "tiny", "tiny", f"--pictures={folder}", "--json").json
    assert told["agreement"] == {"OK OK": 1, "NG NG": 2}
    assert [item["name"] for item in told["models"]] == ["tiny", "tiny"]
    assert "weld-pipe" in seamline("models", "compare", "weld-pipe", "weld-sim").words
    assert seamline("models", "compare", "--live", "--json").json == {"live": []}
    assert "No model has looked on" in seamline("models", "compare", "--live").words
    assert "name two models" in seamline("models", "compare", "tiny", "--json").json["error"]


def test_drift_is_told_and_begun_anew(seamline: Command, home: Path, plant: Plant) -> None:
    place = Home(home)
    place.stations.mkdir(parents=True)
    place.drift("weld").write_text("{}")
    progress = health.Part("drift_reference", "drift_reference", "", {"demo / front / score": 312})
    index = health.Part("drift", "drift", "", {"demo / front / mean": 0.4})
    told = health.Report(parts=(index, progress))
    with health.Publisher(place.health, "station", "weld", lambda: told):
        assert seamline("models", "drift", "weld", "--json").json["index"] == {"demo / front / mean": 0.4}
        words = seamline("models", "drift", "weld").words
        assert "demo / front / mean: 0.400" in words
        assert "demo / front / score: 312 of 500 frames of its reference" in words
    assert seamline("models", "drift", "weld", "--reset", "--json").json["reset"]
    assert not place.drift("weld").exists()
    assert "Nothing yet" in seamline("models", "drift", "other").words


def test_a_database_that_no_plant_has_used_is_said(
    seamline: Command, plain_server: Any, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = plain_server.create_empty()
    monkeypatch.setenv("SEAMLINE_DSN", empty)
    assert "run a plant, or seamline migrate" in seamline("review", "list").words
    plain_server.drop(empty)

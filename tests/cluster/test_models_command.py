"""Models on the command line: what is there, what a card says, what may be registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision import registry
from vision.card import sha256
from vision.testing import write_model

Command = Callable[..., Any]


def test_the_shipped_model_is_listed_with_its_numbers(seamline: Command) -> None:
    (found,) = [item for item in seamline("models", "--json").json if item["name"] == "weld-pipe"]
    assert found["hash"] == registry.find("weld-pipe").hash
    assert found["metrics"]["map50_unseen_shot"] > 0.5
    assert "weld-pipe" in seamline("models").words


def test_a_card_is_shown_to_people_and_to_machines(seamline: Command) -> None:
    assert "What is unproven" in seamline("models", "show", "weld-pipe").words
    assert seamline("models", "show", "weld-pipe", "--json").json["card"]["task"] == "detect"
    ended = seamline("models", "show", "nothing")
    assert ended.code == 2
    assert "There is no model 'nothing'" in ended.words


def test_an_export_is_registered_once(seamline: Command, home: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path, "mine")
    (model.folder / "stranger.bin").write_bytes(b"nobody vouches for it")
    for _ in range(2):
        assert seamline("models", "register", model.folder, "--json").json["hash"] == model.hash
    assert [path.name for path in (home / "models").iterdir()] == ["mine"]
    assert {path.name for path in (home / "models" / "mine").iterdir()} == {*registry.FILES, "card.json"}
    first, *_ = seamline("models", "--json").json
    assert (first["name"], first["folder"]) == ("mine", str(home / "models" / "mine"))


def test_another_model_of_the_same_name_lies_beside_it(seamline: Command, home: Path, tmp_path: Path) -> None:
    registered = registry.register(write_model(tmp_path, "mine").folder, home / "models")
    weights = tmp_path / "mine" / "model.xml"
    weights.write_bytes(weights.read_bytes() + b"\n")
    card = json.loads((registered.folder / "card.json").read_text())
    card["files"]["model.xml"] = sha256(weights)
    (tmp_path / "mine" / "card.json").write_text(json.dumps(card))
    told = seamline("models", "register", tmp_path / "mine", "--json").json
    assert told["folder"] == str(home / "models" / f"mine@{told['hash'][:12]}")
    assert registry.find("mine", [home / "models"]).hash == registered.hash


def test_what_its_card_does_not_vouch_for_is_refused(seamline: Command, home: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path, "mine")
    (model.folder / "model.bin").write_bytes(b"changed")
    ended = seamline("models", "register", model.folder, "--json")
    assert ended.code == 2
    assert "is not the file that its card vouches for" in ended.json["error"]
    assert not (home / "models" / "mine").exists()


def test_what_does_not_run_here_is_refused(seamline: Command, home: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path, "mine")
    card = json.loads((model.folder / "card.json").read_text())
    (model.folder / "card.json").write_text(json.dumps({**card, "input_size": 64}))
    ended = seamline("models", "register", model.folder)
    assert ended.code == 2
    assert "its card says otherwise" in ended.words
    assert not (home / "models" / "mine").exists()


def test_a_model_that_was_spoilt_is_listed_with_its_trouble(
    seamline: Command, home: Path, tmp_path: Path
) -> None:
    model = registry.register(write_model(tmp_path, "mine").folder, home / "models")
    (model.folder / "model.bin").unlink()
    assert "lacks" in seamline("models", "--json").json[0]["trouble"]
    assert "unusable" in seamline("models").words


@pytest.mark.parametrize("name", ["../mine", "", "a/b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    model = write_model(tmp_path, "mine")
    card = json.loads((model.folder / "card.json").read_text())
    (model.folder / "card.json").write_text(json.dumps({**card, "name": name}))
    with pytest.raises(registry.ModelError, match="use letters, digits, dots, dashes"):
        registry.register(model.folder, tmp_path / "models")

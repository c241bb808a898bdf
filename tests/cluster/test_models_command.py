"""Models on the command line: what is there, what a card says, what may be registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import training
from vision import pictures, registry
from vision.card import sha256
from vision.testing import CLASSES, picture, write_model, write_onnx

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


def test_an_export_in_onnx_is_registered_as_it_is(seamline: Command, home: Path, tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "weld.onnx")
    told = seamline("models", "register", file, "--json").json
    assert (told["name"], told["folder"]) == ("weld", str(home / "models" / "weld"))
    assert seamline("models", "register", file, "--json").json == told
    named = seamline("models", "register", file, "--name=mine", "--json").json
    assert (named["name"], named["hash"]) == ("mine", told["hash"])
    assert [item["classes"] for item in seamline("models", "--json").json][:2] == [list(CLASSES)] * 2
    assert "that was exported elsewhere" in seamline("models", "show", "weld").words
    assert "Ultralytics 8.4.190" in seamline("models", "show", "weld").words


@pytest.mark.parametrize("content", [b"", b"<html>", pictures.encode_whole(picture(9))])
def test_a_file_that_is_no_model_is_refused_and_leaves_nothing(
    seamline: Command, home: Path, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "weld.onnx"
    file.write_bytes(content)
    ended = seamline("models", "register", file, "--json")
    assert ended.code == 2
    assert ended.json["error"] == f"OpenVINO cannot read the model in {file}; export it anew."
    assert not (home / "models").exists() or not list((home / "models").iterdir())


def test_a_file_that_ends_the_process_that_opens_it_is_refused_too(
    seamline: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(*_: object) -> None:
        raise training.ProcessDied("vision.adopt was ended by SIGSEGV.")

    monkeypatch.setattr(training, "run_module", died)
    file = write_onnx(tmp_path / "weld.onnx")
    told = seamline("models", "register", file, "--json").json
    assert told["error"] == f"OpenVINO crashes on the model in {file}; export it anew."
    assert not list((home / "models").iterdir())


def test_what_belongs_together_is_asked_for_together(seamline: Command, tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "weld.onnx")
    told = "--trained and --data go together"
    (tmp_path / "best.pt").write_bytes(b"PK")
    assert told in seamline("models", "register", file, f"--trained={tmp_path / 'best.pt'}").words
    missing = seamline("models", "register", file, "--trained=nowhere.pt", f"--data={tmp_path}", "--json")
    assert "'nowhere.pt' does not exist" in missing.json["error"]
    assert told in seamline("models", "register", file, f"--data={tmp_path}").words
    named = seamline("models", "register", write_model(tmp_path, "mine").folder, "--name=other")
    assert "its card says what it is called" in named.words


def test_other_classes_under_the_same_name_are_another_model(
    seamline: Command, home: Path, tmp_path: Path
) -> None:
    first = seamline("models", "register", write_onnx(tmp_path / "weld.onnx"), "--json").json
    changed = write_onnx(tmp_path / "weld.onnx", names="{0: 'good', 1: 'dent', 2: 'Weld'}")
    second = seamline("models", "register", changed, "--json").json
    assert first["hash"] != second["hash"]
    assert second["folder"] == str(home / "models" / f"weld@{second['hash'][:12]}")
    assert registry.find("weld", [home / "models"]).classes == CLASSES

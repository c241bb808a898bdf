"""The command line in this process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli import main

EXAMPLE = Path(__file__).parents[2] / "docs" / "plant.yaml"


def run(monkeypatch: pytest.MonkeyPatch, home: Path, *words: str) -> int | str | None:
    monkeypatch.setenv("SEAMLINE_HOME", str(home))
    monkeypatch.setattr("sys.argv", ["seamline", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("words", [("doctor",), ("migrate",), ("demo", "--no-browser")])
def test_a_home_that_cannot_be_made_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(monkeypatch, tmp_path / "file" / "home", *words) == 2
    says = "".join(capsys.readouterr().err.split())
    assert "home" in says
    assert "cannotbemade:Notadirectory;setSEAMLINE_HOMEtoanother." in says


def test_migrate_tells_the_level_as_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], plain_dsn: str
) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    assert run(monkeypatch, tmp_path, "migrate", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"level": "plain"}


def test_a_plant_file_is_checked_for_people_and_for_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "plant", "check", str(EXAMPLE), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "faults": []}
    wrong = tmp_path / "hall.yaml"
    wrong.write_text("name: Hall\nmachines: []\nlogg: {}\n", encoding="utf-8")
    assert run(monkeypatch, tmp_path, "plant", "check", str(wrong)) == 1
    said = f"{wrong}:3:1: there is no key logg here; did you mean log?\n"
    assert capsys.readouterr().err == said
    assert run(monkeypatch, tmp_path, "plant", "check", str(wrong), "--json") == 1
    fault = {"line": 3, "column": 1, "says": "there is no key logg here; did you mean log?"}
    assert json.loads(capsys.readouterr().out) == {"ok": False, "faults": [fault]}
    assert run(monkeypatch, tmp_path, "run", str(wrong), "--json") == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": said.strip()}
    assert captured.err == said


def test_the_schema_is_what_editors_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "plant", "schema") == 0
    assert capsys.readouterr().out == EXAMPLE.with_name("plant.schema.json").read_text(encoding="utf-8")

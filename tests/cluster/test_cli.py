"""The command line in this process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli import main


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

"""The command line in this process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.paths import Home
from engine.plant import load
from engine.recipe import recipe_of
from engine.recipe_versions import note

EXAMPLE = Path(__file__).parents[2] / "docs" / "plant.yaml"
Command = Callable[..., Any]


@pytest.mark.parametrize("words", [("doctor",), ("migrate",), ("demo", "--no-browser")])
def test_a_home_that_cannot_be_made_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seamline: Command, words: tuple[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path / "file" / "home"))
    ended = seamline(*words)
    assert ended.code == 2
    assert "home cannot be made: Not a directory; set SEAMLINE_HOME to another." in ended.words


def test_migrate_tells_the_level_as_json(
    monkeypatch: pytest.MonkeyPatch, seamline: Command, plain_dsn: str
) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    ended = seamline("migrate", "--json")
    assert (ended.code, ended.json) == (0, {"level": "plain"})


def test_a_plant_file_is_checked_for_people_and_for_machines(tmp_path: Path, seamline: Command) -> None:
    ended = seamline("plant", "check", EXAMPLE, "--json")
    assert (ended.code, ended.json) == (0, {"ok": True, "faults": []})
    wrong = tmp_path / "hall.yaml"
    wrong.write_text("name: Hall\nmachines: []\nlogg: {}\n", encoding="utf-8")
    said = f"{wrong}:3:1: there is no key logg here; did you mean log?\n"
    ended = seamline("plant", "check", wrong)
    assert (ended.code, ended.err) == (1, said)
    ended = seamline("plant", "check", wrong, "--json")
    fault = {"line": 3, "column": 1, "says": "there is no key logg here; did you mean log?"}
    assert (ended.code, ended.json) == (1, {"ok": False, "faults": [fault]})
    ended = seamline("run", wrong, "--json")
    assert (ended.code, ended.json, ended.err) == (2, {"error": said.strip()}, said)


def test_a_rule_set_that_a_plant_file_names_is_checked_with_it(tmp_path: Path, seamline: Command) -> None:
    plant, rules = tmp_path / "hall.yaml", tmp_path / "rules.yaml"
    plant.write_text("name: Hall\nstations: [{name: w, cameras: [], rules: rules.yaml}]\n", encoding="utf-8")
    rules.write_text("name: r\nversion: '1'\nentered_by: Li\nruls: []\n", encoding="utf-8")
    said = f"{rules}:4:1: there is no key ruls here; did you mean rules?"
    for command in (("plant", "check"), ("run",)):
        ended = seamline(*command, plant, "--json")
        assert (ended.code, ended.json) == (2, {"error": said})


def test_a_recipe_that_was_judged_by_and_changed_under_its_version_is_told(
    tmp_path: Path, home: Path, seamline: Command
) -> None:
    plant, text = (
        tmp_path / "hall.yaml",
        "name: Hall\nrecipes: [{name: r, version: '1', reject_above: 0.5}]\n",
    )
    plant.write_text(text, encoding="utf-8")
    note(Home(home), recipe_of(load(plant).recipes[0]))
    assert seamline("plant", "check", plant).code == 0
    plant.write_text(text.replace("0.5", "0.9"), encoding="utf-8")
    ended = seamline("plant", "check", plant, "--json")
    assert ended.code == 2
    assert ended.json["error"].startswith("Recipe r 1 is not what parts were judged by under this version")


def test_a_rule_of_a_class_that_the_model_does_not_know_is_no_plant_file(
    tmp_path: Path, seamline: Command
) -> None:
    plant, rules = tmp_path / "hall.yaml", tmp_path / "rules.yaml"
    plant.write_text("name: Hall\nstations: [{name: w, cameras: [], rules: rules.yaml}]\n", encoding="utf-8")
    rule = "{name: pores, classes: [Surface_poers], review_above: 0.05, reject_above: 0.1}"
    rules.write_text(
        f"name: r\nversion: '1'\nentered_by: Li\nprocess: '135'\nstandard: ISO 5817 C\nrules: [{rule}]\n",
        encoding="utf-8",
    )
    ended = seamline("plant", "check", plant, "--json")
    assert ended.code == 2
    told = ended.json["error"]
    assert told.startswith(
        f"Rule pores of {rules} names the class Surface_poers, but the model weld-pipe-int8@"
    )
    assert told.endswith("; did you mean Surface_pores?")


@pytest.mark.parametrize(
    "words, says",
    [
        (("status", "--nope"), "No such option: --nope"),
        (("replay",), "give either the folder of a log or --data DIR."),
    ],
)
def test_words_that_no_command_takes_are_one_sentence_for_machines(
    seamline: Command, words: tuple[str, ...], says: str
) -> None:
    ended = seamline(*words, "--json")
    assert (ended.code, list(ended.json)) == (2, ["error"])
    assert says in ended.json["error"]
    assert ended.err.strip() == ended.json["error"]


def test_the_schema_is_what_editors_are_given(seamline: Command) -> None:
    ended = seamline("plant", "schema")
    assert ended.code == 0
    assert ended.out == EXAMPLE.with_name("plant.schema.json").read_text(encoding="utf-8")


def test_help_is_there_before_any_heavy_library() -> None:
    heavy = {"numpy", "psycopg", "pyarrow", "pydantic", "ray", "cv2", "openvino", "bytewax"}
    script = f"import sys; from cluster.commands import load; load(); print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_taught_by_a_script(seamline: Command, shell: str) -> None:
    ended = seamline("completion", shell, "--json")
    assert (ended.code, ended.json["shell"]) == (0, shell)
    assert "_SEAMLINE_COMPLETE=complete_" + shell in ended.json["script"]
    assert seamline("completion", shell).out.strip() == ended.json["script"].strip()


def test_a_shell_that_nobody_knows_is_asked_for(seamline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    ended = seamline("completion")
    assert ended.code == 2
    assert "name the shell: bash, zsh, fish" in ended.words


def test_the_shell_is_told_the_names_of_models(home: Path) -> None:
    asked = {"_SEAMLINE_COMPLETE": "complete_bash", "COMP_WORDS": "seamline models show ", "COMP_CWORD": "3"}
    environment = {**os.environ, **asked, "SEAMLINE_HOME": str(home)}
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'seamline'; from cluster.cli import main; main()",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "weld-pipe" in done.stdout.split()


def test_the_traps_of_a_data_folder_are_told(seamline: Command, tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text(
        "time,x\n2026-05-01 10:00:00,1\n2026-05-01 10:00:00,\n", encoding="utf-8"
    )
    (found,) = seamline("data", "check", tmp_path, "--json").json
    assert found["counts"] == {"files": 1, "rows": 2}
    assert found["traps"]["empty cells"] == {"count": 1, "first": ["series.csv: 1"]}
    assert "empty cells (1): series.csv: 1" in seamline("data", "check", tmp_path).words
    assert seamline("data", "check", tmp_path / "none").code == 2

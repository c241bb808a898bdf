"""The page of the commands and the help say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cluster.commands import load

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def commands(group: Any, path: str = "seamline") -> Iterator[tuple[str, Any]]:
    """Yield every command with its words, groups that do something by themselves among them."""
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None or command.invoke_without_command:
            yield f"{path} {name}", command
        if inner is not None:
            yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(load())))
SECTIONS = dict(re.findall(r"(?ms)^### `(seamline [^`]+)`\n(.*?)(?=^#|\Z)", PAGE))


def test_the_page_tells_every_command_and_no_other() -> None:
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_has_an_example_help_and_json(words: str) -> None:
    command = COMMANDS[words]
    assert re.search(rf"(?m)^    .*\b{re.escape(words)}\b", SECTIONS[words]), "show it in an example"
    assert command.help
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options
    assert all(getattr(parameter, "help", "") for parameter in command.params), "say what each option means"


def test_every_option_on_the_page_is_one() -> None:
    for words, text in SECTIONS.items():
        known = {option for item in COMMANDS[words].params for option in (*item.opts, *item.secondary_opts)}
        lines = [line for line in text.splitlines() if re.search(rf"^    .*\b{words}\b", line)]
        shown = {
            option for line in lines for option in re.findall(r"(?<!\S)--[a-z-]+", line.partition("#")[0])
        }
        assert shown <= known, words

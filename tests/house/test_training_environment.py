"""The training environment has what the training side of the house imports: a plant's own one is another."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("kernels", "vision", "bench")
COMMANDS = (
    "vision.training",
    "vision.export",
    "vision.comparing",
    "vision.quantise",
    "vision.trainable",
    "vision.rendered",
    "vision.anomaly.export",
    "bench.vision_peer",
)
BROUGHT = {"cv2", "numpy", "PIL", "yaml"}
"""What the packages named in the Makefile bring along."""


def module(name: str) -> Path | None:
    """Return the file of a module of ours, None of anybody else's."""
    path = ROOT / name.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if name.split(".", maxsplit=1)[0] in ROOMS and file.is_file()), None)


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports at its top, and those that a ``from`` there may name."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages(name: str) -> list[str]:
    """Return the packages that a module lies in."""
    words = name.split(".")
    return [".".join(words[:depth]) for depth in range(1, len(words))]


def closure(command: str) -> set[str]:
    """Return every package of others that a command imports."""
    waiting, seen, others = [command], set(), set()
    while waiting:
        name = waiting.pop()
        file = module(name)
        if file is None:
            others |= {name.split(".")[0]} - set(ROOMS)
        elif file not in seen:
            seen.add(file)
            waiting += [*imported(file), *packages(name)]
    return others - set(sys.stdlib_module_names)


def installed() -> set[str]:
    """Return the packages that ``make train-env`` installs, as they are imported."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("$(TRAIN_VENV)/.ready: ")[2]
    names = re.findall(r"(?<![\w./-])([a-z][a-z0-9-]*)(?:[=<>]=|>=)", recipe.partition("@touch")[0])
    return {name.replace("-", "_") for name in names} | BROUGHT


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_training_command_imports_is_installed_there(command: str) -> None:
    assert module(command), f"{command} is gone; name here what took its place"
    assert closure(command) - installed() == set()

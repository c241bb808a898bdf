"""The house keeps its own rules: sizes of rooms, words that must not stand in it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("kernels", "vision", "streams", "engine", "cluster", "bench")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST_MODULE = 400
LONGEST_CYTHON = 250
LONGEST_FUNCTION = 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_becomes_a_hall(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = (node.end_lineno or 0) - node.lineno + 1 - len(docstring.splitlines())
            assert length <= LONGEST_FUNCTION, f"{node.name} hides two ideas"


@pytest.mark.parametrize("path", sorted((ROOT / "kernels").glob("*.pyx")), ids=lambda path: path.name)
def test_cython_stays_readable(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_CYTHON


def test_tests_are_no_package_that_would_shadow_the_rooms() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_no_data_of_others_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [Path(name) for name in listed.stdout.split("\0") if name]
    photographs = [name for name in names if name.suffix in {".jpg", ".jpeg", ".xz", ".dat"}]
    assert photographs == []

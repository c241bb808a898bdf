"""The house keeps its own rules: sizes of rooms, words that must not stand in it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
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


@pytest.mark.parametrize(
    ("library", "knows"),
    [("bytewax", {"streams"}), ("ray", {"cluster"}), ("torch", set()), ("ultralytics", set())],
)
def test_the_contracts_leave_no_room_out(library: str, knows: set[str]) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    forbidden = [one["source_modules"] for one in contracts if library in one.get("forbidden_modules", [])]
    assert set().union(*forbidden) == set(ROOMS) - {"bench"} - knows


@pytest.fixture(scope="module")
def tracked() -> set[Path]:
    """Return what is committed, or about to be."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {Path(name) for name in listed.stdout.split("\0") if name}


def is_data(name: Path) -> bool:
    """Tell recordings and photographs from what the project itself made."""
    of_others = name.suffix.lower() in {".jpg", ".jpeg", ".png", ".csv", ".xz", ".dat"}
    return of_others and not (name.suffix == ".png" and name.is_relative_to("docs/screenshots"))


def test_no_data_of_others_is_committed(tracked: set[Path]) -> None:
    assert [name for name in tracked if is_data(name)] == []


@pytest.mark.parametrize("name", ["a.jpg", "docs/x.JPEG", "vision/x.png", "x.csv", "x.txt.xz", "x.dat"])
def test_data_are_known_by_their_endings(name: str) -> None:
    assert is_data(Path(name))
    assert not is_data(Path("docs/screenshots/station.png"))


def links(page: Path) -> list[Path]:
    """Return the files of this project that a page points to, seen from the root."""
    found = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    inside = [link for link in found if "://" not in link and not link.startswith("mailto:")]
    return [(page.parent / link).resolve().relative_to(ROOT) for link in inside]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path, tracked: set[Path]) -> None:
    missing = [link for link in links(page) if link not in tracked and not has_files(link, tracked)]
    assert missing == []


def has_files(folder: Path, tracked: set[Path]) -> bool:
    """Return whether a folder holds committed files."""
    return any(name.is_relative_to(folder) for name in tracked)

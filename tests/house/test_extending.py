"""What the guide for newcomers shows is as small as it says, and in use."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from streams.operators.watermark import Watermark

ROOT = Path(__file__).parents[2]
SMALL = 60
EXAMPLES = ("streams/connectors/udp.py", "vision/cameras/simulated.py", "vision/datasets/mvtec.py")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_at_a_sitting(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < SMALL


def lines_of(path: str, name: str) -> int:
    """Return how many lines a class or function takes."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    found = next(node for node in body if getattr(node, "name", "") == name)
    return (found.end_lineno or 0) - found.lineno + 1


def test_the_operator_and_the_kernel_are_small_too() -> None:
    assert lines_of("streams/operators/watermark.py", Watermark.__name__) < SMALL
    compiled = (ROOT / "kernels/_intervals_c.pyx").read_text(encoding="utf-8").split("def split(")[0]
    parts = (lines_of(f"kernels/{place}intervals.py", "totals") for place in ("", "pure/"))
    assert sum(parts) + compiled.count("\n") < SMALL

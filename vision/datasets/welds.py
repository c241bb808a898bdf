"""Which pictures show the same weld, and splits that keep a weld on one side.

Photographs of one weld resemble each other more than they resemble any other weld's: a model that learned
from some of them has seen the answer to the rest. So a split that has a weld on both sides proves nothing.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from vision.dataset import DatasetError
from vision.datasets.abc import TEST, TRAIN

COLUMN = "weld_group"
"""Column of ``splits.csv`` that names the weld of a picture."""
UNNAMED = "pictures whose weld_group splits.csv does not tell: both sides may show the same weld"


def read_groups(file: Path) -> dict[str, str]:
    """Read which weld each picture shows from a CSV file with the columns ``image`` and ``weld_group``.

    Raises
    ------
    DatasetError
        It is missing, or has other columns.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        return {row["image"]: row[COLUMN] for row in rows}
    except (OSError, KeyError, UnicodeDecodeError) as exc:
        raise DatasetError(f"{file} must be a CSV file with the columns image and {COLUMN}.") from exc


def group_by(names: Iterable[str], pattern: str) -> dict[str, str]:
    """Return the weld of each picture as its name tells: what the pattern's first group matches.

    Raises
    ------
    DatasetError
        The pattern is none, or a name does not fit it.
    """
    try:
        known = re.compile(pattern)
    except re.error as exc:
        raise DatasetError(f"{pattern!r} is no regular expression: {exc}.") from exc
    if not known.groups:
        raise DatasetError(f"{pattern!r} needs a group in parentheses that matches the weld.")
    found = {name: known.search(name) for name in names}
    if stray := [name for name, match in found.items() if match is None]:
        raise DatasetError(f"{len(stray)} names do not fit {pattern!r}, {stray[0]} among them; widen it.")
    return {name: match[1] for name, match in found.items() if match}


def shared(sides: Mapping[str, str], groups: Mapping[str, str]) -> list[str]:
    """Return the welds that are on both sides of a split."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, side in sides.items():
        if name in groups:
            seen[groups[name]].add(side)
    return sorted(weld for weld, found in seen.items() if {TRAIN, TEST} <= found)


def hold_out(groups: Mapping[str, str], share: float, seed: int) -> dict[str, str]:
    """Part pictures so that whole welds are held out until ``share`` of the pictures are.

    Which welds they are follows from their names and the seed alone.

    Raises
    ------
    DatasetError
        There is one weld only.
    """
    sizes: dict[str, int] = defaultdict(int)
    for weld in groups.values():
        sizes[weld] += 1
    if len(sizes) < 2:  # noqa: PLR2004
        raise DatasetError("All pictures show one weld; add pictures of another, to be held out.")
    order = sorted(sizes, key=lambda weld: hashlib.sha256(f"{seed} {weld}".encode()).digest())
    held, out = set(order[:1]), sizes[order[0]]
    for weld in order[1:-1]:
        if out + sizes[weld] <= share * len(groups):
            held.add(weld)
            out += sizes[weld]
    return {name: TEST if weld in held else TRAIN for name, weld in groups.items()}

"""Series of readings in CSV: one column of times, one column a tag."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from engine.survey.abc import DataSet
from streams.connectors.stamps import stamp

TIMES = ("datetime", "timestamp", "time", "ts")
"""Names of a column of times."""
SEPARATORS = ",;\t"


class Tables:
    """A folder of ``*.csv`` whose first has a column of times."""

    def find(self, folder: Path) -> bool:
        """Return whether the first table of a folder has a column of times."""
        first = next(_files(folder), None)
        return first is not None and _layout(first) is not None

    def look(self, folder: Path) -> DataSet:
        """Count rows; note cells and times that are not there or not in order."""
        found = DataSet("series of readings", folder)
        for file in _files(folder):
            layout = _layout(file)
            if layout is not None:
                found.counts["files"] += 1
                _look(found, file, *layout)
        return found


def _look(found: DataSet, file: Path, separator: str, column: int) -> None:
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        header, *rows = csv.reader(lines, delimiter=separator)
    times = [stamp(row[column]) if len(row) > column else None for row in rows]
    known = [time for time in times if time is not None]
    late = sum(after < before for before, after in pairwise(known))
    wrong = {
        "rows without a time": len(times) - len(known),
        "rows out of order": late,
        "rows with the same time as another": len(known) - len(set(known)),
        "rows with more or fewer cells than the header": sum(len(row) != len(header) for row in rows),
        "empty cells": sum(not cell.strip() for row in rows for cell in row),
    }
    found.counts.update({"rows": len(rows)})
    for what, count in wrong.items():
        if count:
            found.trap(what, f"{file.name}: {count}")


def _layout(file: Path) -> tuple[str, int] | None:
    """Return what parts the columns, and which of them is the time; None where none is."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        head = lines.readline().strip()
    separator = max(SEPARATORS, key=head.count)
    names = [name.strip().strip('"').lower() for name in head.split(separator)]
    return next(((separator, names.index(name)) for name in TIMES if name in names), None)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.csv"))

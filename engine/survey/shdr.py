"""Logs of MTConnect adapters (SHDR), plain or packed: ``timestamp|key|value...``."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from engine.survey.abc import DataSet
from streams.clock import DAY
from streams.connectors.shdr_lines import UNAVAILABLE
from streams.connectors.stamps import stamp

PROBE = 4096
"""Bytes of a file that tell whether it is such a log."""


class Shdr:
    """A folder of ``*.txt`` or ``*.txt.xz`` whose lines begin with a time and a bar."""

    def find(self, folder: Path) -> bool:
        """Return whether the first text of a folder is such a log."""
        first = next(_files(folder), None)
        if first is None:
            return False
        try:
            with _open(first) as file:
                head = file.read(PROBE).split(b"\n")[0]
        except (lzma.LZMAError, EOFError):
            return first.suffix == ".xz"
        return head.count(b"|") > 1 and _time(head) is not None

    def look(self, folder: Path) -> DataSet:
        """Count lines; note what a reader trips over."""
        found = DataSet("MTConnect adapter logs", folder)
        for file in _files(folder):
            found.counts["files"] += 1
            try:
                with _open(file) as lines:
                    _look(found, file.name, lines.read().splitlines())
            except (lzma.LZMAError, EOFError):
                found.trap("files that cannot be unpacked: fetch them again", file.name)
        return found


def _look(found: DataSet, name: str, lines: list[bytes]) -> None:
    """Count one log; a stamp more than a day before the last line's is of the opening snapshot."""
    times = [_time(line) for line in lines]
    last = next((time for time in reversed(times) if time is not None), 0)
    seen = {"lines": len(lines), "without a time": 0, "empty values": 0, UNAVAILABLE.lower(): 0}
    opening = late = newest = 0
    for line, time in zip(lines, times, strict=True):
        if time is None:
            seen["without a time"] += 1
            continue
        if time < last - DAY:
            opening += 1
        else:
            late += time < newest
            newest = max(newest, time)
        seen["empty values"] += line.endswith(b"|")
        seen[UNAVAILABLE.lower()] += line.endswith(UNAVAILABLE.encode())
    found.counts.update(seen)
    if opening:
        found.trap("an opening snapshot with stamps of days before", f"{name}: {opening} lines")
    if late:
        found.trap("lines out of order", f"{name}: {late} lines")
    if seen["without a time"]:
        found.trap("lines without a time", f"{name}: {seen['without a time']} lines")


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted([*folder.glob("*.txt"), *folder.glob("*.txt.xz")])


def _open(file: Path) -> lzma.LZMAFile | BufferedReader:
    return lzma.open(file) if file.suffix == ".xz" else file.open("rb")


def _time(line: bytes) -> int | None:
    return stamp(line.partition(b"|")[0].decode(errors="replace"))

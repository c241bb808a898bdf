"""Recorded days and series in the order and at the times of a replay. Pure but for reading files.

Each file is shifted to follow the one before; labels beside the data never enter.
"""

from __future__ import annotations

import itertools
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from streams.catalog import StateRule
from streams.clock import MINUTE, SECOND
from streams.connectors.batch import number
from streams.connectors.csv import Table, decode_rows
from streams.connectors.shdr_lines import UNAVAILABLE
from streams.connectors.stamps import stamp
from streams.records import Readings

GAP = MINUTE
"""Plant time between two files; a file's opening snapshot comes in the middle of it."""
LOGS = "nist-mtconnect"
DAY_BEGINS = "05:00:00Z"
"""Midnight of the recorded machines, which stand in Maryland."""
SERIES = ("skab/data/valve1", "skab/data/valve2", "skab/data/other")
TIME_COLUMN = "datetime"
LABELS = frozenset({"anomaly", "changepoint"})
SEPARATOR = ";"

Line = tuple[int, bytes]
"""When to say a line (plant time, microseconds), and the line without its end."""


class MissingDataError(Exception):
    """The data folder lacks what the replay needs; the message names it."""


def recorded_lines(data: Path, machine: str, start: int, loop: bool = False) -> Iterator[Line]:
    """Yield the lines of a machine's recorded days, one day after the other, from ``start`` on.

    Each day begins with the announcement of its shift and its opening snapshot.

    Raises
    ------
    MissingDataError
        There are no recordings of the machine.
    """
    paths = machine_logs(data, machine)
    for path in itertools.cycle(paths) if loop else paths:
        for due, line in play_log(read_log(path), day_of(path), start):
            yield due, line
            start = due


def play_log(lines: Sequence[bytes], day: int, after: int) -> Iterator[Line]:
    """Yield one recording's lines with their due times, its events beginning a `GAP` behind ``after``.

    What is stamped no later than ``day``, the beginning of the recorded day, is the opening snapshot.
    """
    opening = next((index for index, line in enumerate(lines) if (_time(line) or 0) > day), len(lines))
    shift = after + GAP - (_time(lines[opening]) or 0 if opening < len(lines) else day)
    due = after + GAP // 2
    yield due, b"* seamline-shift: %d %d" % (shift, due)
    for index, line in enumerate(lines):
        if index >= opening:
            due = max(due, (_time(line) or 0) + shift)
        yield due, line


def recorded_sensors(
    data: Path, machine: str, start: int, span: int = SECOND, loop: bool = False
) -> Iterator[Readings]:
    """Yield the recorded series one after another, from ``start`` on, as batches of ``span`` microseconds.

    Raises
    ------
    MissingDataError
        There are no series.
    """
    tags = tuple(name for name, _ in sensor_tags(data))
    paths = series(data)
    for path in itertools.cycle(paths) if loop else paths:
        table = Table(path, machine, TIME_COLUMN, tags, SEPARATOR)
        rows = list(table.rows())
        shift = start + SECOND - (rows[0][0] or 0)
        for _, group in itertools.groupby(rows, lambda row: (row[0] or 0) // span):
            readings = decode_rows(table, list(group), shift).readings
            yield readings
            start = max(start, int(readings.ts.max()))


@lru_cache(maxsize=4)
def machine_tags(data: Path, machine: str) -> list[tuple[str, bool]]:
    """Return the keys of a machine's recordings; True where every value is a number.

    Conditions and what tells the machine's state are texts, even if they look like numbers.
    """
    values: dict[str, set[str]] = defaultdict(set)
    for path in machine_logs(data, machine):
        for line in {line.split(b"|", 1)[1] for line in read_log(path)}:
            key, value, *condition = line.decode().split("|")
            values[key].add("" if condition else value)
    rule = StateRule()
    told = {rule.execution, rule.availability, rule.program}
    return [(key, key not in told and _numeric(found)) for key, found in sorted(values.items())]


def sensor_tags(data: Path) -> list[tuple[str, bool]]:
    """Return the sensors of the recorded series, all of them numbers."""
    with series(data)[0].open(encoding="utf-8") as file:
        header = file.readline().strip().split(SEPARATOR)
    return [(name, True) for name in header if name != TIME_COLUMN and name not in LABELS]


def machine_logs(data: Path, machine: str) -> list[Path]:
    """Return the recordings of a machine, oldest first."""
    found = sorted((data / LOGS).glob(f"{machine}-*.txt.xz"))
    if not found:
        raise MissingDataError(f"There is no {machine}-*.txt.xz in {data / LOGS}; check the data folder.")
    return found


def day_of(path: Path) -> int:
    """Return when the day in a recording's name began, in the recorder's zone."""
    _, day, _ = path.name.split("-", 2)
    return stamp(f"{day}T{DAY_BEGINS}") or 0


def series(data: Path) -> list[Path]:
    """Return the files of the recorded series in their order."""
    found = [
        path
        for folder in SERIES
        for path in sorted((data / folder).glob("*.csv"), key=lambda path: int(path.stem))
    ]
    if not found:
        raise MissingDataError(f"There are no series in {data / SERIES[0]}; check the data folder.")
    return found


def read_log(path: Path) -> list[bytes]:
    """Return the lines of a recording."""
    with lzma.open(path) as file:
        return [line for line in file.read().split(b"\n") if line]


def _time(line: bytes) -> int | None:
    return stamp(line.split(b"|", 1)[0].decode())


def _numeric(values: set[str]) -> bool:
    told = values - {UNAVAILABLE}
    return bool(told) and all(number(value) is not None for value in told)

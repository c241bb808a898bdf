"""Recorded days and series in the order and at the times of a replay. Pure but for reading files.

Each file is shifted to follow the one before; labels beside the data never enter. What cannot be read
is played all the same, at the pace of what came before: to reject it is the connector's part.
"""

from __future__ import annotations

import itertools
import json
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from streams.catalog import StateRule
from streams.clock import MINUTE, SECOND
from streams.connectors.batch import number
from streams.connectors.csv import Row, Table, decode_rows
from streams.connectors.shdr_lines import CONDITION_FIELDS, LEVELS, UNAVAILABLE
from streams.connectors.stamps import stamp
from streams.records import NULL, Readings, Rejects
from streams.replay.sender import JsonLines, due_time

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
) -> Iterator[Readings | JsonLines]:
    """Yield the recorded series one after another, from ``start`` on, as batches of ``span`` microseconds.

    Rows without a time and empty cells become JSON lines, which the other end rejects.

    Raises
    ------
    MissingDataError
        There are no series, or no rows in them.
    """
    tags = tuple(name for name, _ in sensor_tags(data))
    tables = [Table(path, machine, TIME_COLUMN, tags, SEPARATOR) for path in series(data)]
    begun = None
    while begun is None or loop:
        begun = start
        for table in tables:
            for item in play_table(table, start, span):
                yield item
                start = max(start, due_time(item) or start)
        if start == begun:
            raise MissingDataError(f"The series in {data / SERIES[0]} hold no rows; check the data folder.")


def play_table(table: Table, after: int, span: int) -> Iterator[Readings | JsonLines]:
    """Yield one series in batches of ``span`` microseconds, its first time a second behind ``after``."""
    rows = list(table.rows())
    first = next((time for time, _ in rows if time is not None), 0)
    shift, now = after + SECOND - first, first

    def pace(row: Row) -> int:
        nonlocal now
        now = now if row[0] is None else row[0]
        return now // span

    for _, group in itertools.groupby(rows, pace):
        readings, rejects = decode_rows(table, chunk := list(group), shift)
        if len(readings):
            yield readings
        if len(rejects):
            last = next((time for time, _ in reversed(chunk) if time is not None), first)
            yield JsonLines(last + shift, as_lines(rejects))


def as_lines(rejects: Rejects) -> bytes:
    """Write rejected rows as JSON lines that are none for the same reason: a bad time, or no value."""
    columns = (rejects.machine, rejects.tag, rejects.raw)
    found = zip(*(column.to_list() for column in columns), rejects.ts.tolist(), strict=True)
    lines = (
        {"machine": machine, "tag": tag or "", "ts": "" if ts == NULL else ts, "value": None, "row": raw}
        for machine, tag, raw, ts in found
    )
    return "\n".join(json.dumps(line) for line in lines).encode()


@lru_cache(maxsize=4)
def machine_tags(data: Path, machine: str) -> list[tuple[str, bool]]:
    """Return the keys of a machine's recordings; True where every value is a number.

    Conditions and what tells the machine's state are texts, even if they look like numbers.
    """
    values: dict[str, set[str]] = defaultdict(set)
    for path in machine_logs(data, machine):
        said = {line.split(b"|", 1)[1] for line in read_log(path) if b"|" in line and _time(line) is not None}
        for key, value in itertools.chain.from_iterable(map(_pairs, said)):
            values[key].add(value)
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
        for path in sorted((data / folder).glob("*.csv"), key=lambda path: (len(path.stem), path.stem))
    ]
    if not found:
        raise MissingDataError(f"There are no series in {data / SERIES[0]}; check the data folder.")
    return found


def read_log(path: Path) -> list[bytes]:
    """Return the lines of a recording.

    Raises
    ------
    MissingDataError
        It cannot be unpacked.
    """
    try:
        with lzma.open(path) as file:
            return [line for line in file.read().split(b"\n") if line]
    except (lzma.LZMAError, EOFError) as exc:
        raise MissingDataError(f"{path} cannot be unpacked: {exc}; fetch it again.") from exc


def _time(line: bytes) -> int | None:
    return stamp(line.split(b"|", 1)[0].decode(errors="replace"))


def _pairs(fields: bytes) -> list[tuple[str, str]]:
    """Return keys and values of a line behind its time; nothing where it cannot be read as it is meant."""
    try:
        names = fields.decode().split("|")
    except UnicodeDecodeError:
        return []
    if len(names) % 2 or names[0].startswith("@"):
        return []
    if len(names) == CONDITION_FIELDS - 1 and names[1].upper() in LEVELS:
        return [(names[0], "")]
    return [(key, value) for key, value in zip(names[::2], names[1::2], strict=True) if key]


def _numeric(values: set[str]) -> bool:
    told = values - {UNAVAILABLE}
    return bool(told) and all(number(value) is not None for value in told)

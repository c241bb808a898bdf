"""Replay a CSV file as readings: a time column, and one column per tag."""

from __future__ import annotations

import csv
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.batch import Batch, Decoded, number
from streams.connectors.pace import Pace
from streams.connectors.stamps import stamp
from streams.records import GOOD, NULL, Int64

ROWS = 1000
LINGER = 0.05
Row = tuple[int | None, list[str] | str]
"""A row's time, None where it cannot be read, and its named cells; or why it cannot be read at all."""


class TableError(Exception):
    """The file is not the table that was announced; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file of one machine's readings: where it is and how to read it.

    Only the named ``columns`` enter. Times are ISO 8601 (UTC unless they say otherwise).
    """

    path: Path
    machine: str
    time_column: str
    columns: tuple[str, ...]
    separator: str = ","

    def rows(self) -> Iterator[Row]:
        """Yield the rows.

        Raises
        ------
        TableError
            A column is missing, or the file cannot be read.
        """
        try:
            with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                lines = csv.reader(file, delimiter=self.separator)
                header = next(lines, [])
                time, *places = self._places(header)
                for cells in self._told(lines):
                    if isinstance(cells, str):
                        yield None, cells
                        continue
                    there = len(cells)
                    told = cells[time].strip() if time < there else ""
                    yield stamp(told), [cells[place] if place < there else "" for place in places]
        except OSError as exc:
            raise TableError(f"The file {self.path} cannot be read: {exc.strerror}.") from exc
        except csv.Error as exc:
            raise TableError(f"The file {self.path} is no table: {exc}.") from exc

    def _told(self, lines: Iterator[list[str]]) -> Iterator[list[str] | str]:
        """Yield the cells of each row behind the header, and of one that cannot be read why."""
        for row in itertools.count(2):
            try:
                cells = next(lines, None)
            except csv.Error as exc:
                yield f"The file {self.path} cannot be read at row {row}: {exc}."
                continue
            if cells is None:
                return
            yield cells

    def _places(self, header: list[str]) -> list[int]:
        wanted = [self.time_column, *self.columns]
        if missing := [name for name in wanted if name not in header]:
            raise TableError(f"The file {self.path} has no column {missing[0]!r}; its columns are {header}.")
        return [header.index(name) for name in wanted]


def decode_rows(table: Table, rows: Sequence[Row], shift: int) -> Decoded:
    """Return the readings of rows, moved by ``shift`` microseconds.

    Empty cells are no readings: each row that has any is one reject, which names their columns. So is a row
    that cannot be read; it names the file and the row.
    """
    batch = Batch()
    for time, cells in rows:
        if isinstance(cells, str):
            batch.reject("unreadable_row", cells, table.machine)
            continue
        if time is None:
            batch.reject("bad_time", table.separator.join(cells), table.machine)
            continue
        told = list(zip(table.columns, cells, strict=True))
        if empty := [tag for tag, cell in told if not cell.strip()]:
            raw, tags = table.separator.join(cells), ", ".join(empty)
            batch.reject("empty_value", raw, table.machine, tags, time + shift)
        for tag, cell in told:
            if cell.strip():
                value = number(cell)
                batch.add(table.machine, tag, time + shift, cell if value is None else value, GOOD, time)
    return batch.build()


class CsvConnector:
    """Release a table's rows at the pace of the clock, its first row now; once through, then stay silent.

    Run once more, it goes on behind the last row that was handed over.
    """

    def __init__(
        self,
        machine: Machine,
        path: Path,
        time_column: str,
        separator: str,
        columns: Sequence[str],
        clock: Clock,
    ) -> None:
        named = tuple(columns) or tuple(tag.name for tag in machine.tags)
        self._table = Table(path, machine.name, time_column, named, separator)
        self._pace = Pace(clock, ROWS, LINGER)
        self._done = 0

    @property
    def trouble(self) -> str:
        """Return that the next row is more than a day ahead."""
        return self._pace.trouble

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Hand the table over.

        Raises
        ------
        TableError
            The table cannot be read.
        """
        rows = itertools.islice(self._table.rows(), self._done, None)
        chunk = list(itertools.islice(rows, ROWS))
        while chunk and not stop.is_set():
            behind = list(itertools.islice(rows, ROWS))
            for released in self._pace.play(self._pace.due(_times(chunk), _times(behind)), stop):
                self._hand_over(chunk[released], outlet)
                self._done += released.stop - released.start
            chunk = behind
        stop.wait()

    def _hand_over(self, rows: Sequence[Row], outlet: Outlet) -> None:
        readings, rejects = decode_rows(self._table, rows, self._pace.shift)
        if len(readings):
            outlet.readings(readings)
        if len(rejects):
            outlet.rejects(rejects)


def _times(rows: Sequence[Row]) -> Int64:
    return np.array([NULL if time is None else time for time, _ in rows], dtype=np.int64)

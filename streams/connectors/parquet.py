"""Replay readings of Parquet files, a row a reading: what `streams.log.export` and retention wrote."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from streams.abc import Outlet
from streams.arrow import integers
from streams.clock import Clock
from streams.connectors.csv import TableError
from streams.connectors.pace import Pace
from streams.records import NULL, Int64, Readings, Rejects

ROWS, READ = 10_000, 1 << 16
"""Rows that are released together, and read together, at most."""
ENDLESS = sys.maxsize
"""Rows of a file that is left behind, however many it has."""
NEEDED = ("machine", "tag", "ts", "value")
OPTIONAL = ("text", "quality", "source_ts", "received")


class DamagedError(TableError):
    """A file is there, but is no table of readings, or only as far as it was read."""


class Piece(NamedTuple):
    """Rows of a file from ``first`` on, and the times that pace them; or why they cannot be read."""

    file: Path
    first: int
    readings: Readings
    times: Int64
    failure: TableError | None = None


class ParquetConnector:
    """Release the rows of files at the pace of the clock, the first row now; once through, then stay silent.

    Rows come in the order of the files. Where they have a receive time, that is their pace; else their
    event time is. Event times are moved so that the first row happens now, and the original time of
    each is its ``source_ts``. Run once more, it goes on behind the last row that was handed over. A damaged
    file of a folder is refused, and the next one is played.

    Parameters
    ----------
    path
        A file, or a folder whose ``*.parquet`` are played in the order of their names.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._pace = path, Pace(clock, ROWS)
        self._at, self._done = Path(), 0
        """The file that is played, and how many of its rows were handed over."""

    @property
    def trouble(self) -> str:
        """Return that the next row is more than a day ahead."""
        return self._pace.trouble

    def run(self, outlet: Outlet, stop: threading.Event) -> None:
        """Hand the rows over.

        Raises
        ------
        TableError
            The files cannot be read as readings.
        """
        pieces = itertools.chain(self._pieces(), [_no_rows(Path(), 0)])
        for piece, behind in itertools.pairwise(pieces):
            if piece.failure:
                self._refuse(piece, piece.failure, outlet)
            else:
                self._play(piece, behind.times, outlet, stop)
            if stop.is_set():
                return
        stop.wait()

    def _play(self, piece: Piece, behind: Int64, outlet: Outlet, stop: threading.Event) -> None:
        for released in self._pace.play(self._pace.due(piece.times, behind), stop):
            outlet.readings(moved(piece.readings[released], self._pace.shift))
            self._at, self._done = piece.file, piece.first + released.stop

    def _refuse(self, piece: Piece, failure: TableError, outlet: Outlet) -> None:
        """Leave what is damaged behind; a file that somebody has to see to is no row's fault."""
        whole = piece.first == 0 and piece.file == self._path
        if whole or not isinstance(failure, DamagedError):
            raise failure
        outlet.rejects(Rejects.of("unreadable_file", [f"From row {piece.first + 1} on: {failure}"]))
        self._at, self._done = piece.file, ENDLESS

    def _pieces(self) -> Iterator[Piece]:
        """Yield what was not handed over yet; a file that cannot be read on ends with its failure."""
        at, done = self._at, self._done
        for file in files(self._path):
            if file == at and done < ENDLESS:
                yield from _pieces_of(file, done)
            elif file > at:
                yield from _pieces_of(file, 0)


def files(path: Path) -> list[Path]:
    """Return a file, or a folder's files in the order in which they are played.

    Raises
    ------
    TableError
        There is none.
    """
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise TableError(f"There is no *.parquet in {path}; name the folder that holds them.")
    return found


def recorded(path: Path) -> Iterator[tuple[Readings, Int64]]:
    """Yield readings of a file, and the time that paces each of them.

    Raises
    ------
    TableError
        It cannot be read, or lacks a column.
    """
    try:
        with pa.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if missing := [name for name in NEEDED if name not in names]:
                raise DamagedError(f"The file {path} has no column {missing[0]!r}; its columns are {names}.")
            wanted = [name for name in (*NEEDED, *OPTIONAL) if name in names]
            for batch in file.iter_batches(READ, columns=wanted):
                if batch.num_rows:
                    yield _read(batch)
    except OSError as exc:
        kind = DamagedError if exc.errno is None else TableError
        raise kind(f"The file {path} cannot be read: {exc.strerror or exc}.") from exc
    except (pa.ArrowException, ValueError) as exc:
        raise DamagedError(f"The file {path} is no table of readings: {exc}.") from exc


def _pieces_of(file: Path, done: int) -> Iterator[Piece]:
    """Yield a file's rows behind those that are done."""
    first = 0
    try:
        for readings, times in recorded(file):
            skip = max(0, done - first)
            if skip < len(readings):
                yield Piece(file, first + skip, readings[skip:], times[skip:])
            first += len(readings)
    except TableError as exc:
        yield _no_rows(file, first, exc)


def _no_rows(file: Path, first: int, failure: TableError | None = None) -> Piece:
    return Piece(file, first, Readings.empty(), np.empty(0, dtype=np.int64), failure)


def _read(batch: pa.RecordBatch) -> tuple[Readings, Int64]:
    readings = Readings.from_arrow(batch)
    has_pace = "received" in batch.schema.names
    return readings, integers(batch.column("received"), NULL) if has_pace else readings.ts


def moved(readings: Readings, shift: int) -> Readings:
    """Return readings that happen later by ``shift`` microseconds; a row without a time stays without."""
    ts = np.where(readings.ts == NULL, NULL, readings.ts + shift)
    source_ts = np.where(readings.source_ts == NULL, readings.ts, readings.source_ts)
    return replace(readings, ts=ts, source_ts=source_ts)

"""Replay readings of Parquet files, a row a reading: what `streams.log.export` and retention wrote."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from streams.abc import Outlet
from streams.arrow import integers
from streams.clock import Clock
from streams.connectors.csv import TableError
from streams.connectors.pace import Pace
from streams.records import NULL, Int64, Readings

ROWS = 10_000
NEEDED = ("machine", "tag", "ts", "value")
NO_TIMES = np.empty(0, dtype=np.int64)
OPTIONAL = ("text", "quality", "source_ts", "received")


class ParquetConnector:
    """Release the rows of files at the pace of the clock, the first row now; once through, then stay silent.

    Rows come in the order of the files. Where they have a receive time, that is their pace; else their
    event time is. Event times are moved so that the first row happens now, and the original time of
    each is its ``source_ts``.

    Parameters
    ----------
    path
        A file, or a folder whose ``*.parquet`` are played in the order of their names.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._pace = path, Pace(clock, ROWS)

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
        pieces = itertools.chain(recorded(self._path), [(Readings.empty(), NO_TIMES)])
        for (readings, times), (_, behind) in itertools.pairwise(pieces):
            for released in self._pace.play(self._pace.due(times, behind), stop):
                outlet.readings(moved(readings[released], self._pace.shift))
            if stop.is_set():
                return
        stop.wait()


def recorded(path: Path) -> Iterator[tuple[Readings, Int64]]:
    """Yield readings of a file or of a folder's files, and the time that paces each of them.

    Raises
    ------
    TableError
        There is no file, one cannot be read, or it lacks a column.
    """
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise TableError(f"There is no *.parquet in {path}; name the folder that holds them.")
    for file in files:
        yield from _of_file(file)


def _of_file(path: Path) -> Iterator[tuple[Readings, Int64]]:
    try:
        with pa.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if missing := [name for name in NEEDED if name not in names]:
                raise TableError(f"The file {path} has no column {missing[0]!r}; its columns are {names}.")
            wanted = [name for name in (*NEEDED, *OPTIONAL) if name in names]
            for batch in file.iter_batches(columns=wanted):
                if batch.num_rows:
                    yield _read(batch)
    except OSError as exc:
        raise TableError(f"The file {path} cannot be read: {exc.strerror or exc}.") from exc
    except (pa.ArrowException, ValueError) as exc:
        raise TableError(f"The file {path} is no table of readings: {exc}.") from exc


def _read(batch: pa.RecordBatch) -> tuple[Readings, Int64]:
    readings = Readings.from_arrow(batch)
    has_pace = "received" in batch.schema.names
    return readings, integers(batch.column("received"), NULL) if has_pace else readings.ts


def moved(readings: Readings, shift: int) -> Readings:
    """Return readings that happen later by ``shift`` microseconds; a row without a time stays without."""
    ts = np.where(readings.ts == NULL, NULL, readings.ts + shift)
    source_ts = np.where(readings.source_ts == NULL, readings.ts, readings.source_ts)
    return replace(readings, ts=ts, source_ts=source_ts)

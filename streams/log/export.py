"""Readings of a log as Parquet, a file for each day of receive stamps: for archives and for re-analysis.

Every tool that reads Parquet reads them; `streams.connectors.parquet` plays them once more.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from streams.calendar import EPOCH
from streams.clock import DAY
from streams.log import mixed
from streams.log.abc import Entry, Kind, LogView
from streams.log.errors import LogError
from streams.log.files import sync_folder
from streams.records import NULL, Int64, Readings, decode

READ_LIMIT = 8 << 20
PATIENCE = 30.0
"""Seconds in which an entry that the log has must come, from other nodes too."""
GROUP_ROWS = 1 << 17
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("received", TIME, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("machine", pa.string()),
        pa.field("tag", pa.string()),
        pa.field("ts", TIME),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("quality", pa.int16(), nullable=False),
        pa.field("source_ts", TIME),
    ]
)
"""A row is a reading as it was logged, before anything was admitted: unknown tags and NaN are there, too."""


class Written(NamedTuple):
    """A file that was written."""

    place: Path
    rows: int


def export(
    view: LogView,
    out: Path,
    since: int | None,
    until: int | None,
    tell: Callable[[int], None] = lambda position: None,
) -> Iterator[Written]:
    """Write the readings stamped from ``since`` to before ``until`` (microseconds UTC) and yield each file.

    Parameters
    ----------
    since
        None begins with the oldest entry.
    until
        None ends before the day of the newest entry, which is not over.
    tell
        Called with the position that was read last.

    Raises
    ------
    LogError
        A file is there already, or cannot be written; those yielded before are whole.
    """
    start = view.first - 1 if since is None else view.find(since)
    until = day_of_newest(view) if until is None else until
    for day, entries in groupby(_until(view, start, until, tell), lambda entry: entry.received // DAY):
        name = f"{name_of(day * DAY)}.parquet"
        try:
            yield DayFile(out / name).write(entries)
        except OSError as exc:
            raise LogError(f"{out / name} cannot be written: {exc.strerror}.") from exc


def name_of(stamp: int) -> str:
    """Return what the file of the day of a stamp is called, without its ending."""
    return f"readings-{EPOCH.date() + timedelta(days=stamp // DAY)}"


def day_of_newest(view: LogView) -> int:
    """Return when the day of the newest entry began, microseconds UTC; 0 where there is none."""
    return read_behind(view, view.end - 1)[0].received // DAY * DAY if view.end else 0


def _until(view: LogView, after: int, until: int, tell: Callable[[int], None]) -> Iterator[Entry]:
    end = view.end
    while after < end:
        entries = read_behind(view, after)
        after = entries[-1].position
        yield from (entry for entry in entries if entry.received < until and entry.kind in HOLDERS)
        tell(after)
        if entries[-1].received >= until:
            return


def read_behind(view: LogView, after: int) -> Sequence[Entry]:
    """Return entries behind a position that is not the last.

    Raises
    ------
    LogError
        They do not come.
    """
    due, pause = time.monotonic() + PATIENCE, threading.Event()
    while not (entries := view.read(after, READ_LIMIT)):
        if time.monotonic() > due:
            raise LogError(f"Entry {after + 1} of the log does not come; try again once its node answers.")
        pause.wait(0.01)
    return entries


@dataclass
class DayFile:
    """A Parquet file in the making; it has its name once it is whole and on disk.

    ``facts`` stand in its footer. What is not finished ends in ``.draft``, and is left by a kill alone.
    """

    place: Path
    facts: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    _waiting: list[pa.Table] = field(default_factory=list)
    _held: int = 0

    def write(self, entries: Iterator[Entry]) -> Written:
        """Write the readings of entries.

        Raises
        ------
        LogError
            The file is there already.
        """
        if self.place.exists():
            raise LogError(f"{self.place} is there already; name another folder, or remove it.")
        self.place.parent.mkdir(parents=True, exist_ok=True)
        draft = self.place.with_name(f".{self.place.name}.draft")
        try:
            self._fill(draft, entries)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        draft.rename(self.place)
        sync_folder(self.place.parent)
        return Written(self.place, self.rows)

    def _fill(self, draft: Path, entries: Iterator[Entry]) -> None:
        with draft.open("wb") as file:
            schema = SCHEMA.with_metadata(dict(self.facts))
            with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                for entry in entries:
                    self._add(entry, writer)
                self._flush(writer)
            file.flush()
            os.fsync(file.fileno())

    def _add(self, entry: Entry, writer: pa.parquet.ParquetWriter) -> None:
        self._waiting.append(table(entry))
        self._held += len(self._waiting[-1])
        if self._held >= GROUP_ROWS:
            self._flush(writer)

    def _flush(self, writer: pa.parquet.ParquetWriter) -> None:
        if self._waiting:
            writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP_ROWS)
            self.rows, self._held = self.rows + self._held, 0
            self._waiting.clear()


def table(entry: Entry) -> pa.Table:
    """Return the readings of an entry as rows; none where it cannot be read, which is quarantined."""
    try:
        readings = readings_of(entry)
    except ValueError:
        readings = Readings.empty()
    size = len(readings)
    columns = [
        pa.array(np.full(size, entry.position)),
        _times(np.full(size, entry.received)),
        pa.array([entry.producer] * size, pa.string()),
        readings.machine.to_arrow().cast(pa.string()),
        readings.tag.to_arrow().cast(pa.string()),
        _times(readings.ts),
        pa.array(readings.value, mask=readings.text.codes >= 0),
        readings.text.to_arrow().cast(pa.string()),
        pa.array(readings.quality),
        _times(readings.source_ts),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def readings_of(entry: Entry) -> Readings:
    """Return what an entry holds of readings.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    if entry.kind == Kind.MIXED:
        return mixed.unpack(entry.payload)[0]
    return Readings.from_arrow(decode(entry.payload))


def _times(stamps: Int64) -> pa.Array:
    return pa.array(stamps.astype(np.int64), mask=stamps == NULL).cast(TIME)


HOLDERS = (Kind.READINGS, Kind.MIXED)

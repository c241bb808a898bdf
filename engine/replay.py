"""Read a shard's log again, from its oldest entry to its newest, into a database of its own.

The same chain and the same writer as live, so the rows are those of an undisturbed run. The log is
read beside whoever writes it: nothing in it changes, and it is not marked as consumed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.parts import PartRows
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.store.database import connect, open_database
from engine.store.digest import Digest, digests
from engine.store.embedded import Embedded
from engine.store.errors import StoreError
from engine.store.landing import last_committed
from engine.store.master import register
from engine.store.migrations import migrate
from engine.writer import Writer
from streams.chain import LineChain
from streams.log.errors import LogError
from streams.log.files import segments
from streams.log.reader import FileLogReader
from streams.log.tail import last_entry

READ_LIMIT = 8 << 20
"""Bytes of entries that go through the chain at a time."""
FLUSH_SECONDS = 60.0


class Extent(NamedTuple):
    """The positions of a log's oldest and newest entry."""

    first: int
    last: int


def extent(folder: Path) -> Extent:
    """Return what a log holds.

    Raises
    ------
    LogError
        The folder holds no log.
    """
    kept = segments(folder) if folder.is_dir() else []
    newest = last_entry(folder) if kept else None
    if newest is None:
        raise LogError(f"{folder} holds no log entry; name a folder like SEAMLINE_HOME/log/line-1.")
    return Extent(kept[0].first, newest.position)


def replay_log(
    plant: Plant, folder: Path, dsn: str, tell: Callable[[int, int], None] = lambda done, total: None
) -> Extent:
    """Run a whole log through the plant's chain into a database that knows nothing of it yet.

    Parameters
    ----------
    tell
        Called with the number of entries handed to the writer, and that of all.

    Raises
    ------
    LogError
        The folder holds no log, or a part of it cannot be read.
    StoreError
        The database cannot be used, or has rows of the shard already.
    """
    held = extent(folder)
    prepare(plant, dsn)
    writer = Writer(dsn, plant.shard, plant.tenant)
    try:
        _read_through(LineChain(plant.catalog(), PartRows(plant)), folder, held, writer, tell)
    finally:
        writer.close(FLUSH_SECONDS)
    return held


def prepare(plant: Plant, dsn: str) -> None:
    """Bring a database to today's tables and tell it of the plant's machines.

    Raises
    ------
    StoreError
        It has rows of the shard already.
    """
    migrate(dsn)
    with connect(dsn) as connection:
        if last_committed(connection, plant.shard).position:
            raise StoreError(f"The database has rows of shard {plant.shard} already; name an empty one.")
        register(connection, plant)


def _read_through(
    chain: LineChain, folder: Path, held: Extent, writer: Writer, tell: Callable[[int, int], None]
) -> None:
    reader, position = FileLogReader(folder), held.first - 1
    try:
        while position < held.last:
            entries = [entry for entry in reader.read(position, READ_LIMIT) if entry.position <= held.last]
            writer.write([chain.update(entry) for entry in entries])
            position = entries[-1].position
            tell(position - held.first + 1, held.last - held.first + 1)
    finally:
        reader.close()


@contextmanager
def scratch() -> Iterator[str]:
    """Give an empty database that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="seamline-replay-"))
    server = Embedded(folder / "pg")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


def home_of(log: Path) -> Home:
    """Return the home in which a log lies, as ``log/NAME``."""
    return Home(log.resolve().parents[1])


def plant_of(log: Path) -> Plant:
    """Return the plant that the log's home ran last.

    Raises
    ------
    PlantError
        The log lies in no home, or in that of another shard.
    """
    file = home_of(log).plant_file
    if not file.is_file():
        raise PlantError(f"There is no {file}, so {log} lies in no home; name its plant file with --plant.")
    plant = load(file)
    if plant.shard != log.resolve().name:
        raise PlantError(
            f"{file} is of shard {plant.shard}, which did not write {log}; name its plant file with --plant."
        )
    return plant


def digests_of(dsn: str) -> dict[str, Digest]:
    """Return the digests of a database's tables."""
    with connect(dsn) as connection:
        return digests(connection)


def digests_of_home(home: Home, shard: str, held: Extent) -> dict[str, Digest]:
    """Return the digests of the plant's own tables, which a replay of all of its log must give again.

    Raises
    ------
    StoreError
        They tell of more, or of less, than the log holds.
    """
    with open_database(home.create()) as dsn:
        with connect(dsn) as connection:
            committed = last_committed(connection, shard).position
        if held.first != 1:
            raise StoreError(f"The log begins at entry {held.first}: its rows cannot be those of the plant.")
        if committed != held.last:
            raise StoreError(
                f"The plant has committed up to entry {committed}, the log ends at {held.last};"
                " end the plant, then compare."
            )
        return digests_of(dsn)

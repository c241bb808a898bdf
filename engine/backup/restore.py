"""Bring a backup back into an empty home, checked file by file before anything is written.

Everything is put together under another name first: a home is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.backup import tables
from engine.backup.errors import BackupError
from engine.backup.save import FORMAT, MANIFEST, PLANT
from engine.backup.secrets import hidden
from engine.backup.sinks import SUMS
from engine.identity.book import BOOK, begin_thousand
from engine.paths import Home
from engine.store.database import connect, open_database
from engine.store.embedded import Embedded
from engine.store.migrations import known, migrate
from streams.log.files import segments
from streams.log.marks import DURABLE, Mark
from streams.log.segments import scan

STAGE = ".restoring"
THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    home: str
    plant: str | None
    """The plant file to run; None where the backup has none."""
    rows: int
    files: int
    made: str
    secrets_left_out: list[str]
    """Places of the plant file at which a secret must be entered again."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def restore(source: Path, home: Home) -> Restored:
    """Restore a backup, folder or tar file, into a home that is empty or not there.

    The database is the one that ``SEAMLINE_DSN`` names, which must be empty, or an embedded one of
    the home.

    Raises
    ------
    BackupError
        The backup is not whole, newer than this version, or home or database are not empty.
    """
    _check_home(home.root)
    stage = Home(home.root.with_name(home.root.name + STAGE))
    _clear(stage)
    try:
        with _opened(source, stage) as folder:
            names = verify(folder)
            facts = _manifest(folder)
            _bring(folder, names, stage)
            rows = _load(stage, folder, facts["database"])
        _begin_thousands(stage)
        _settle(stage, home)
    except BaseException:
        _clear(stage)
        raise
    plant = home.root / PLANT
    plain = yaml.safe_load(plant.read_text(encoding="utf-8")) if plant.exists() else None
    file = str(plant) if plain else None
    return Restored(str(home.root), file, rows, len(names), facts["made"], list(hidden(plain)))


def verify(folder: Path) -> list[str]:
    """Compare every file of a backup with its hash and return their names.

    Raises
    ------
    BackupError
        A file is missing or another, or there is no list.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise BackupError(
            f"{folder} is no backup: it has no {SUMS}; name the folder or file that backup wrote."
        )
    names = []
    for line in sums.read_text(encoding="utf-8").splitlines():
        wanted, name = line[:64], line[66:]
        path = folder / _inside(name)
        if not path.is_file():
            raise BackupError(f"The backup lacks {name}; use another one.")
        if _hash(path) != wanted:
            raise BackupError(f"The backup's {name} was changed after it was written; use another one.")
        names.append(name)
    return names


def _inside(name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise BackupError(f"The backup names {name}, which lies outside of it; use another one.")
    return path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_home(root: Path) -> None:
    """Refuse a home that cannot be replaced as a whole, which is done at the very end."""
    beside = next(folder for folder in root.absolute().parents if folder.exists())
    if root.is_mount() or not os.access(beside, os.W_OK):
        raise BackupError(
            f"Nothing can take the place of {root}: it is a volume of its own, or {beside} is read-only;"
            " restore into another folder, then move what lies in it."
        )
    if root.exists() and any(root.iterdir()):
        raise BackupError(f"{root} is not empty; set SEAMLINE_HOME to a folder that is, or is not there yet.")


@contextmanager
def _opened(source: Path, stage: Home) -> Iterator[Path]:
    """Give the folder of a backup; a tar file is unpacked for the time being."""
    if source.is_dir():
        yield source
        return
    unpacked = stage.root / "backup"
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                _unpack(archive, member, unpacked)
    except (OSError, tarfile.TarError) as exc:
        raise BackupError(f"{source} cannot be read as a backup: {exc}") from exc
    yield unpacked
    shutil.rmtree(unpacked)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    content = archive.extractfile(member) if member.isfile() else None
    if content is None:
        raise BackupError(f"The backup holds {member.name}, which is no plain file; use another one.")
    path = folder / _inside(member.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as out:
        shutil.copyfileobj(content, out, 1 << 20)


def _manifest(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    newer = set(facts["database"]["migrations"]) - known()
    if facts["format"] > FORMAT or newer:
        raise BackupError(
            f"Seamline {facts['seamline']} made this backup, a newer version; restore it with that."
        )
    return facts


def _bring(folder: Path, names: list[str], stage: Home) -> None:
    """Copy everything but the database to its place, and say how far each log is accepted."""
    for name in names:
        if not name.startswith((f"{tables.FOLDER}/", MANIFEST)):
            target = stage.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
    stage.create()
    for log in stage.log.iterdir():
        mark = Mark(log / DURABLE)
        mark.write(_end(log))
        mark.close()


def _end(log: Path) -> int:
    """Return the last position of a log."""
    for segment in segments(log)[-1:]:
        entries = [record.entry for record in scan(memoryview(segment.path.read_bytes()), segment.first)]
        return entries[-1].position if entries else segment.first - 1
    return 0


def _load(stage: Home, folder: Path, facts: dict[str, Any]) -> int:
    """Fill the database at the backup's own version, then bring it to this one."""
    with open_database(stage) as dsn:
        migrate(dsn, set(facts["migrations"]))
        with connect(dsn) as connection:
            connection.autocommit = True
            rows = tables.load(connection, folder, facts)
        migrate(dsn)
    return rows


def _begin_thousands(stage: Home) -> None:
    """Let every station go on with a new thousand of run numbers, and of serials of its own.

    Those between the backup and its restoring are unknown here, but they are on parts.
    """
    for file in stage.stations.glob("*.run"):
        number = int(file.read_text())
        file.write_text(str((number // THOUSAND + 1) * THOUSAND))
    for book in stage.stations.glob(f"*{BOOK}"):
        begin_thousand(book, THOUSAND)


def _settle(stage: Home, home: Home) -> None:
    os.sync()
    if home.root.exists():
        home.root.rmdir()
    stage.root.rename(home.root)


def _clear(stage: Home) -> None:
    """Remove what an attempt left."""
    if stage.database.exists():
        Embedded(stage.database).stop()
    shutil.rmtree(stage.root, ignore_errors=True)

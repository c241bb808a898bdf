"""Take a backup of a plant, also while it runs.

The database is read as of one moment. The log is taken from the oldest operator snapshot of that
moment on, up to what is safe on disk; what stations keep beside it is read after the log, so that it
is never older: pictures of every verdict, and run numbers that no serial has gone beyond.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from engine.backup import tables
from engine.backup.errors import BackupError
from engine.backup.logs import HeldLog, held
from engine.backup.secrets import without_secrets
from engine.backup.sinks import Sink
from engine.identity.book import BOOK, copied
from engine.paths import Home
from engine.store.database import connect
from engine.store.hold import hold
from engine.store.levels import Connection, detect
from vision.evidence.index import FILE as INDEX

FORMAT = 1
MANIFEST = "manifest.json"
LEFT_OUT = (".draft", BOOK, f"{BOOK}-wal", f"{BOOK}-shm")
"""Ends of names that are no files of a backup, or not as they are."""
PLANT = "plant.yaml"
SHARDS = """
SELECT id, epoch, position, (
    SELECT min(coalesce(kept.since, kept.position)) FROM snapshots AS kept
    WHERE kept.shard = shard.id AND kept.position <= shard.position
)
FROM shard ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds."""

    place: str
    rows: int
    files: int
    bytes: int
    shards: dict[str, dict[str, int]]
    """Epoch and committed position of each, and the last position of its log."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def back_up(home: Home, dsn: str, target: Path, evidence: bool = False) -> Saved:
    """Write a backup to a folder, or to a file when the name ends in ``.tar``.

    Raises
    ------
    BackupError
        The target exists or cannot be written, or the log was cleared up just now.
    StoreError
        Retention is at work, or the database cannot be reached.
    """
    try:
        return _back_up(home, dsn, target, evidence)
    except OSError as exc:
        raise BackupError(
            f"The backup {target} cannot be written: {exc.strerror}; name another place."
        ) from exc


def _back_up(home: Home, dsn: str, target: Path, evidence: bool) -> Saved:
    with connect(dsn) as holder, connect(dsn) as connection:
        holder.autocommit = True
        hold(holder, shared=True)
        sink = Sink(target)
        try:
            return _write(home, connection, sink, target, evidence)
        except BaseException:
            sink.abandon()
            raise


def _write(home: Home, connection: Connection, sink: Sink, target: Path, evidence: bool) -> Saved:
    with ExitStack() as stack:
        stack.enter_context(tables.one_moment(connection))
        shards = {row[0]: _shard(*row[1:]) for row in connection.execute(SHARDS).fetchall()}
        logs = [stack.enter_context(held(folder, _needed(shards.get(folder.name)))) for folder in _logs(home)]
        database = tables.dump(connection, sink)
        level = detect(connection)
        for log in logs:
            log.save(sink)
    for name, path in _files(home, evidence):
        sink.copy(name, path)
    _write_books(home, sink)
    _write_plant(home, sink)
    told = {name: {**facts, "log_end": _end(logs, name)} for name, facts in shards.items()}
    facts = {"format": FORMAT, "seamline": version("seamline"), "made": datetime.now(UTC).isoformat()}
    facts |= {"level": level, "evidence": evidence, "shards": told}
    sink.write(MANIFEST, json.dumps(facts | {"database": database}, indent=1).encode())
    sink.finish()
    rows = sum(table["rows"] for table in database["tables"].values())
    return Saved(str(target), rows, sink.files, sink.bytes, told)


def _shard(epoch: int, position: int, snapshot: int | None) -> dict[str, int]:
    return {"epoch": epoch, "position": position, "snapshot": snapshot or 0}


def _needed(shard: dict[str, int] | None) -> int:
    """Return the first entry that a restart reads: behind the oldest snapshot, and the committed one itself.

    Without a snapshot a restart begins with the oldest entry that there is.
    """
    return min(shard["snapshot"] + 1, shard["position"]) if shard and shard["snapshot"] else 0


def _logs(home: Home) -> list[Path]:
    return sorted(folder for folder in home.log.iterdir() if folder.is_dir()) if home.log.is_dir() else []


def _end(logs: list[HeldLog], shard: str) -> int:
    return next((log.end for log in logs if log.partition == shard), 0)


def _files(home: Home, evidence: bool) -> Iterator[tuple[str, Path]]:
    """Go through run numbers, models and, if asked for, pictures, each with its name in the backup."""
    for folder in (home.stations, home.models, *([home.evidence] if evidence else [])):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith((".", INDEX)) and not path.name.endswith(LEFT_OUT):
                yield str(path.relative_to(home.root)), path


def _write_books(home: Home, sink: Sink) -> None:
    """Write the stations' books of serials, each as it is at one moment."""
    with tempfile.TemporaryDirectory() as folder:
        for book in sorted(home.stations.glob(f"*{BOOK}")):
            copied(book, Path(folder) / book.name)
            sink.copy(str(book.relative_to(home.root)), Path(folder) / book.name)


def _write_plant(home: Home, sink: Sink) -> None:
    if home.plant_file.exists():
        plain = yaml.safe_load(home.plant_file.read_text(encoding="utf-8"))
        text = yaml.safe_dump(without_secrets(plain), sort_keys=False, allow_unicode=True)
        sink.write(PLANT, text.encode())

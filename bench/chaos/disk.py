"""The disk of a log: small, full, torn behind what is safe, and kept whole for the replay."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.log.abc import Entry, Kind
from streams.log.files import segments
from streams.log.marks import DURABLE
from streams.log.segments import HEAD, MAGIC, encode

MIB = 1 << 20
BALLAST = "ballast"


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mount a file system of so many bytes in memory at a folder, while the block lasts; needs root.

    Raises
    ------
    PermissionError
        This process may not mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(
            f"No small disk can be mounted ({done.stderr.strip()}); run it as root, or with --full-disk 0."
        )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all the room that is left on a folder's disk."""
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def free(folder: Path) -> None:
    """Give back what `fill` took."""
    (folder / BALLAST).unlink(missing_ok=True)


def keep(log: Path, aside: Path) -> None:
    """Copy the finished segments of a log that are not kept yet: the full disk will cost the oldest."""
    aside.mkdir(parents=True, exist_ok=True)
    for segment in segments(log)[:-1]:
        if not (aside / segment.path.name).exists():
            shutil.copy2(segment.path, aside)


def whole(log: Path, aside: Path) -> Path:
    """Return a folder with all that a log, whose appender has ended, ever held."""
    keep(log, aside)
    for path in (segments(log)[-1].path, log / DURABLE):
        shutil.copy2(path, aside)
    return aside


def torn(kind: int, position: int, chance: random.Random) -> bytes:
    """Return what a loss of power may leave behind the last whole entry, which has ``position``.

    Half an entry, noise, zeros, or a header that promises more than there is.
    """
    entry = Entry(position + 1, Kind.READINGS, 0, "torn", chance.randbytes(500))
    raw = encode(entry, 1)
    match kind % 4:
        case 0:
            return raw[: chance.randrange(1, len(raw))]
        case 1:
            return chance.randbytes(chance.randrange(1, 5000))
        case 2:
            return bytes(chance.randrange(1, 5000))
    return HEAD.pack(MAGIC, 0, 1 << 31, 4, Kind.READINGS, position + 1, 0, 1) + raw


def tear(log: Path, damage: bytes) -> None:
    """Leave bytes behind a log's last entry, and lose the mark of what is safe, which is never synced."""
    last = segments(log)[-1].path
    with last.open("ab") as file:
        file.write(damage)
        os.fsync(file.fileno())
    mark = log / DURABLE
    with mark.open("r+b") as file:
        file.write(bytes(mark.stat().st_size))

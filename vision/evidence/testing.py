"""What tests do with evidence: let time pass, look into packs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from vision.evidence.index import FILE
from vision.evidence.pack import Pack, numbers


def age(root: Path, seconds: float) -> None:
    """Make everything that stations keep below a folder so much older."""
    for file in root.glob(f"*/{FILE}"):
        with closing(sqlite3.connect(file)) as index, index:
            index.execute("UPDATE pictures SET kept = kept - ?", [seconds])


def kept(root: Path) -> Iterator[bytes]:
    """Yield the pictures that stations keep below a folder."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        for number in numbers(folder):
            pack = Pack(folder, number)
            yield from (pack.read(place) for _, place in pack.walk(0, checked=True))

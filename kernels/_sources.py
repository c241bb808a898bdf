"""Whether the compiled kernels are those of the sources beside them.

A build into a checkout leaves a digest of the sources it compiled. Contents are compared, not times: a
clone, a copy and a hard link tell any time. `setup.py` runs this file by itself, before there are kernels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
STAMP = "built.sha256"
PATTERNS = ("*.pyx", "*.pxd", "*.h", "../setup.py")
"""What a compiled kernel depends on, the compiler's flags included."""


def digest(folder: Path = FOLDER) -> str:
    """Return the SHA-256 of all sources, with their names."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in PATTERNS for path in folder.glob(pattern)):
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def stale(folder: Path = FOLDER) -> bool:
    """Say whether the kernels of a checkout were compiled from other sources, or from nobody knows which."""
    if not (folder.parent / "setup.py").is_file() or not (folder.parent / "pyproject.toml").is_file():
        return False
    try:
        return (folder / STAMP).read_text() != digest(folder)
    except FileNotFoundError:
        return True


def stamp(folder: Path = FOLDER) -> None:
    """Note that the kernels were compiled just now."""
    draft = folder / f".{STAMP}"
    draft.write_text(digest(folder))
    draft.replace(folder / STAMP)

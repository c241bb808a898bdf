"""Checks of this machine: what `seamline doctor` says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import kernels
from engine.paths import Home

PACKAGES = ("kernels", "vision", "streams", "engine", "cluster")
LEAST_FREE_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it is well, and what was found."""

    name: str
    ok: bool
    says: str


def examine() -> list[Finding]:
    """Run every check."""
    checks: list[Callable[[], Finding]] = [python, packages, kernel_choice, disk, database]
    return [check() for check in checks]


def python() -> Finding:
    """Check the Python version, which bytewax has wheels for."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] in ((3, 11), (3, 12)), f"{version}; 3.11 or 3.12 is needed")


def packages() -> Finding:
    """Check that our five packages come from one place: another distribution may use the same names."""
    places = {name: origin(name) for name in PACKAGES}
    together = len({str(place.parent) for place in places.values()}) == 1
    says = "all five beside each other" if together else f"they come from different places: {places}"
    return Finding("packages", together, says)


def origin(name: str) -> Path:
    """Return the folder that a package is imported from."""
    spec = find_spec(name)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return Path(locations[0]) if locations else Path("missing") / name


def kernel_choice() -> Finding:
    """Say which kernels are in use; the compiled ones are the fast ones."""
    says = "compiled" if kernels.IMPL == "c" else "NumPy twins, slower; compile with: pip install -e ."
    return Finding("kernels", True, says)


def disk() -> Finding:
    """Check that there is room for the log."""
    home = Home.default().create()
    free = shutil.disk_usage(home.root).free / 1e9
    return Finding(
        "disk", free > LEAST_FREE_GB, f"{free:.0f} GB free at {home.root}; {LEAST_FREE_GB:.0f} are needed"
    )


def database() -> Finding:
    """Start or reach the database and say which level of partitions it offers."""
    from engine.store.database import connect, open_database
    from engine.store.errors import StoreError
    from engine.store.levels import detect

    try:
        with open_database(Home.default().create()) as dsn, connect(dsn) as connection:
            return Finding("database", True, detect(connection))
    except StoreError as exc:
        return Finding("database", False, str(exc))

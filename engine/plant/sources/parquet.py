"""Parquet files in the plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engine.plant.section import Section


class ParquetSource(Section):
    """Parquet files replayed as readings: a row a reading, each names its machine and tag."""

    kind: Literal["parquet"]
    """Files of an archive, played once at the pace of their times."""
    name: str
    """Names the source in the log and in quarantine."""
    path: Path
    """The file, or the folder whose *.parquet are played in the order of their names."""

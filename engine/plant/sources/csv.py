"""A CSV file in the plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.plant.section import Section


class CsvSource(Section):
    """A CSV file replayed as readings: one time column, one column per tag."""

    kind: Literal["csv"]
    """A file, played once at the pace of its times."""
    name: str
    """Names the source in the log and in quarantine."""
    machine: str
    """Whose readings they are."""
    path: Path
    """The file; its first row names the columns."""
    time_column: str
    """The column of times: ISO 8601, UTC unless it says otherwise."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What parts the columns."""
    columns: list[str] = []
    """Columns to read; empty: every tag of the machine."""

"""Sources of the plant file: who reads what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.plant.section import Section


class ShdrSource(Section):
    """An MTConnect adapter that speaks SHDR over TCP, one machine."""

    kind: Literal["shdr"]
    name: str
    machine: str
    host: str = "127.0.0.1"
    port: int = 7878


class ZmqSource(Section):
    """A ZeroMQ endpoint that takes Arrow batches and JSON lines of readings."""

    kind: Literal["zeromq"]
    name: str
    endpoint: str


class CsvSource(Section):
    """A CSV file replayed as readings: one time column, one column per tag."""

    kind: Literal["csv"]
    name: str
    machine: str
    path: Path
    time_column: str
    separator: str = ","
    columns: list[str] = []


Source = Annotated[ShdrSource | ZmqSource | CsvSource, Field(discriminator="kind")]

"""Sources of the plant file: who reads what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.plant.section import Port, Section


class ShdrSource(Section):
    """An MTConnect adapter that speaks SHDR over TCP, one machine."""

    kind: Literal["shdr"]
    """An MTConnect adapter: we connect to it, again and again."""
    name: str
    """Names the source in the log and in quarantine."""
    machine: str
    """Whose readings they are."""
    host: str = "127.0.0.1"
    """Where the adapter listens."""
    port: Port = 7878
    """Its port."""


class ZmqSource(Section):
    """A ZeroMQ endpoint that takes Arrow batches and JSON lines of readings."""

    kind: Literal["zeromq"]
    """Senders connect to us; each reading names its machine and tag."""
    name: str
    """Names the source in the log and in quarantine."""
    endpoint: str
    """Where we listen."""


class UdpSource(Section):
    """An address that takes JSON lines of readings as datagrams."""

    kind: Literal["udp"]
    """Senders that can do nothing else send here; what the network loses is lost."""
    name: str
    """Names the source in the log and in quarantine."""
    host: str = "127.0.0.1"
    """The address of ours that listens."""
    port: Port
    """Its port."""


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


Source = Annotated[ShdrSource | ZmqSource | UdpSource | CsvSource, Field(discriminator="kind")]

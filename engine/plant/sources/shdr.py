"""An MTConnect adapter in the plant file."""

from __future__ import annotations

from typing import Literal

from engine.plant.section import Port, Positive
from engine.plant.sources.stamped import StampedSource


class ShdrSource(StampedSource):
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
    silence_s: Positive | None = None
    """Seconds without a word after which it is given up and connected to anew; left out: it may be silent;
    it is given up when it is unplugged or misses its own heartbeat."""

"""An address for datagrams in the plant file."""

from __future__ import annotations

from typing import Literal

from engine.plant.section import Port
from engine.plant.sources.stamped import StampedSource


class UdpSource(StampedSource):
    """An address that takes JSON lines of readings as datagrams."""

    kind: Literal["udp"]
    """Senders that can do nothing else send here; what the network loses is lost."""
    name: str
    """Names the source in the log and in quarantine."""
    host: str = "127.0.0.1"
    """The address of ours that listens."""
    port: Port
    """Its port."""

"""Sources of the plant file that answer when asked: controllers whose memory is read at an interval."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.plant.section import Positive, Section
from engine.plant.sources.points import PointSection
from streams.connectors.values import ValueType


class TypedPoint(PointSection):
    """A point of a device whose memory does not say what lies in it."""

    type: ValueType | None = None
    """What lies there; left out: a bool where the address is one bit, else a whole number of 16 bits."""
    length: Annotated[int, Field(ge=0, le=125)] = 0
    """Of a string: how many words it takes, two letters each."""


class PolledSource(Section):
    """A device that is asked again and again."""

    name: str
    """Names the source in the log and in quarantine."""
    host: str
    """Where the device listens."""
    interval_s: Annotated[float, Field(ge=0.01)] = 1.0
    """Seconds from one reading to the next."""
    timeout_s: Positive = 3.0
    """Seconds within which it must answer."""
    gap: Annotated[int, Field(ge=0)] = 0
    """So many words or bits between two points that nobody wants are read along, to save requests."""

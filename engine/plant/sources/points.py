"""Points of the plant file: which address of a device is which tag of which machine."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from engine.plant.section import Section
from streams.connectors.points import Point


def _not_zero(value: float) -> float:
    if not value:
        raise ValueError("a scale of 0 makes every value the same; write 1 to leave values as they are")
    return value


class PointSection(Section):
    """One address of a device, bound to a tag of a machine: ``value * scale + offset`` is the reading."""

    address: str
    """Where the device keeps it, as its protocol writes addresses."""
    machine: str
    """Whose reading it is."""
    tag: str
    """Which of the machine's tags."""
    unit: str = ""
    """Unit of the reading, after scaling; the tag's own where that one has a unit."""
    scale: Annotated[float, AfterValidator(_not_zero)] = 1.0
    """What the device's number is multiplied with."""
    offset: float = 0.0
    """What is added to it then."""
    deadband: Annotated[float, Field(ge=0)] = 0.0
    """A number no further than this from the last one told is not told again; 0 tells all."""

    def build(self) -> Point:
        """Return the point."""
        return Point(self.address, self.machine, self.tag, self.scale, self.offset, self.deadband)

"""A Siemens S7 controller in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.plant.section import Port
from engine.plant.sources.points import PointSection
from engine.plant.sources.polled import PolledSource
from streams.connectors.blocks import Place
from streams.connectors.s7_places import S7Type, place


class S7Point(PointSection):
    """An address of an S7: ``DB1.DBX0.3``, ``DB1.DBB2``, ``DB1.DBW2``, ``DB1.DBD4``, ``M10.3``, ``IW4``."""

    type: S7Type | None = None
    """What lies there; left out: a bool, byte, int or real, by the letter of the address."""
    length: Annotated[int, Field(ge=0, le=254)] = 0
    """Of a string: how many letters fit, the number in brackets in its declaration."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.place()
        return self

    def place(self) -> Place:
        """Return where it is and how it is read."""
        return place(self.address, self.type, self.length)


class S7Source(PolledSource):
    """A Siemens S7 controller, or one that speaks as it does."""

    kind: Literal["s7"]
    """An S7 controller: we connect to it, again and again."""
    port: Port = 102
    """Its port."""
    rack: Annotated[int, Field(ge=0, le=7)] = 0
    """The rack of its CPU."""
    slot: Annotated[int, Field(ge=0, le=31)] = 1
    """The slot of its CPU: 1 for S7-1200 and S7-1500, 2 for S7-300."""
    points: list[S7Point] = Field(min_length=1)
    """Which address is which tag."""

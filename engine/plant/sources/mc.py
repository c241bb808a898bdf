"""A Mitsubishi controller in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.plant.section import Port, Section
from engine.plant.sources.polled import PolledSource, TypedPoint
from streams.connectors.blocks import Place
from streams.connectors.mc_places import place


class McPoint(TypedPoint):
    """A device of a Mitsubishi controller, as its tool writes it: ``D100``, ``M8``, ``X1F``, ``D100.F``."""

    def place(self, inputs: Literal["hex", "octal"]) -> Place:
        """Return where it is and how it is read."""
        return place(self.address, self.type, self.length, inputs)


class RouteSection(Section):
    """Which station of a network is meant, behind the controller that has the connection."""

    network: Annotated[int, Field(ge=0, le=239)] = 0
    """Number of the network; 0 is the controller's own."""
    pc: Annotated[int, Field(ge=0, le=255)] = 255
    """Number of the station in it; 255 is the controller itself."""
    module: Annotated[int, Field(ge=0, le=0x3FF)] = 0x3FF
    """Number of the module's input and output; 1023 is the CPU."""
    station: Annotated[int, Field(ge=0, le=31)] = 0
    """Number on a multidrop line."""


class McSource(PolledSource):
    """A Mitsubishi controller that takes the MELSEC communication protocol: 3E frames, binary, over TCP."""

    kind: Literal["mc"]
    """A Mitsubishi controller: we connect to it, again and again."""
    port: Port
    """Its port, as it was set in the controller's parameters."""
    inputs: Literal["hex", "octal"] = "hex"
    """How X and Y are numbered: octal on iQ-F and FX, hexadecimal on all others."""
    route: RouteSection = RouteSection()
    """Which station is meant; left out: the controller that is connected to."""
    points: list[McPoint] = Field(min_length=1)
    """Which device is which tag."""

    @model_validator(mode="after")
    def _exist(self) -> Self:
        for point in self.points:
            point.place(self.inputs)
        return self

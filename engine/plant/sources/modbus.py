"""A Modbus device in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.plant.section import Port
from engine.plant.sources.polled import PolledSource, TypedPoint
from streams.connectors.blocks import Place
from streams.connectors.modbus_places import Order, place


class ModbusPoint(TypedPoint):
    """An address of a Modbus device, from 0 as on the wire: ``holding:100`` is 40101 in many a manual.

    Tables are ``coil``, ``discrete``, ``input`` and ``holding``; ``holding:100.3`` is a bit of a register.
    """

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.place()
        return self

    def place(self, word_order: Order = "big", byte_order: Order = "big") -> Place:
        """Return where it is and how it is read."""
        return place(self.address, self.type, self.length, word_order, byte_order)


class ModbusSource(PolledSource):
    """A device that speaks Modbus over TCP, or one behind a gateway that does."""

    kind: Literal["modbus"]
    """A Modbus device: we connect to it, again and again."""
    port: Port = 502
    """Its port."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Its number behind a gateway; most devices with a connection of their own take any."""
    word_order: Order = "big"
    """Which register of a longer number comes first: the most significant (big) or the least (little)."""
    byte_order: Order = "big"
    """Which byte of a register comes first; little is rare, and against the standard."""
    at_once: Annotated[int, Field(ge=1, le=125)] = 125
    """Registers in a request at the most, where the device gives fewer than the standard has it."""
    points: list[ModbusPoint] = Field(min_length=1)
    """Which address is which tag."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if wide := [point for point in self.points if point.place().count > self.at_once]:
            raise ValueError(
                f"{wide[0].address} takes more registers than at_once, {self.at_once}; make it larger"
            )
        return self

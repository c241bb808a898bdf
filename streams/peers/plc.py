"""A software PLC: the program of a station's place on the line, over the memory of any real server."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.connectors.blocks import Place
from streams.connectors.values import Value
from streams.peers.modbus import ModbusPeer
from streams.peers.opcua import OpcUaPeer

SCAN = 0.001
"""Seconds of one run through the program."""
PATIENCE = 60.0
WORDS = ("ok", "ng", "review")


class Wires(Protocol):
    """The PLC's own view of the signals."""

    def get(self, name: str) -> Value:
        """Return a signal."""

    def set(self, name: str, value: Value) -> None:
        """Set a signal."""


class BytesWires:
    """Signals in the bytes of an S7's data blocks."""

    def __init__(self, blocks: Mapping[int, bytearray], places: Mapping[str, Place]) -> None:
        self._blocks, self._places = blocks, places

    def get(self, name: str) -> Value:
        """Return a signal."""
        place = self._places[name]
        return place.read(bytes(self._memory(place)[place.first : place.first + place.count]))

    def set(self, name: str, value: Value) -> None:
        """Set a signal."""
        place = self._places[name]
        own, memory = slice(place.first, place.first + place.count), self._memory(place)
        memory[own] = place.write(bytes(memory[own]), value)

    def _memory(self, place: Place) -> bytearray:
        return self._blocks[int(place.area[2:])]


class RegisterWires:
    """Signals in the holding registers of a Modbus server."""

    def __init__(self, peer: ModbusPeer, places: Mapping[str, Place]) -> None:
        self._peer, self._places = peer, places

    def get(self, name: str) -> Value:
        """Return a signal."""
        place = self._places[name]
        return place.read(self._bytes(place))

    def set(self, name: str, value: Value) -> None:
        """Set a signal."""
        place = self._places[name]
        written = struct.unpack(f">{place.count}H", place.write(self._bytes(place), value))
        self._peer.registers[place.first : place.first + place.count] = list(written)

    def _bytes(self, place: Place) -> bytes:
        found = self._peer.registers[place.first : place.first + place.count]
        return struct.pack(f">{place.count}H", *found)


class NodeWires:
    """Signals that are variables of an OPC UA server."""

    def __init__(self, peer: OpcUaPeer, begin: Mapping[str, bool | int | str]) -> None:
        self._peer, self._types = peer, {name: type(value) for name, value in begin.items()}
        for name, value in begin.items():
            peer.set(name, value)

    def get(self, name: str) -> Value:
        """Return a signal."""
        found = self._peer.get(name)
        return found if isinstance(found, str) else float(found)

    def set(self, name: str, value: Value) -> None:
        """Set a signal."""
        self._peer.set(name, self._types[name](value))


@dataclass(frozen=True, slots=True)
class Answered:
    """What the station said of a part."""

    word: str
    """ok, ng or review."""
    code: int
    answer_id: str
    seconds: float
    """From the trigger on."""


@dataclass(slots=True)
class SoftPlc:
    """The program: it shows parts to the station and takes its answers."""

    wires: Wires
    counted: list[Answered] = field(default_factory=list)

    def part(self, **told: Value) -> Answered:
        """Show one part, with what is told of it, and carry its cycle to the end."""
        self.wait(lambda: self.on("ready"))
        self.trigger(**told)
        answer = self.answer()
        self.finish()
        return answer

    def trigger(self, **told: Value) -> None:
        """Say that a part is there."""
        for name, value in told.items():
            self.wires.set(name, value)
        self._triggered = time.monotonic()
        self.wires.set("trigger", 1.0)

    def answer(self) -> Answered:
        """Wait for the answer and read it."""
        self.wait(lambda: any(self.on(word) for word in WORDS))
        seconds = time.monotonic() - self._triggered
        (word,) = [word for word in WORDS if self.on(word)]
        said = Answered(word, int(float(self.wires.get("code"))), str(self.wires.get("answer_id")), seconds)
        self.counted.append(said)
        return said

    def finish(self) -> None:
        """Acknowledge, and lower both signals when the answer is gone."""
        self.wires.set("acknowledge", 1.0)
        self.wait(lambda: not any(self.on(word) for word in WORDS))
        self.wires.set("trigger", 0.0)
        self.wires.set("acknowledge", 0.0)

    def pulse(self, name: str, seen: Callable[[], bool]) -> None:
        """Raise a signal until its effect is seen, then lower it."""
        self.wires.set(name, 1.0)
        self.wait(seen)
        self.wires.set(name, 0.0)

    def on(self, name: str) -> bool:
        """Return whether a signal is set."""
        return bool(self.wires.get(name))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Run the program round and round until something holds."""
        limit, pause = time.monotonic() + PATIENCE, threading.Event()
        while not condition():
            if time.monotonic() > limit:
                raise TimeoutError("the station did not answer the PLC")
            pause.wait(SCAN)

    _triggered: float = 0.0

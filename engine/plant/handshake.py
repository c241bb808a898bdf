"""A station's handshake with its PLC in the plant file: where the PLC is, and where its signals lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from engine.plant.secrets import SecretSection
from engine.plant.section import Port, Positive, Seconds, Section
from engine.plant.sources.opcua import Endpoint, OpcUaSecurity
from streams.connectors import modbus_places, s7_places
from streams.connectors.addresses import OPCUA
from streams.connectors.blocks import Place
from streams.connectors.values import ValueType
from vision.records import Outcome


class ModbusSpot(Section):
    """Where a signal lies: ``coil:7``, ``discrete:7``, ``input:7``, ``holding:7``, ``holding:7.3``."""

    address: str
    """The table and the number, from 0 as on the wire; a bit of a register behind a dot."""
    type: ValueType | None = None
    """What lies there; left out: a bool where the address is one bit, else a whole number of 16 bits."""
    length: Annotated[int, Field(ge=0, le=125)] = 0
    """Of a string: its registers, two letters each."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.place()
        return self

    def place(
        self, word_order: modbus_places.Order = "big", byte_order: modbus_places.Order = "big"
    ) -> Place:
        """Return where it is, how it is read and written."""
        return modbus_places.place(self.address, self.type, self.length, word_order, byte_order)


class S7Spot(Section):
    """Where a signal lies: ``DB1.DBX0.3``, ``DB1.DBW2``, ``DB1.DBB4``, ``M1.3``."""

    address: str
    """As STEP 7 writes it."""
    type: s7_places.S7Type | None = None
    """What lies there; left out: a bool, byte, int or real, by the letter of the address."""
    length: Annotated[int, Field(ge=0, le=254)] = 0
    """Of a string: how many letters fit."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.place()
        return self

    def place(self) -> Place:
        """Return where it is, how it is read and written."""
        return s7_places.place(self.address, self.type, self.length)


def _node(address: str) -> str:
    if not OPCUA.fullmatch(address):
        raise ValueError(f"{address!r} is no OPC UA address; write it like nsu=urn:press;s=Trigger")
    return address


class OpcUaSpot(Section):
    """Which node a signal is."""

    address: Annotated[str, AfterValidator(_node)]
    """Its address: nsu=urn:press;s=Trigger."""


Spot = TypeVar("Spot", ModbusSpot, S7Spot, OpcUaSpot)


class Asks(Section, Generic[Spot]):
    """What the PLC says to the station."""

    trigger: Spot
    """A part is there; the PLC holds it until the answer is there."""
    acknowledge: Spot
    """The PLC took the answer; it holds it until the answer is gone."""
    heartbeat: Spot | None = None
    """Changes as long as the PLC's program runs; left out: nobody notices that it stands."""
    bin: Spot | None = None
    """The sensor in the bin of rejects."""
    release: Spot | None = None
    """A person lets the line go on that the station had stopped."""
    part_id: Spot | None = None
    """What the PLC calls the part; the answer repeats it as answer_id."""
    part_number: Spot | None = None
    """Which recipe the part is judged by; left out, or empty where there is one: the station's own."""
    serial: Spot | None = None
    """The part's serial, where identity says that the PLC knows it."""
    order: Spot | None = None
    """The order that the part belongs to."""
    fixture: Spot | None = None
    """The fixture, or carrier, that it lies in."""
    operator: Spot | None = None
    """Who works at the station."""


class Answers(Section, Generic[Spot]):
    """What the station says to the PLC; whole words, registers or bytes of these are the station's alone."""

    ready: Spot
    """A part may be triggered."""
    ok: Spot
    """The part is good."""
    ng: Spot
    """The part is a reject, or was not judged in time."""
    review: Spot | None = None
    """A person must look at the part; left out: ng says so."""
    busy: Spot | None = None
    """The part is being judged."""
    stop: Spot | None = None
    """The line must stand still: a reject is not where it belongs."""
    alive: Spot | None = None
    """Counts as long as the station can judge."""
    code: Spot | None = None
    """Why the answer is not the model's own; 0 where it is (docs/handshake.md)."""
    answer_id: Spot | None = None
    """The part that the answer is for, as part_id called it."""


class ModbusAsks(Asks[ModbusSpot]):
    """What the PLC says to the station, over Modbus TCP."""


class S7Asks(Asks[S7Spot]):
    """What the PLC says to the station, in an S7 controller's memory."""


class OpcUaAsks(Asks[OpcUaSpot]):
    """What the PLC says to the station, on an OPC UA server."""


class ModbusAnswers(Answers[ModbusSpot]):
    """What the station says to the PLC, over Modbus TCP."""


class S7Answers(Answers[S7Spot]):
    """What the station says to the PLC, in an S7 controller's memory."""


class OpcUaAnswers(Answers[OpcUaSpot]):
    """What the station says to the PLC, on an OPC UA server."""


class BinSection(Section):
    """The bin of rejects: each must be seen there, and nothing else may."""

    within_s: Positive = 5.0
    """Seconds from the answer until the part must have fallen into it."""
    takes: Annotated[list[Literal["NG", "REVIEW"]], Field(min_length=1)] = ["NG", "REVIEW"]
    """The answers whose parts go there."""
    bypassed: bool = True
    """Whether parts let by in a bypass go there, too; false: the PLC sends those of code 12 elsewhere."""

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """Return them as a verdict has them."""
        return frozenset(map(Outcome, self.takes))


class HandshakeSection(Section):
    """What every protocol needs."""

    timeout_s: Positive = 1.0
    """Seconds within which the PLC must answer a question; else it is connected to anew."""
    poll_s: Annotated[float, Field(ge=0.001)] = 0.01
    """Seconds from one look at its signals to the next."""
    cycle_s: Positive = 2.0
    """Seconds from the trigger within which it has its answer: NG when there is no verdict by then."""
    acknowledge_s: Positive = 2.0
    """Seconds that it may take to acknowledge an answer."""
    lead_s: Seconds = 0.05
    """A picture that came so many seconds before its trigger was seen belongs to it, too."""
    beat_s: Positive = 0.5
    """Seconds between two counts of alive."""
    silence_s: Positive = 2.0
    """Seconds without a change of its heartbeat after which the PLC is taken to stand."""
    bin: BinSection | None = None
    """The bin of rejects, where a sensor watches it."""


def wired(asks: Asks[Spot], answers: Answers[Spot], bin_of_rejects: BinSection | None) -> None:
    """See that a bin has its signals, and that the line is told which parts go there.

    Raises
    ------
    ValueError
        It has not, or the line is not.
    """
    if bin_of_rejects and not (asks.bin and asks.release and answers.stop):
        raise ValueError("a bin needs the signals bin and release of asks, and stop of answers; add them")
    if bin_of_rejects and not answers.review and len(bin_of_rejects.outcomes) == 1:
        raise ValueError(
            "without the signal review of answers the line is told NG for REVIEW, so both go into the bin:"
            " add the signal, or leave takes of the bin out"
        )


def spots(side: Asks[Spot] | Answers[Spot]) -> Iterator[tuple[str, Spot]]:
    """Yield the signals that there are, by name."""
    for name in type(side).model_fields:
        if (spot := getattr(side, name)) is not None:
            yield name, spot


def apart(asks: Mapping[str, Place], answers: Mapping[str, Place]) -> None:
    """See that no word, register or byte that we write holds a signal of the PLC: it is written as a whole.

    Raises
    ------
    ValueError
        One does.
    """
    ours = {unit: place.address for place in answers.values() for unit in _units(place)}
    for place in asks.values():
        if shared := [ours[unit] for unit in _units(place) if unit in ours]:
            raise ValueError(f"{place.address} shares its register or byte with {shared[0]}; put them apart")


def _units(place: Place) -> Iterator[tuple[str, int]]:
    return ((place.area, place.first + unit) for unit in range(place.count))


class ModbusHandshake(HandshakeSection):
    """A PLC that serves its signals over Modbus TCP."""

    kind: Literal["modbus"]
    """A PLC that speaks Modbus TCP; we connect to it."""
    host: str
    """Where it listens."""
    port: Port = 502
    """Its port."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Its number behind a gateway."""
    word_order: modbus_places.Order = "big"
    """Which register of a longer number comes first."""
    byte_order: modbus_places.Order = "big"
    """Which byte of a register comes first."""
    asks: ModbusAsks
    """Where its signals to us lie."""
    answers: ModbusAnswers
    """Where ours to it lie: coils or holding registers."""

    @model_validator(mode="after")
    def _ours_are_ours(self) -> Self:
        places = self.places(self.answers)
        if wrong := [place.address for place in places.values() if place.area not in {"coil", "holding"}]:
            raise ValueError(f"{wrong[0]} cannot be written; an answer is a coil: or a holding:")
        apart(self.places(self.asks), places)
        wired(self.asks, self.answers, self.bin)
        return self

    def places(self, side: ModbusAsks | ModbusAnswers) -> dict[str, Place]:
        """Return where the signals of one side are, by name."""
        return {name: spot.place(self.word_order, self.byte_order) for name, spot in spots(side)}


class S7Handshake(HandshakeSection):
    """A Siemens S7 controller with PUT/GET permitted."""

    kind: Literal["s7"]
    """A Siemens S7 controller; we connect to it."""
    host: str
    """Where it listens."""
    port: Port = 102
    """Its port."""
    rack: Annotated[int, Field(ge=0, le=7)] = 0
    """The rack of its CPU."""
    slot: Annotated[int, Field(ge=0, le=31)] = 1
    """The slot of its CPU: 1 for S7-1200 and S7-1500, 2 for S7-300."""
    asks: S7Asks
    """Where its signals to us lie."""
    answers: S7Answers
    """Where ours to it lie."""

    @model_validator(mode="after")
    def _ours_are_ours(self) -> Self:
        apart(self.places(self.asks), self.places(self.answers))
        wired(self.asks, self.answers, self.bin)
        return self

    def places(self, side: S7Asks | S7Answers) -> dict[str, Place]:
        """Return where the signals of one side are, by name."""
        return {name: spot.place() for name, spot in spots(side)}


class OpcUaHandshake(HandshakeSection):
    """A PLC with an OPC UA server."""

    kind: Literal["opcua"]
    """A PLC with an OPC UA server; we connect to it."""
    endpoint: Endpoint
    """Where the server listens."""
    security: OpcUaSecurity | None = None
    """How messages are secured; left out: not at all."""
    user: str = ""
    """Who we are to the server; left out: anybody."""
    password: SecretSection | None = None
    """Where the user's password is kept."""
    asks: OpcUaAsks
    """Its signals to us."""
    answers: OpcUaAnswers
    """Ours to it; they must be writable."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password and not self.user:
            raise ValueError("a password needs a user; write user: beside it")
        wired(self.asks, self.answers, self.bin)
        return self

    def nodes(self, side: OpcUaAsks | OpcUaAnswers) -> dict[str, str]:
        """Return the addresses of the signals of one side, by name."""
        return {name: spot.address for name, spot in spots(side)}


Handshake = Annotated[ModbusHandshake | S7Handshake | OpcUaHandshake, Field(discriminator="kind")]

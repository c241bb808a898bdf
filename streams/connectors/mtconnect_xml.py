"""Documents of an MTConnect agent, read without trust: no declarations, no entities, all limited. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

DEEPEST = 64
MOST_ELEMENTS = 1 << 20
LONGEST_TEXT = 1 << 16
LEVELS = frozenset({"Normal", "Warning", "Fault", "Unavailable"})
OBSERVED = frozenset({"Samples", "Events", "Condition"})
DEPTHS = {"DeviceStream", "Device"}


class DocumentError(Exception):
    """The document is refused; the message is the reason in one word."""


class Observation(NamedTuple):
    """What an agent says of a data item."""

    device: str
    uuid: str
    item: str
    """Its id."""
    name: str
    """Its name, which it need not have."""
    time: str
    sequence: int
    value: str
    refusal: str = ""
    """Why it is no single value."""


class DataItem(NamedTuple):
    """What an agent could say, from its probe."""

    device: str
    item: str
    name: str
    category: str
    units: str
    representation: str


@dataclass(slots=True)
class Document:
    """A document: whose it is, where it stands in the agent's sequence, and what it says."""

    instance: int = 0
    first: int = 0
    next: int = 0
    observations: list[Observation] = field(default_factory=list)
    items: list[DataItem] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Codes of errors, like OUT_OF_RANGE."""


def parse(data: bytes) -> Document:
    """Return what a document says.

    Raises
    ------
    DocumentError
        ``hostile_xml`` for declarations of a document type or of entities, for what is too deep or too
        much; ``malformed_xml``; ``no_header`` where its place in the sequence is no number.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as exc:
        raise DocumentError("malformed_xml") from exc
    return reader.document


def _refuse(*_: object) -> None:
    raise DocumentError("hostile_xml")


class _Reader:
    """What the parser calls: keeps the way to where it is, and the observation in which it is."""

    def __init__(self) -> None:
        self.document = Document()
        self._way: list[str] = []
        self._device, self._uuid = "", ""
        self._inside: dict[str, str] | None = None
        self._depth = 0
        self._refusal = ""
        self._words: list[str] = []
        self._length = self._elements = 0

    def start(self, full: str, attributes: dict[str, str]) -> None:
        name = full.rpartition(" ")[2]
        self._elements += 1
        if len(self._way) >= DEEPEST or self._elements > MOST_ELEMENTS:
            raise DocumentError("hostile_xml")
        if self._inside is not None:
            self._refusal = "data_set"
        elif name == "Header":
            self._header(attributes)
        elif name in DEPTHS:
            self._device, self._uuid = attributes.get("name", ""), attributes.get("uuid", "")
        elif self._way and self._way[-1] in OBSERVED and "dataItemId" in attributes:
            self._observe(attributes)
        elif name == "DataItem":
            self._item(attributes)
        elif "errorCode" in attributes:
            self.document.errors.append(attributes["errorCode"])
        self._way.append(name)

    def text(self, words: str) -> None:
        if self._inside is not None:
            self._length += len(words)
            if self._length > LONGEST_TEXT:
                raise DocumentError("hostile_xml")
            self._words.append(words)

    def end(self, _full: str) -> None:
        name = self._way.pop()
        if self._inside is None or len(self._way) != self._depth:
            return
        found, self._inside = self._inside, None
        value = "".join(self._words).strip()
        if self._way[-1] == "Condition":
            value = name.upper()
            self._refusal = "" if name in LEVELS else "unknown_level"
        self.document.observations.append(
            Observation(
                self._device,
                self._uuid,
                found["dataItemId"],
                found.get("name", ""),
                found.get("timestamp", ""),
                _number(found.get("sequence", "0")),
                value,
                self._refusal,
            )
        )

    def _observe(self, attributes: dict[str, str]) -> None:
        self._inside, self._depth, self._words, self._length = attributes, len(self._way), [], 0
        self._refusal = "time_series" if "sampleCount" in attributes else ""

    def _header(self, attributes: dict[str, str]) -> None:
        document = self.document
        document.instance = _number(attributes.get("instanceId", "0"))
        document.first = _number(attributes.get("firstSequence", "0"))
        document.next = _number(attributes.get("nextSequence", "0"))

    def _item(self, attributes: dict[str, str]) -> None:
        told = (attributes.get(key, "") for key in ("id", "name", "category", "units", "representation"))
        self.document.items.append(DataItem(self._device, *told))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):  # noqa: PLR2004
        raise DocumentError("no_header")
    return int(text)

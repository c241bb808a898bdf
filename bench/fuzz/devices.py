"""What machines and their agents answer, fuzzed: documents, frames, memory, values, codes, waveforms."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from bench.fuzz.files import arrow, halves
from engine.handshake.memory import MemoryPlc, Wiring
from engine.identity.scanner import Codes
from streams.clock import SECOND
from streams.connectors import opcua_wire
from streams.connectors.batch import Batch
from streams.connectors.blocks import Block, plan
from streams.connectors.mc_frames import ANSWER, END, HEAD, Route, payload, rest_of
from streams.connectors.mc_places import place as mc_place
from streams.connectors.modbus_places import place as modbus_place
from streams.connectors.mtconnect_http import Parts
from streams.connectors.mtconnect_items import Items
from streams.connectors.mtconnect_xml import parse
from streams.connectors.opcua_values import Decoder, Told
from streams.connectors.points import Binding, Point
from streams.connectors.s7_places import place as s7_place
from streams.connectors.waveforms import decode_json

NOW = 1_700_000_000 * SECOND
ITEMS = Items((Point("mill/x1", "mill", "load"), Point("mill/e1", "mill", "execution")), ("mill/e1",))
BOUNDARY = b"part"
DOCUMENT = b"""<?xml version="1.0"?>
<MTConnectStreams xmlns="urn:mtconnect.org:MTConnectStreams:1.7">
<Header instanceId="7" firstSequence="1" nextSequence="4" bufferSize="10"/>
<Streams><DeviceStream name="mill" uuid="u1"><ComponentStream component="Axes">
<Samples><Load dataItemId="x1" timestamp="2023-11-14T22:13:20.5Z" sequence="1">7.5</Load></Samples>
<Events><Execution dataItemId="e1" timestamp="2023-11-14T22:13:21Z" sequence="2">ACTIVE</Execution></Events>
<Condition><Fault dataItemId="c1" timestamp="2023-11-14T22:13:22Z" sequence="3">hot &amp; loud</Fault>
</Condition></ComponentStream></DeviceStream></Streams></MTConnectStreams>"""
PROBE = b"""<MTConnectDevices><Devices><Device name="mill" uuid="u1"><DataItems>
<DataItem id="x1" name="Xload" category="SAMPLE" type="LOAD" units="PERCENT" representation="VALUE"/>
</DataItems></Device></Devices></MTConnectDevices>"""
STREAM = b"--part\r\nContent-type: text/xml\r\nContent-length: %d\r\n\r\n%s\r\n--part\r\n\r\n%s\r\n--part" % (
    *(len(DOCUMENT), DOCUMENT),
    DOCUMENT,
)
WAVEFORM = json.dumps(
    {
        "machine": "spindle",
        "sensor": "vibration",
        "axis": "x",
        "ts": NOW,
        "rate_hz": 1000,
        "full_scale": 50,
        "unit": "m/s2",
        "shaft_rpm": 1500.5,
        "samples": [0.5, -1, 2.25],
    }
).encode()
MEMORY = [
    *plan([s7_place("DB1.DBD4"), s7_place("DB1.DBX0.3"), s7_place("DB1.DBB10", "string", 8)], {"DB1": 200}),
    *plan([modbus_place("holding:1", "float32"), modbus_place("holding:5", "string", 4)], {"holding": 100}),
]
WORDS = plan([mc_place("D100", "float32"), mc_place("D110", "string", 4)], {"D": 900})[0]
WORDS_ANSWER = bytes(2) + bytes(range(2 * WORDS.count))
FRAME = HEAD.pack(ANSWER, Route().encode(), len(WORDS_ANSWER)) + WORDS_ANSWER


def mtconnect(data: bytes) -> None:
    """Read a document, or a stream of them that comes in pieces."""
    parts = Parts(BOUNDARY)
    pieces = [data[start : start + 500] for start in range(0, len(data), 500)]
    streamed = data.startswith(b"--" + BOUNDARY)
    for one in [one for piece in pieces for one in parts.feed(piece)] if streamed else [data]:
        _document(one)


def _document(data: bytes) -> None:
    document = parse(data)
    arrow(ITEMS.decode(document))
    arrow(ITEMS.snapshot(document, NOW, 0, 0))


def melsec(data: bytes) -> None:
    """Read the answer of a Mitsubishi controller."""
    if len(data) >= HEAD.size:
        rest_of(data[: HEAD.size], Route())
    if len(data) >= HEAD.size + END.size:
        list(WORDS.values(payload(data[HEAD.size :], WORDS)))


def memory(data: bytes) -> None:
    """Read blocks of memory that came with as many bytes as were asked for, whatever they are."""
    for block in MEMORY:
        width = 2 if block.area == "holding" else 1
        list(block.values(data[: block.count * width].ljust(block.count * width, b"\0")))


def waveform(data: bytes) -> None:
    """Read a waveform."""
    decode_json(data).to_arrow()


@dataclass(frozen=True, slots=True)
class Answering:
    """A connection to a PLC whose memory is what it is said to be."""

    content: bytes

    def read(self, block: Block) -> bytes:
        """Return a block of bytes."""
        return self.content[block.first : block.first + block.count].ljust(block.count, b"\0")

    def write(self, block: Block, content: bytes) -> None:
        """Take nothing."""

    def close(self) -> None:
        """Nothing to let go."""


ASKS = {
    "trigger": s7_place("DB1.DBX0.0"),
    "heartbeat": s7_place("DB1.DBD4"),
    "part_id": s7_place("DB1.DBB10", "string", 16),
    "order": s7_place("DB1.DBD40"),
}
WIRING = Wiring(ASKS, {}, defaultdict(lambda: 222), defaultdict(lambda: 1))


def plc(data: bytes) -> None:
    """Read the flags of a PLC and what it says of a part."""
    there = MemoryPlc(Answering(data), WIRING)
    there.flags()
    there.told()


def opcua(data: bytes) -> None:
    """Take a value of an OPC UA server; bytes that the library cannot read are no value."""
    value = None
    with suppress(Exception):
        value = struct_from_binary(ua.DataValue, Buffer(data[: opcua_wire.MESSAGE_BYTES]))
    if value is not None:
        batch = Batch()
        Decoder(Binding([Point("a", "press", "force")]), NOW).add(batch, Told("a", value), NOW)
        arrow(batch.build())


def opcua_values() -> tuple[bytes, ...]:
    """Return values as a server writes them: a number with its time, a text, an array, one in doubt."""
    at = ua.DateTime(2023, 11, 14, tzinfo=UTC)
    doubted = ua.StatusCode(ua.UInt32(ua.StatusCodes.UncertainInitialValue))
    values = (
        ua.DataValue(ua.Variant(1.5), SourceTimestamp=at),
        ua.DataValue(ua.Variant(ua.LocalizedText("runs")), ServerTimestamp=at),
        ua.DataValue(ua.Variant([1.0, 2.0])),
        ua.DataValue(ua.Variant(7, ua.VariantType.Byte), doubted, SourceTimestamp=at),
        ua.DataValue(ua.Variant(at)),
    )
    return tuple(map(struct_to_binary, values))


def scanner(data: bytes) -> None:
    """Read the codes of a scanner whose bytes come in two pieces."""
    codes = Codes()
    for piece in halves(data):
        codes.feed(piece)

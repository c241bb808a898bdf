"""What is fuzzed: every decoder of what others write, with valid messages to begin from.

A target takes bytes and returns; what it raises is a crash, but for the refusals that it names. Where a
message has several frames they are joined by `JOIN`. Where a checksum would refuse everything, it is
written anew, so that what stands behind it is reached.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from bench.chaos.feed import entries
from bench.chaos.plant import PLANT
from bench.fuzz.devices import (
    DOCUMENT,
    FRAME,
    PROBE,
    STREAM,
    WAVEFORM,
    melsec,
    memory,
    mtconnect,
    opcua,
    opcua_values,
    plc,
    scanner,
    waveform,
)
from bench.fuzz.examples import CSV, JSON_LINES, MQTT, PLANT_FILES, SHDR, sparkplug
from bench.fuzz.files import (
    APPROVAL,
    COCO,
    JOIN,
    NOTED,
    VOC,
    YOLO,
    approval,
    arrow,
    coco_file,
    drawn,
    halves,
    kept,
    packed,
    picture,
    recovery,
    sealed,
    segment,
    stored,
    table,
    voc_file,
    yolo_files,
)
from engine.parts import PartRows
from engine.plant import Plant, PlantError
from engine.plant.file import parse as parse_plant
from streams.chain import LineChain
from streams.clock import SECOND
from streams.connectors import numbered
from streams.connectors.batch import Decoded
from streams.connectors.csv import TableError
from streams.connectors.json_lines import decode_lines
from streams.connectors.messages import read
from streams.connectors.mqtt_session import Message
from streams.connectors.mqtt_values import TimeRule, TopicDecoder
from streams.connectors.mtconnect_http import TooLong
from streams.connectors.mtconnect_xml import DocumentError
from streams.connectors.points import Point
from streams.connectors.polling import Lost, Refused
from streams.connectors.shdr_lines import LineBuffer, ShdrDecoder
from streams.connectors.sparkplug_decoder import SparkplugDecoder
from streams.log import remote_wire, wire
from streams.log.abc import Entry, Kind
from streams.log.errors import LogDamaged
from streams.operators.testing import machine
from streams.records import Readings, Rejects
from streams.records import encode as encode_batch
from vision.cameras.run import Run
from vision.cameras.zeromq import ZmqCamera
from vision.dataset import DatasetError
from vision.records import FrameLoss

ROOM = 512
"""Bytes that a case may have though the examples are short."""
NOW = 1_700_000_000 * SECOND
POINTS = (Point("plant/edge/press/Force", "press", "force"), Point("plant/edge//Heat", "press", "heat"))


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder, examples of what it takes, and how it may refuse."""

    decode: Callable[[bytes], object]
    examples: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = ()

    @property
    def longest(self) -> int:
        """Return of how many bytes a case is at the most: longer ones say the same again, only slower."""
        return max(ROOM, 4 * max(map(len, self.examples)))

    def __call__(self, data: bytes) -> None:
        """Decode bytes that anybody may have sent."""
        try:
            self.decode(data)
        except self.refusals:
            return


def shdr(data: bytes) -> None:
    """Decode an adapter's stream that comes in two pieces."""
    buffer, decoder = LineBuffer(), ShdrDecoder(machine("mill", ("load",)), NOW)
    for piece in halves(data):
        decoder.decode(buffer.feed(piece))


def zeromq(data: bytes) -> None:
    """Read what a sensor sends, as far as the log would take it."""
    kind, *rest = data.split(JOIN, 1)
    said = read(kind, b"".join(rest))
    arrow(Decoded(said.readings, said.rejects))


def names_and_numbers(data: bytes) -> None:
    """Read a numbered message, and an answer."""
    frames = data.split(JOIN)
    numbered.unpack(frames) if len(frames) == numbered.FRAMES else numbered.unpack_reply(frames)


def entry_on_its_way(data: bytes) -> None:
    """Read what a producer sends to the appender, and the appender's answer."""
    frames = data.split(JOIN)
    wire.unpack(frames) if len(frames) == wire.FRAMES else wire.unpack_answer(frames)


def entry_from_afar(data: bytes) -> None:
    """Read what a reader asks a node for, and what it is answered: entries that have right checksums."""
    frames = data.split(JOIN)
    if len(frames) == len(remote_wire.Request._fields):
        remote_wire.unpack(frames)
    else:
        remote_wire.unpack_entries(sealed(remote_wire.unpack_reply(frames).body))


@cache
def chain() -> LineChain:
    """Return the chain of a line that lasts as long as the process."""
    plant = Plant.model_validate(PLANT)
    return LineChain(plant.catalog(), PartRows(plant))


def flow(data: bytes) -> None:
    """Take an entry of the log, whatever its payload is: the first byte is its kind."""
    kind, payload = list(Kind)[data[0] % len(Kind)] if data else Kind.TICK, data[1:]
    chain().update(Entry(1, kind, NOW, "fuzz/1", payload))


@cache
def camera() -> ZmqCamera:
    """Return a remote camera that hears nobody."""
    return ZmqCamera(Run("remote", "front", "r1", lambda: NOW), "inproc://fuzz", threading.Event())


def remote_frame(data: bytes) -> None:
    """Take a remote camera's message and account for its frame as a station does."""
    frame = camera().take(data.split(JOIN))
    told = ("weld", frame.camera, frame.view, frame.run, frame.sequence, frame.sequence, frame.ts)
    FrameLoss(*told, "late", "", frame.serial).to_json()


def lines(data: bytes) -> None:
    """Read lines of JSON, as far as the log would take them."""
    arrow(decode_lines(data))


def topics(data: bytes) -> None:
    """Read the messages of an MQTT broker: topic, payload, topic, payload."""
    points = (Point("line/heat#value.0", "press", "heat"), Point("line/mode", "press", "mode"))
    decoder = TopicDecoder(points, ("line/mode",), TimeRule("at", "ms"))
    frames = data.split(JOIN)
    pairs = zip(frames[::2], frames[1::2], strict=False)
    messages = [Message(topic.decode(errors="replace"), payload) for topic, payload in pairs]
    for decoded in decoder.decode(messages, NOW):
        arrow(decoded)


def edge(data: bytes) -> None:
    """Read the messages of a Sparkplug node: topic, payload, topic, payload."""
    decoder, frames = SparkplugDecoder(POINTS), data.split(JOIN)
    pairs = zip(frames[::2], frames[1::2], strict=False)
    messages = [Message(topic.decode(errors="replace"), payload) for topic, payload in pairs]
    for decoded in decoder.decode(messages, NOW).decoded:
        arrow(decoded)


def plant(data: bytes) -> None:
    """Read a plant file."""
    parse_plant(data.decode(errors="replace"), "plant.yaml")


def logged() -> Iterable[bytes]:
    """Yield payloads of log entries, their kind in front."""
    for kind, payload in (item for number in range(1, 24) for item in entries(number, NOW)):
        yield bytes([list(Kind).index(kind)]) + payload
    loss = FrameLoss("gate", "c1", "front", "r1", 1, 9, NOW, "dropped", "queue full", "")
    yield bytes([list(Kind).index(Kind.FRAMES)]) + loss.to_json()
    rejects = Rejects.of("unreadable", ["half a bat"])
    yield bytes([list(Kind).index(Kind.REJECTS)]) + encode_batch(rejects.to_arrow())


def framed(*frames: bytes) -> bytes:
    """Join the frames of a message."""
    return JOIN.join(frames)


READINGS = encode_batch(
    Readings.numbers(["press"] * 3, ["load"] * 3, [NOW, NOW + 1, NOW + 2], [1.0, 2.0, 3.5]).to_arrow()
)
NUMBERED = numbered.Numbered(b"json", "device-1", 7, 6, JSON_LINES)

TARGETS = {
    "approvals": Target(approval, (APPROVAL,), (ValueError,)),
    "camera": Target(
        remote_frame,
        (framed(b'{"serial": "S1", "ts": 1700000000000000, "sequence": 4, "run": "a"}', b"\xff\xd8\xff"),),
    ),
    "coco": Target(coco_file, (COCO,), (DatasetError,)),
    "csv": Target(table, (CSV,), (TableError,)),
    "flow": Target(flow, tuple(logged())),
    "json_lines": Target(lines, (JSON_LINES, *JSON_LINES.strip().splitlines())),
    "mc": Target(melsec, (FRAME,), (Lost, Refused)),
    "memory": Target(memory, (bytes(range(100)),)),
    "mqtt": Target(topics, (framed(*MQTT), framed(*MQTT[:4]), framed(*MQTT[4:]))),
    "mtconnect": Target(mtconnect, (DOCUMENT, STREAM, PROBE), (DocumentError, TooLong)),
    "numbered": Target(
        names_and_numbers,
        (framed(*numbered.pack(NUMBERED)), framed(*numbered.pack_reply(numbered.Reply(7, b"ok")))),
        (ValueError,),
    ),
    "opcua": Target(opcua, opcua_values()),
    "packs": Target(packed, (kept(),)),
    "pictures": Target(picture, drawn()),
    "plant": Target(plant, PLANT_FILES, (PlantError,)),
    "plc": Target(plc, (bytes(range(64, 164)),)),
    "recovery": Target(recovery, (framed(NOTED, stored()), framed(b"", stored()[:-9])), (LogDamaged,)),
    "remote": Target(
        entry_from_afar,
        (
            framed(*remote_wire.pack(remote_wire.Request(7, "line-1", remote_wire.READ, (3, 4096)))),
            framed(*remote_wire.pack_reply(remote_wire.Reply(7, remote_wire.OK, stored()))),
        ),
        (ValueError, LogDamaged),
    ),
    "scanner": Target(scanner, (b"A-17\r\nB-18\n \xe7\x84\x8a-19\n", b"half")),
    "segments": Target(segment, (stored(), stored()[:-9]), (LogDamaged,)),
    "shdr": Target(shdr, (SHDR,)),
    "sparkplug": Target(edge, tuple(framed(*told) for told in sparkplug(NOW // 1000))),
    "voc": Target(voc_file, (VOC,)),
    "waveforms": Target(waveform, (WAVEFORM,), (ValueError,)),
    "wire": Target(
        entry_on_its_way,
        (
            framed(*wire.pack(wire.Message("line-1", "gate/1", Kind.READINGS, 7, 6, b"payload"))),
            framed(*wire.pack_answer(wire.Answer(7, "The log is full."))),
        ),
        (ValueError,),
    ),
    "yolo": Target(yolo_files, (framed(*YOLO),), (DatasetError,)),
    "zeromq": Target(zeromq, (framed(b"arrow", READINGS), framed(b"json", JSON_LINES))),
}

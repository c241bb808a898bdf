"""What is fuzzed: every decoder of what others write, with valid messages to begin from.

A target takes bytes and returns; what it raises is a crash, but for the refusals that it names. Where a
message has several frames they are joined by `JOIN`. Where a checksum would refuse everything, it is
written anew, so that what stands behind it is reached.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from bench.chaos.feed import entries, verdict
from bench.chaos.plant import PLANT
from bench.fuzz.devices import DOCUMENT, FRAME, STREAM, WAVEFORM, melsec, memory, mtconnect, waveform
from bench.fuzz.examples import CSV, JSON_LINES, MQTT, PLANT_FILE, SHDR, sparkplug
from engine.parts import PartRows
from engine.plant import Plant, PlantError
from engine.plant.file import parse as parse_plant
from streams.chain import LineChain
from streams.clock import SECOND
from streams.connectors import numbered
from streams.connectors.csv import Table, TableError, decode_rows
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
from streams.log import wire
from streams.log.abc import Entry, Kind
from streams.log.errors import LogDamaged
from streams.log.files import path_of
from streams.log.mixed import pack
from streams.log.recovery import recover
from streams.log.segments import CHECKED_FROM, decode, encode, scan, size_at
from streams.log.sequences import SIDECAR, Sequences
from streams.operators.testing import machine
from streams.records import Readings, Rejects
from streams.records import encode as encode_batch
from vision.cameras.run import Run
from vision.cameras.zeromq import ZmqCamera
from vision.records import FrameLoss

JOIN = b"\n--\n"
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
        """Return of how many bytes a case is at the most: an example has room to be mutated fourfold."""
        return 4 * max(map(len, self.examples))

    def __call__(self, data: bytes) -> None:
        """Decode bytes that anybody may have sent."""
        try:
            self.decode(data)
        except self.refusals:
            return


def shdr(data: bytes) -> None:
    """Decode an adapter's stream that comes in four pieces."""
    buffer, decoder = LineBuffer(), ShdrDecoder(machine("mill", ("load",)), NOW)
    size = max(1, -(-len(data) // 4))
    for start in range(0, len(data), size):
        pack(*decoder.decode(buffer.feed(data[start : start + size])))


def zeromq(data: bytes) -> None:
    """Read what a sensor sends, as far as the log would take it."""
    kind, *rest = data.split(JOIN, 1)
    said = read(kind, b"".join(rest))
    pack(said.readings, said.rejects)


def names_and_numbers(data: bytes) -> None:
    """Read a numbered message, and an answer."""
    frames = data.split(JOIN)
    numbered.unpack(frames) if len(frames) == numbered.FRAMES else numbered.unpack_reply(frames)


def entry_on_its_way(data: bytes) -> None:
    """Read what a producer sends to the appender, and the appender's answer."""
    frames = data.split(JOIN)
    wire.unpack(frames) if len(frames) == wire.FRAMES else wire.unpack_answer(frames)


def segment(data: bytes) -> None:
    """Read a segment whose first entry has a right checksum, whatever it says."""
    sealed = data[:4] + crc32(data[CHECKED_FROM:]).to_bytes(4, "little") + data[CHECKED_FROM:]
    for view in (memoryview(data), memoryview(sealed)):
        size_at(view, 0)
        decode(view, 0)
        list(scan(view, 1))


@cache
def scratch() -> Path:
    """Return a folder in memory that is this process's own, and goes with it."""
    place = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(dir=place if place.is_dir() else None)
    KEPT.append(folder)
    return Path(folder.name)


KEPT: list[tempfile.TemporaryDirectory[str]] = []


def recovery(data: bytes) -> None:
    """Find out where a log ended: its last segment, and what was noted of its producers."""
    noted, _, last = data.partition(JOIN)
    (scratch() / SIDECAR).write_bytes(noted)
    path_of(scratch(), 1).write_bytes(last)
    recover(scratch())
    Sequences().load(scratch())


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


def picture(data: bytes) -> None:
    """Take a remote camera's message and account for its frame as a station does."""
    frame = camera().take(data.split(JOIN))
    told = ("weld", frame.camera, frame.view, frame.run, frame.sequence, frame.sequence, frame.ts)
    FrameLoss(*told, "late", "", frame.serial).to_json()


def lines(data: bytes) -> None:
    """Read lines of JSON, as far as the log would take them."""
    pack(*decode_lines(data))


def table(data: bytes) -> None:
    """Replay a CSV file."""
    path = scratch() / "table.csv"
    path.write_bytes(data)
    file = Table(path, "oven", "time", ("heat", "mode"), ";")
    pack(*decode_rows(file, list(file.rows()), 1000))


def topics(data: bytes) -> None:
    """Read the messages of an MQTT broker: topic, payload, topic, payload."""
    points = (Point("line/heat#value.0", "press", "heat"), Point("line/mode", "press", "mode"))
    decoder = TopicDecoder(points, ("line/mode",), TimeRule("at", "ms"))
    frames = data.split(JOIN)
    pairs = zip(frames[::2], frames[1::2], strict=False)
    messages = [Message(topic.decode(errors="replace"), payload) for topic, payload in pairs]
    for decoded in decoder.decode(messages, NOW):
        pack(*decoded)


def edge(data: bytes) -> None:
    """Read the messages of a Sparkplug node: topic, payload, topic, payload."""
    decoder, frames = SparkplugDecoder(POINTS), data.split(JOIN)
    pairs = zip(frames[::2], frames[1::2], strict=False)
    messages = [Message(topic.decode(errors="replace"), payload) for topic, payload in pairs]
    for decoded in decoder.decode(messages, NOW).decoded:
        pack(*decoded)


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


def stored() -> bytes:
    """Return a segment of three entries."""
    found = [
        Entry(number, Kind.VERDICT, NOW, "gate/1", verdict(number, NOW).to_json()) for number in (1, 2, 3)
    ]
    return b"".join(encode(entry, entry.position) for entry in found)


def framed(*frames: bytes) -> bytes:
    """Join the frames of a message."""
    return JOIN.join(frames)


READINGS = encode_batch(
    Readings.numbers(["press"] * 3, ["load"] * 3, [NOW, NOW + 1, NOW + 2], [1.0, 2.0, 3.5]).to_arrow()
)
NUMBERED = numbered.Numbered(b"json", "device-1", 7, 6, JSON_LINES)
NOTED = b'{"position": 3, "received": 5, "producers": {"gate/1": 3}}'

TARGETS = {
    "camera": Target(
        picture,
        (framed(b'{"serial": "S1", "ts": 1700000000000000, "sequence": 4, "run": "a"}', b"\xff\xd8\xff"),),
    ),
    "csv": Target(table, (CSV,), (TableError,)),
    "flow": Target(flow, tuple(logged())),
    "json_lines": Target(lines, (JSON_LINES,)),
    "mc": Target(melsec, (FRAME,), (Lost, Refused)),
    "memory": Target(memory, (bytes(range(100)),)),
    "mqtt": Target(topics, (framed(*MQTT),)),
    "mtconnect": Target(mtconnect, (DOCUMENT, STREAM), (DocumentError, TooLong)),
    "numbered": Target(
        names_and_numbers,
        (framed(*numbered.pack(NUMBERED)), framed(*numbered.pack_reply(numbered.Reply(7, b"ok")))),
        (ValueError,),
    ),
    "plant": Target(plant, (PLANT_FILE,), (PlantError,)),
    "recovery": Target(recovery, (framed(NOTED, stored()), framed(b"", stored()[:-9])), (LogDamaged,)),
    "segments": Target(segment, (stored(), stored()[:-9]), (LogDamaged,)),
    "shdr": Target(shdr, (SHDR,)),
    "sparkplug": Target(edge, (framed(*sparkplug(NOW // 1000)),)),
    "waveforms": Target(waveform, (WAVEFORM,), (ValueError,)),
    "wire": Target(
        entry_on_its_way,
        (
            framed(*wire.pack(wire.Message("line-1", "gate/1", Kind.READINGS, 7, 6, b"payload"))),
            framed(*wire.pack_answer(wire.Answer(7, "The log is full."))),
        ),
        (ValueError,),
    ),
    "zeromq": Target(zeromq, (framed(b"arrow", READINGS), framed(b"json", JSON_LINES))),
}

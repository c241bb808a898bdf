"""What is found in files, fuzzed: logs and packs as a power cut left them, tables, others' annotations."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from bench.chaos.feed import verdict
from engine.approvals.entry import Deed
from engine.approvals.entry import Entry as Approval
from streams.clock import SECOND
from streams.connectors.batch import Decoded
from streams.connectors.csv import Table, decode_rows
from streams.log.abc import Entry, Kind
from streams.log.files import path_of
from streams.log.recovery import recover
from streams.log.segments import CHECKED_FROM, decode, encode, scan, size_at
from streams.log.sequences import SIDECAR
from vision import pictures
from vision.datasets import coco, voc, yolo
from vision.datasets.abc import FRACTIONS, Format
from vision.datasets.corners import straighten
from vision.datasets.picture import doubt_about_shape
from vision.evidence.pack import HEADER, MARK, Pack

JOIN = b"\n--\n"
"""What stands between the frames, or the files, of a case."""
NOW = 1_700_000_000 * SECOND
NOTED = b'{"position": 3, "received": 5, "producers": {"gate/1": 3}}'
COCO = b"""{"images": [{"id": 1, "file_name": "weld.jpg", "width": 640, "height": 480}],
"annotations": [{"image_id": 1, "category_id": 3, "bbox": [10, 20.5, 30, 40], "iscrowd": 0}],
"categories": [{"id": 3, "name": "crack"}]}"""
VOC = b"""<annotation><filename>weld.jpg</filename><size><width>640</width><height>480</height></size>
<object><name>crack</name><bndbox><xmin>10</xmin><ymin>20.5</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>
</annotation>"""
YOLO = b"names: {0: crack, 1: pore}\ntrain: images", b"0 0.5 0.5 0.1 0.2\n1 0.1 0.1 0.2 0.1 0.2 0.2\n"
APPROVAL = Approval(
    1, "0" * 64, Deed.SIGN, "Li Wei", NOW, "measured", "welds", "", "ab", "detect", "P-7"
).line
TURNED = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
MOST_PIXELS = 1 << 16
"""Pixels of a picture that is decoded here; more are only looked at, as decoders are not ours."""


@cache
def scratch(name: str) -> Path:
    """Return a folder in memory that is this process's own, and goes with it."""
    place = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-", dir=place if place.is_dir() else None)
    KEPT.append(folder)
    return Path(folder.name)


KEPT: list[tempfile.TemporaryDirectory[str]] = []


def tidy() -> None:
    """Remove the folders: a process that ends at once would leave them."""
    scratch.cache_clear()
    pictured.cache_clear()
    while KEPT:
        KEPT.pop().cleanup()


def halves(data: bytes) -> tuple[bytes, bytes]:
    """Return what comes in two pieces."""
    middle = len(data) // 2
    return data[:middle], data[middle:]


def arrow(decoded: Decoded) -> None:
    """Turn what was decoded into what the log would take; what is empty it never sees."""
    for columns in decoded:
        if len(columns):
            columns.to_arrow()


def segment(data: bytes) -> None:
    """Read a segment as it is, and with right checksums, whatever its entries say."""
    for view in (memoryview(data), memoryview(sealed(data))):
        size_at(view, 0)
        decode(view, 0)
        list(scan(view, 1))


def sealed(data: bytes) -> bytes:
    """Return entries of a log with the checksums that they should have."""
    whole, at = bytearray(data), 0
    while (size := size_at(memoryview(whole), at)) and at + size <= len(whole):
        crc = crc32(whole[at + CHECKED_FROM : at + size])
        whole[at + 4 : at + CHECKED_FROM] = crc.to_bytes(4, "little")
        at += size
    return bytes(whole)


def recovery(data: bytes) -> None:
    """Find out where a log ended: its last segment, and what was noted of its producers."""
    noted, _, last = data.partition(JOIN)
    folder = scratch("log")
    (folder / SIDECAR).write_bytes(noted)
    path_of(folder, 1).write_bytes(sealed(last))
    recover(folder)


def table(data: bytes) -> None:
    """Replay a CSV file."""
    path = scratch("csv") / "table.csv"
    path.write_bytes(data)
    file = Table(path, "oven", "time", ("heat", "mode"), ";")
    arrow(decode_rows(file, list(file.rows()), 1000))


def packed(data: bytes) -> None:
    """Find the pictures of a pack whose index is lost, or whose end is."""
    found = Pack(scratch("packs"), 1)
    found.path.write_bytes(data)
    for checked in (True, False):
        for _, place in found.walk(0, checked):
            found.read(place)


def picture(data: bytes) -> None:
    """Look at a picture that somebody sent, and decode it where it is small."""
    if pictures.inspect_container(data) or doubt_about_shape(data):
        return
    header = pictures.read_header(data)
    if header and header.width * header.height <= MOST_PIXELS:
        pictures.decode(data)


def approval(data: bytes) -> None:
    """Read a line of a file of approvals."""
    Approval.from_line(data)


@cache
def pictured(name: str, *places: str) -> Path:
    """Return a folder whose folders are these, with a picture in the first of them."""
    folder = scratch(name)
    for place in places:
        (folder / place).mkdir()
    (folder / places[0] / "weld.jpg").touch()
    return folder


def coco_file(data: bytes) -> None:
    """Import annotations in COCO's JSON."""
    folder = pictured("coco", "images")
    (folder / "annotations.json").write_bytes(data)
    coco.Coco().classes(folder)
    _brought(coco.Coco(), folder)


def voc_file(data: bytes) -> None:
    """Import a picture's annotation in Pascal VOC's XML."""
    folder = pictured("voc", "JPEGImages", "Annotations")
    (folder / "Annotations" / "weld.xml").write_bytes(data)
    _brought(voc.Voc(), folder)


def yolo_files(data: bytes) -> None:
    """Import the data file and a label file of YOLO."""
    named, _, labels = data.partition(JOIN)
    folder = pictured("yolo", "images", "labels")
    (folder / "data.yaml").write_bytes(named)
    (folder / "labels" / "weld.txt").write_bytes(labels)
    _brought(yolo.Yolo(), folder)


def _brought(form: Format, folder: Path) -> None:
    """Read what an import reads, up to the pictures, and straighten the boxes."""
    for item in form.read(folder):
        corners = [box.corners for box in item.boxes]
        straighten(corners, item.size or FRACTIONS, (0.01, 0.01), lambda what, where: None, "weld.jpg")


def stored() -> bytes:
    """Return a segment of three entries."""
    found = [
        Entry(number, Kind.VERDICT, NOW, "gate/1", verdict(number, NOW).to_json()) for number in (1, 2, 3)
    ]
    return b"".join(encode(entry, entry.position) for entry in found)


def kept() -> bytes:
    """Return a pack of two pictures, the first of which was taken away."""
    content = b"picture"
    name = hashlib.sha256(content).digest()
    return b"".join(HEADER.pack(MARK, len(content), name) + kept for kept in (bytes(len(content)), content))


def drawn() -> tuple[bytes, ...]:
    """Return a small picture as JPEG, as one that claims to be turned, PNG and BMP."""
    image = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    jpeg = pictures.encode_jpeg(image)
    bitmap = bytes(cv2.imencode(".bmp", image[:, :, 0])[1])
    return jpeg, jpeg[:2] + TURNED + jpeg[2:], pictures.encode_whole(image), bitmap

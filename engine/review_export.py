"""Decided parts as a data set to learn from: the pictures as they were inspected, and YOLO labels."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from engine.console.part_query import span
from engine.store.database import connect
from vision.datasets.welds import COLUMN
from vision.evidence import Shelf
from vision.judge import FEATURES

SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"BM": ".bmp"}
"""By the first two bytes of a picture."""
SPLIT = "split_review"
HELD_OUT = 5
"""Every so many-th serial is held out, by its hash: it stays on its side for ever."""
DECIDED = """
SELECT DISTINCT ON (tenant_id, station, serial, attempt) station, serial, attempt, ts, decision, label, boxes
FROM reviews WHERE tenant_id = %s ORDER BY tenant_id, station, serial, attempt, id DESC
"""
VERDICTS = """
SELECT ts FROM verdicts WHERE tenant_id = %(tenant)s AND station = %(station)s AND serial = %(serial)s
"""
FRAMES = """
SELECT view, frame_hash, width, height FROM frame_ledger
WHERE tenant_id = %(tenant)s AND station = %(station)s AND serial = %(serial)s AND outcome = 'inspected'
  AND ts > %(after)s AND ts <= %(ts)s AND frame_hash <> '' AND width > 0 AND reason = ''
ORDER BY view
"""
FOUND = """
SELECT frame_hash, label, ARRAY[x0, y0, x1, y1] AS box FROM findings
WHERE tenant_id = %(tenant)s AND station = %(station)s AND serial = %(serial)s AND attempt = %(attempt)s
  AND ts > %(after)s AND ts <= %(ts)s
ORDER BY score DESC
"""

Row = dict[str, Any]


@dataclass(slots=True)
class Exported:
    """What was written, and what could not be."""

    parts: int = 0
    pictures: int = 0
    boxes: int = 0
    unlabelled: int = 0
    """Parts decided NG where nobody said where: they teach nothing."""
    gone: int = 0
    """Pictures that are kept no longer, or were changed."""


def export(dsn: str, tenant: int, evidence_root: Path, folder: Path, classes: Sequence[str]) -> Exported:
    """Write every decided part; a folder that holds some already is brought up to date.

    A part that was inspected more than once brings the pictures of the attempts that were decided.
    """
    told, groups = Exported(), dict[str, str]()
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        shelf = stack.enter_context(Shelf(evidence_root))
        connection = stack.enter_context(connect(dsn))
        cursor = stack.enter_context(connection.cursor(row_factory=dict_row))
        for part in cursor.execute(DECIDED, [tenant]).fetchall():
            asked = part | {"tenant": tenant}
            verdicts = [row["ts"] for row in cursor.execute(VERDICTS, asked)]
            asked["after"], _ = span(part["ts"], verdicts)
            frames = cursor.execute(FRAMES, asked).fetchall()
            boxes = labels(part, cursor.execute(FOUND, asked).fetchall(), classes)
            if boxes is None:
                told.unlabelled += 1
                continue
            told.parts += 1
            written = [_picture(part, frame, boxes, shelf, folder, told) for frame in frames]
            groups |= {name: part["serial"] for name in written if name and name not in groups}
    _papers(folder, classes, groups)
    return told


def labels(part: Row, found: Sequence[Row], classes: Sequence[str]) -> dict[str, list[Row]] | None:
    """Return the boxes of each picture by its hash; None for a reject of which nobody said where.

    Features (what is there, not what is wrong) stay as the model found them.
    """
    boxes: dict[str, list[Row]] = defaultdict(list)
    features = [item for item in found if item["label"] in FEATURES]
    drawn = list(part["boxes"]) or [
        item for item in found if item["label"] == part["label"] and part["label"] not in FEATURES
    ]
    wrong = drawn if part["decision"] == "NG" else []
    if part["decision"] == "NG" and not [item for item in wrong if item["label"] in classes]:
        return None
    for item in (*features, *wrong):
        if item["label"] in classes:
            boxes[item["frame_hash"]].append(item | {"class": list(classes).index(item["label"])})
    return boxes


def _picture(
    part: Row, frame: Row, boxes: dict[str, list[Row]], shelf: Shelf, folder: Path, told: Exported
) -> str:
    """Write a picture with its labels and return its name; empty where it is kept no longer."""
    try:
        content = shelf.read(frame["frame_hash"])
    except (OSError, ValueError):
        told.gone += 1
        return ""
    name = frame["frame_hash"][:24]
    file = folder / "images" / f"{name}{SUFFIXES.get(content[:2], '.jpg')}"
    file.write_bytes(content)
    lines = [line(item, frame) for item in boxes[frame["frame_hash"]]]
    (folder / "labels" / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    told.pictures += 1
    told.boxes += len(lines)
    return file.name


def line(item: Row, frame: Row) -> str:
    """Return a box as YOLO writes it: class, middle and size in shares of the picture."""
    x0, y0, x1, y1 = item["box"]
    wide, high = frame["width"], frame["height"]
    shares = ((x0 + x1) / 2 / wide, (y0 + y1) / 2 / high, (x1 - x0) / wide, (y1 - y0) / high)
    return " ".join([str(item["class"]), *(f"{min(max(share, 0), 1):.6f}" for share in shares)]) + "\n"


def side(serial: str) -> str:
    """Return on which side a serial lies, always the same."""
    digest = hashlib.sha256(serial.encode()).digest()
    return "test" if digest[0] % HELD_OUT == 0 else "train"


def _papers(folder: Path, classes: Sequence[str], groups: dict[str, str]) -> None:
    """Write the names of the classes, and on which side each picture lies: all of a part on the same."""
    (folder / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    with (folder / "splits.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(name, serial, side(serial)) for name, serial in sorted(groups.items())]
        csv.writer(file).writerows([("image", COLUMN, SPLIT), *rows])

"""What Ultralytics notes in an export of its own: the classes, the task, and how it was exported."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 100_000
"""Letters of a note at the most: the names of ten thousand classes."""
UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, AttributeError)
"""What reading a note raises that nobody meant to be read."""


@dataclass(frozen=True, slots=True)
class Noted:
    """The notes that decide whether a station can use an export."""

    classes: tuple[str, ...]
    """Empty where it names none."""
    task: str
    sides: tuple[int, ...]
    """Height and width in pixels that it was exported for; empty where it does not say."""
    end_to_end: bool
    """Whether its head answers with the findings themselves, as those of YOLO10 and YOLO26 do."""
    queries: bool
    """Whether it is an RT-DETR, whose head answers with queries."""
    suppresses: bool
    """Whether suppression of overlapping boxes was exported with it."""
    by: str
    at: str
    licence: str


def of(notes: Mapping[str, Any]) -> Noted:
    """Read notes: an ONNX file keeps them as texts, ``metadata.yaml`` beside OpenVINO's form as values.

    What cannot be read is as if it were not there.
    """
    told = {name: value(note) for name, note in notes.items()}
    options = told.get("args")
    return Noted(
        classes=names(told.get("names")),
        task=str(told.get("task", "")),
        sides=sides(told.get("imgsz")),
        end_to_end=told.get("end2end") is True,
        queries="rtdetr" in f"{told.get('head')} {told.get('description')}".lower(),
        suppresses=isinstance(options, dict) and bool(options.get("nms")),
        by=f"Ultralytics {told.get('version', '')}".strip(),
        at=str(told.get("date", "")),
        licence=str(told.get("license", "")),
    )


def value(note: Any) -> Any:
    """Return what a note says: a text that is written as Python writes values is that value."""
    if not isinstance(note, str):
        return note
    if len(note) > LONGEST:
        return ""
    try:
        return ast.literal_eval(note)
    except UNREADABLE:
        return note


def names(told: Any) -> tuple[str, ...]:
    """Return the names of classes in the order of their numbers; empty where they are not all there, once."""
    if not isinstance(told, dict) or {*told} != {*range(len(told))}:
        return ()
    found = tuple(str(told[number]).strip() for number in range(len(told)))
    whole = all(name.isprintable() and name for name in found) and len({*found}) == len(found)
    return found if whole else ()


def sides(told: Any) -> tuple[int, ...]:
    """Return height and width; empty where these are no two numbers."""
    pair = [told, told] if isinstance(told, int) else told
    whole = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(side) is int for side in pair)  # noqa: PLR2004
    return tuple(pair) if whole else ()

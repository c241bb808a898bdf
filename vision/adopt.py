"""Take over an export as Ultralytics leaves it: what it notes of itself becomes the card of a model.

To ONNX it leaves one file, ``weld.onnx``; to OpenVINO a folder ``weld_openvino_model`` with ``weld.xml``,
``weld.bin`` and ``metadata.yaml``. ``seamline models register`` runs this in a process of its own:

    python -m vision.adopt best.onnx exports --name weld
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import openvino as ov
import yaml

from vision import answers, card, network, noted, registry
from vision.canvas import Canvas
from vision.detect import Detector
from vision.evaluation import FEATURES
from vision.heads import BOXES, FINDINGS, PLACE, QUERIES, ROW, SCORED, SUPPRESSED, Head
from vision.noted import Noted
from vision.registry import FILES, ONNX, Model, ModelError

KINDS = {".onnx": (ONNX,), ".xml": FILES}
"""What the file of a network is called in a model's folder, with those that belong to it."""
READ_IN_PART = ("segment", "pose")
"""What a network is trained for that answers with more than boxes: masks and key points."""
TASKS = ("detect", "obb", *READ_IN_PART)
"""What a network is trained for that says where something is."""
SMALLEST, LARGEST = 32, 2048
"""Sides of what a detector looks through, in pixels."""
UNPROVEN = (
    "all of it: nobody has compared it with the model that it was exported from",
    "what it learned from, and what it is worth on pictures that it has not seen",
)


class Refused(ModelError):
    """A station has no use for an export; the message says what to export instead."""


class Export(NamedTuple):
    """The file of a network, what was noted of it, and what its files are called in a model's folder."""

    file: Path
    notes: Mapping[str, Any]
    files: tuple[str, ...]


def lacks_card(place: Path) -> bool:
    """Say whether a place is no model's folder yet: it is an export, or nothing."""
    return not (place / "card.json").exists()


def adopt(place: Path, into: Path, name: str = "") -> Model:
    """Write the folder of a model from an export, with a card of what it notes of itself.

    Parameters
    ----------
    place
        A file in ONNX, a folder that holds one, or the folder that an export to OpenVINO leaves.
    into
        Where the folder is written; it is there.
    name
        Of the model; left out: the file's.

    Raises
    ------
    ModelError
        It is no export of a detector that runs here; the message says what to export instead.
    """
    if name:
        registry.check_name(name, "The option --name")
    graph, export = read(find(place))
    told = noted.of(export.notes)
    try:
        if reason := wrong_notes(told) or wrong_input(graph, told):
            raise Refused(f"{export.file} {reason}.")
        graph = network.settle(graph, Canvas(*seen(graph, told)))
        if reason := wrong_answer(graph, told):
            raise Refused(f"{export.file} {reason}.")
        model = write(export, into, name or plain(export.file.stem), graph, told)
        Detector(model)
    except Refused:
        raise
    except (ModelError, RuntimeError) as exc:
        how = "with format=openvino" if export.files == (ONNX,) else "anew"
        raise ModelError(f"OpenVINO cannot run the model in {export.file}; export it {how}.") from exc
    return model


def write(export: Export, into: Path, name: str, graph: ov.Model, told: Noted) -> Model:
    """Write the folder of an export that a station can use, its network settled."""
    folder = into / name
    folder.mkdir()
    for kept in export.files:
        shutil.copyfile(export.file.with_suffix(Path(kept).suffix), folder / kept)
    card.write(folder, facts(name, folder, export.files, graph, told))
    return registry.load(folder)


def find(place: Path) -> Path:
    """Return the one file of a network at a place.

    Raises
    ------
    ModelError
        There is none, or there are several.
    """
    found = [place] if place.is_file() else sorted(item for kind in KINDS for item in place.glob(f"*{kind}"))
    if len(found) == 1 and found[0].suffix in KINDS:
        return found[0]
    what = f"holds {len(found)} exports" if len(found) > 1 else "is no export"
    raise ModelError(
        f"{place} {what}: name FILE.onnx, or a folder with it, or a folder with .xml, .bin and metadata.yaml;"
        " yolo export model=best.pt format=onnx makes the first."
    )


def read(file: Path) -> tuple[ov.Model, Export]:
    """Return the network of an export, and what is noted of it.

    Raises
    ------
    ModelError
        It cannot be read.
    """
    graph, files = network.read_file(file, file), KINDS[file.suffix]
    if files == (ONNX,):
        return graph, Export(file, network.notes(graph), files)
    beside = file.with_name("metadata.yaml")
    try:
        notes = yaml.safe_load(beside.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ModelError(
            f"{beside} cannot be read; export the model anew, and keep the folder whole."
        ) from exc
    return graph, Export(file, notes if isinstance(notes, dict) else {}, files)


def wrong_notes(told: Noted) -> str:
    """Return what is wrong with what an export notes, and what to export instead; empty: nothing."""
    if not told.classes:
        return "does not name its classes: no export of Ultralytics, or its notes are gone; export it anew"
    if told.task not in TASKS:
        return f"is made for task={told.task}, which does not say where; train one with task=detect"
    return ""


def wrong_input(graph: ov.Model, told: Noted) -> str:
    """Return what is wrong with the pictures that a network takes; empty: nothing."""
    shapes = [end.partial_shape for end in graph.inputs]
    if len(shapes) != 1 or not ov.PartialShape([-1, -1, -1, -1]).compatible(shapes[0]):
        return f"takes {', '.join(map(str, shapes))} and no picture; export a detector"
    batch, channels, *_ = shapes[0]
    if not batch.compatible(ov.Dimension(1)):
        return f"looks at {batch} pictures at once; export it with batch=1"
    if channels not in (network.GREY, network.COLOURS) and channels.is_static:
        return f"takes pictures of {channels} channels, cameras give 3; train it on such, or on grey pictures"
    height, width = seen(graph, told)
    if not SMALLEST <= min(height, width) <= max(height, width) <= LARGEST:
        told_sides = f"{width} by {height} pixels"
        return f"looks through {told_sides}; export it with imgsz from {SMALLEST} to {LARGEST}"
    return ""


def seen(graph: ov.Model, told: Noted) -> tuple[int, int]:
    """Return height and width that a network looks through: of one for any size those noted, 0 of none."""
    _, _, *ends = graph.input(0).partial_shape
    noted_sides = told.sides or (0, 0)
    height, width = (
        end.get_length() if end.is_static else side for end, side in zip(ends, noted_sides, strict=True)
    )
    return height, width


def wrong_answer(graph: ov.Model, told: Noted) -> str:
    """Return what is wrong with what a settled network answers; empty: nothing."""
    classes = len(told.classes)
    shape = graph.output(0).partial_shape if graph.outputs else ov.PartialShape([])
    if shape.rank != ov.Dimension(3):
        return f"answers {shape}, which is no list of boxes; export a detector"
    head = head_of(graph, told)
    if not (expected := ov.PartialShape(head.shape(classes))).compatible(shape):
        return f"answers {shape}, a detector of {classes} classes {expected}; export it anew"
    try:
        answers.read(graph, head, classes)
    except ModelError:
        return "suppresses boxes in a way that is not known here; export it without nms=True"
    return ""


def head_of(graph: ov.Model, told: Noted) -> Head:
    """Return the head that an export notes; whether its answer has that shape is another question."""
    classes, shape = len(told.classes), graph.output(0).partial_shape
    if told.queries:
        scored = shape[2] == PLACE + classes and (shape[2] != ROW or answers.scores(graph))
        return Head(SCORED if scored else QUERIES)
    head = Head(
        FINDINGS if told.end_to_end else SUPPRESSED if told.suppresses else BOXES,
        turned=told.task == "obb",
    )
    if told.task not in READ_IN_PART:
        return head
    columns = shape[head.axis].get_max_length() - head.shape(classes)[head.axis]
    return replace(head, more=max(columns, 0))


def plain(stem: str) -> str:
    """Return a name for a model's folder, of a file's."""
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "model"


def facts(name: str, folder: Path, files: tuple[str, ...], graph: ov.Model, told: Noted) -> dict[str, Any]:
    """Return the card of an export whose files lie in a folder, of its settled network."""
    return {
        "name": name,
        "task": "detect",
        "classes": list(told.classes),
        "features": [item for item in told.classes if item in FEATURES],
        "iso6520": {},
        "input_size": Canvas(*seen(graph, told)).sides,
        "grey": graph.input(0).partial_shape[1] == network.GREY,
        "precision": network.precision_of(graph),
        "head": asdict(head_of(graph, told)),
        "licence": told.licence or "unknown",
        "files": {file: card.sha256(folder / file) for file in files},
        "adopted": {"by": told.by, "at": told.at},
        "unproven": list(UNPROVEN),
    }


def main() -> None:
    """Write the folder of one export's model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("export", type=Path, help="what was exported")
    parser.add_argument("into", type=Path, help="where the model's folder is written")
    parser.add_argument("--name", default="", help="of the model; left out: the file's")
    given = parser.parse_args()
    try:
        adopt(given.export, given.into, given.name)
    except ModelError as exc:
        parser.exit(1, f"{exc}\n")


if __name__ == "__main__":
    main()

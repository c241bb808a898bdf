"""What tests of inspection need: a tiny real model, in both its forms, and pictures whose verdict is known.

The model sees one full-size ``Weld`` always, and one ``Surface_pores`` whose score is the mean of the
red channel: so a picture's red level decides its verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from vision.heads import BOXES, FINDINGS, SCORED, YOLO, Head
from vision.records import Float32, Image
from vision.registry import FILES, Model, load

CLASSES = ("good", "Surface_pores", "Weld")
SIDE = 32
WELD_SCORE = 0.9
PORE_BOX = (16.0, 8.0, 8.0, 4.0)
"""Middle and size of the pore in the model's square."""


def picture(red: int, side: int = 64, seed: int = 1) -> Image:
    """Return noise whose red level is ``red`` everywhere: the model's score of a pore is red / 255."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    image[:, :, 2] = red
    return image


def write_model(folder: Path, name: str = "tiny", singular: bool = False) -> Model:
    """Write the tiny model with its card to ``folder / name`` and load it.

    A ``singular`` one takes no more than one picture at a time.
    """
    place = folder / name
    place.mkdir(parents=True)
    ov.save_model(_network(singular), place / "model.xml", compress_to_fp16=False)
    files = {file: hashlib.sha256((place / file).read_bytes()).hexdigest() for file in FILES}
    card = {
        "name": name,
        "classes": CLASSES,
        "input_size": SIDE,
        "iso6520": {"Surface_pores": "2017"},
        "files": files,
    }
    (place / "card.json").write_text(json.dumps(card))
    return load(place)


def _answers(head: Head = YOLO) -> tuple[Float32, Float32]:
    """Return what the model answers to a black picture, and what a red one adds, by the kind of its head."""
    things = ((PORE_BOX, 1, 0.0), ((SIDE / 2, SIDE / 2, SIDE, SIDE), 2, WELD_SCORE))
    fixed = np.array([[_row(head, *thing) for thing in things]], np.float32)
    moved = np.zeros_like(fixed)
    moved[0, 0, 4 + _of_each_class(head)] = 1.0
    return (fixed, moved) if head.axis != 1 else (fixed.transpose(0, 2, 1), moved.transpose(0, 2, 1))


def _row(head: Head, box: Sequence[float], label: int, score: float) -> list[float]:
    x, y, width, height = box
    place = list(box)
    if head.turned:
        place = [x, y, height, width]
    elif head.kind == FINDINGS:
        place = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    elif head.stretched:
        place = [number / SIDE for number in box]
    scores = [score if label == number else 0.0 for number in range(len(CLASSES))]
    said = scores if _of_each_class(head) else [score, label]
    return [*place, *said, *[0.5] * head.more, *[np.pi / 2] * head.turned]


def _of_each_class(head: Head) -> bool:
    return head.kind in (BOXES, SCORED)


def _network(singular: bool = False) -> ov.Model:
    fixed, moved = _answers()
    picture = ops.parameter((1, 3, SIDE, SIDE), np.float32)
    reds = ops.gather(picture, np.array([0]), np.int64(1))
    red = ops.squeeze(ops.reduce_mean(reds, np.array([2, 3]), keep_dims=True), np.array([1]))
    red = ops.reshape(red, np.array([1, 1, 1]), special_zero=False) if singular else red
    output = ops.add(ops.multiply(red, moved), fixed)
    return ov.Model([output], [picture], "tiny")


NOTES = {
    "names": str(dict(enumerate(CLASSES))),
    "imgsz": f"[{SIDE}, {SIDE}]",
    "task": "detect",
    "end2end": "False",
    "args": "{'batch': 1, 'nms': None, 'dynamic': False}",
    "version": "8.4.190",
    "date": "2026-05-11T08:00:00+00:00",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
}
"""What Ultralytics notes in an export to ONNX."""


def write_onnx(
    file: Path, shape: Sequence[int | str] = (1, 3, SIDE, SIDE), head: Head = YOLO, **changed: str | None
) -> Path:
    """Write the tiny model in ONNX, as Ultralytics would export it; it needs the package ``onnx``.

    Parameters
    ----------
    shape
        Of its input; a name is a side of any length.
    head
        How it answers, and notes that it does.
    changed
        Notes other than `NOTES`, None for those that are missing. With ``quantize`` it is in half precision,
        at both its ends too.
    """
    import onnx

    notes = {name: note for name, note in (NOTES | noted_as(head) | changed).items() if note is not None}
    model = _onnx_of(shape, head, np.float16 if "quantize" in changed else np.float32)
    onnx.helper.set_model_props(model, notes)
    onnx.save(model, file)
    return file


def noted_as(head: Head) -> dict[str, str]:
    """Return what Ultralytics notes of a head."""
    task = "obb" if head.turned else "segment" if head.more else "detect"
    kind = {"head": "RTDETRDecoder"} if head.stretched else {}
    return {"task": task, "end2end": str(head.kind == FINDINGS)} | kind


def _onnx_of(shape: Sequence[int | str], head: Head, kind: type[np.floating[Any]]) -> Any:
    from onnx import helper, numpy_helper

    fixed, moved = _answers(head)
    constants = {"fixed": fixed.astype(kind), "moved": moved.astype(kind), "red": np.array([0])}
    nodes = [
        helper.make_node("Gather", ["images", "red"], ["reds"], axis=1),
        helper.make_node("ReduceMean", ["reds"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "moved"], ["part"]),
        helper.make_node("Add", ["part", "fixed"], ["output0"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), of)]
        for name, of in (("images", shape), ("output0", fixed.shape))
    ]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", *ends, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

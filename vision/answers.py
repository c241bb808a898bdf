"""What a network answers, brought into one of the two ways that a station reads (`vision.heads`).

RT-DETR's shares of a picture become pixels. Boxes are taken before a suppression that was exported with
``nms=True``: it drops what it is not sure of before a recipe sees it. What masks and key points are made of
is left out, and a turned box becomes the upright one around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from vision import network
from vision.graphs import behind, nearest
from vision.heads import BOXES, END_TO_END, FINDINGS, PLACE, QUERIES, ROW, SUPPRESSED, YOLO, Head
from vision.records import Float32
from vision.registry import ModelError

LAST = np.iinfo(np.int64).max
TRIED = (20.0, 30.0, 28.0, 42.0)
"""The box by which a suppression is asked whether it is given corners, or a middle and a size."""
ANSWERED = (6.0, 9.0, 34.0, 51.0)
"""Its corners, if the four are a middle and a size."""


def read(graph: ov.Model, head: Head, classes: int) -> ov.Model:
    """Return a network that answers with boxes or findings.

    Raises
    ------
    ModelError
        A suppression in it is none that is known here.
    """
    if head in (YOLO, END_TO_END):
        return graph
    end = graph.output(0).get_node().input_value(0)
    if head.kind == SUPPRESSED:
        end = before_suppression(graph, head.unsuppressed, classes)
    _, _, *sides = graph.input(0).shape
    answer = plain(end, head.unsuppressed, classes, sides)
    return ov.Model([answer], graph.get_parameters())


def reader(head: Head, classes: int, shape: Sequence[int], sides: Sequence[int]) -> ov.Model:
    """Return a network of its own that makes boxes or findings of answers of a shape."""
    given = ops.parameter(shape, np.float32)
    return ov.Model([plain(given.output(0), head, classes, sides)], [given])


def plain(end: Any, head: Head, classes: int, sides: Sequence[int]) -> Any:
    """Return boxes or findings of what a network answers at an end, of pictures of a height and width."""
    if head.kind == BOXES:
        scores = part(end, 1, PLACE, PLACE + classes)
        return joined(1, upright(end, 1) if head.turned else part(end, 1, 0, PLACE), scores)
    if head.kind == FINDINGS:
        place = corners(upright(end, 2)) if head.turned else part(end, 2, 0, PLACE)
        return joined(2, place, part(end, 2, PLACE, ROW))
    height, width = sides
    place = ops.multiply(corners(part(end, 2, 0, PLACE)), np.array([width, height] * 2, np.float32))
    if head.kind == QUERIES:
        return joined(2, place, part(end, 2, PLACE, ROW))
    best = ops.topk(part(end, 2, PLACE, PLACE + classes), np.int64(1), 2, "max", "value")
    return joined(2, place, best.output(0), ops.convert(best.output(1), "f32"))


def upright(end: Any, axis: int) -> Any:
    """Return middle and size of the upright boxes around turned ones, whose angle is their last number."""
    width, height = part(end, axis, 2, 3), part(end, axis, 3, 4)
    angle = part(end, axis, -1)
    along, across = ops.absolute(ops.cos(angle)), ops.absolute(ops.sin(angle))
    wide = ops.add(ops.multiply(width, along), ops.multiply(height, across))
    high = ops.add(ops.multiply(width, across), ops.multiply(height, along))
    return joined(axis, part(end, axis, 0, 2), wide, high)


def corners(place: Any) -> Any:
    """Return the corners of boxes (1, n, 4) of which middle and size are given."""
    middle, half = part(place, 2, 0, 2), ops.multiply(part(place, 2, 2, 4), np.float32(0.5))
    return joined(2, ops.subtract(middle, half), ops.add(middle, half))


def scores(graph: ov.Model) -> bool:
    """Say whether rows of six numbers end in the scores of two classes, not in a score and a class."""
    noise = np.random.default_rng(1).random(tuple(graph.input(0).shape), np.float32)
    named = network.compiled(graph, threads=1)(noise)[0][0, :, ROW - 1]
    return bool((named != named.round()).any())


def part(end: Any, axis: int, start: int, stop: int = LAST) -> Any:
    """Return what lies from ``start`` to ``stop`` along an axis."""
    bounds = ([start], [stop], [1], [axis])
    return ops.slice(end, *(np.array(bound, np.int64) for bound in bounds))


def joined(axis: int, *ends: Any) -> Any:
    """Return what lies at several ends side by side along an axis."""
    return ops.concat(list(ends), axis)


def before_suppression(graph: ov.Model, head: Head, classes: int) -> Any:
    """Return the boxes of which a network suppresses some, as ``head`` answers with them.

    Whether it is given corners or a middle and a size is found by a try: both were exported.

    Raises
    ------
    ModelError
        It is none that is known here.
    """
    end, alone = suppressed(graph, head, classes), graph.clone()
    compiled = network.compiled(behind(alone, [suppressed(alone, head, classes)]), threads=1)
    given = np.zeros(tuple(end.get_shape()), np.float32)
    given[0, : PLACE + 1, 0] = *TRIED, 1
    answer = compiled([given, np.zeros(tuple(graph.input(0).shape), np.float32)])[0]
    kept = answer[0, :1, :PLACE].ravel()
    if alike(kept, TRIED if head.turned else ANSWERED):
        return end
    if head.turned or not alike(kept, TRIED):
        raise unknown()
    low, high = part(end, 1, 0, 2), part(end, 1, 2, 4)
    middle = ops.multiply(ops.add(low, high), np.float32(0.5))
    return joined(1, middle, ops.subtract(high, low), part(end, 1, PLACE))


def alike(kept: Float32, box: Sequence[float]) -> bool:
    """Say whether what a suppression kept is a box."""
    return len(kept) == len(box) and np.allclose(kept, box)


def suppressed(graph: ov.Model, head: Head, classes: int) -> Any:
    """Return the end of a network at which a head's boxes are, of which it suppresses some.

    Raises
    ------
    ModelError
        There are several or none.
    """
    shape = ov.PartialShape(head.shape(classes))
    found = [*nearest(graph.output(0), lambda met: met.is_static and shape.compatible(met))]
    if len(found) != 1:
        raise unknown()
    return found[0]


def unknown() -> ModelError:
    """Return why a suppression cannot be taken out of a network."""
    return ModelError(
        "The model suppresses boxes in a way that is not known here; export it without nms=True."
    )

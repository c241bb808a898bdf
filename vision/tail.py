"""What a YOLO head computes behind its last convolutions, taken out of its network and done where it counts.

The heads of YOLOv8 and YOLO11 end in six maps: for each of three strides the sides of a box in each cell, as
logits of sixteen distances, and the logits of the classes. An exported network makes boxes and scores of all
its thousands of cells. Cut before that, it answers with the maps, cell by cell as its convolutions leave them
in memory, and `decode` computes the few dozen cells in which there is something.

Neither names tell whether a network ends that way nor the operations that an exporter chose: the maps are
found by their shapes, and that what `decode` makes of them is what the network answers is tried with noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from kernels import boxes
from vision import network
from vision.graphs import behind, nearest
from vision.records import Float32

STRIDES = (8, 16, 32)
SIDES = boxes.SIDES * boxes.BINS
"""Channels of a map of sides."""
CHANNELS_LAST = np.array([0, 2, 3, 1])
SPREADS = (0.5, 4.0, 40.0)
"""Of the noise that a tail is tried with: undecided, as networks answer, and all but 0 or 1."""
PIXELS_APART, SCORES_APART = 0.005, 2e-6
"""How far a network's own boxes and scores may be from ours: the last digits of single precision."""
MARGIN = 1e-3
"""How far below a floor's logit a cell is still computed, so that rounding alone keeps none away."""


def cut(graph: ov.Model, classes: int) -> ov.Model | None:
    """Return a network for one picture without its tail; None where it ends in another way.

    It answers with the maps (1, h, w, channels): sides and then classes, each from the finest stride on.
    """
    try:
        if not (maps := find(graph, classes)) or not agrees(graph, classes):
            return None
    except RuntimeError:  # what OpenVINO raises over a tail that does not stand alone
        return None
    return ov.Model([ops.transpose(end, CHANNELS_LAST) for end in maps], graph.get_parameters(), "cut")


def find(graph: ov.Model, classes: int) -> list[Any]:
    """Return the six maps behind a network's answer, if they have the shapes of a head for classes; else [].

    Of 64 classes nobody can tell the maps from those of sides.
    """
    _, _, height, width = graph.input(0).shape
    shapes = [
        ov.PartialShape([1, channels, height // stride, width // stride])
        for channels in (SIDES, classes)
        for stride in STRIDES
    ]
    met = nearest(graph.output(0), shapes.__contains__)
    maps = sorted(met, key=lambda end: shapes.index(end.get_partial_shape()))
    if height % STRIDES[-1] or width % STRIDES[-1] or [end.get_partial_shape() for end in maps] != shapes:
        return []
    return maps if all(end.get_element_type() == ov.Type.f32 for end in maps) else []


def agrees(graph: ov.Model, classes: int) -> bool:
    """Say whether a network makes of its maps what `decode` makes of them, by a try with noise."""
    alone = graph.clone()
    maps = find(alone, classes)
    compiled, rng = network.compiled(behind(alone, maps), threads=1), np.random.default_rng(1)
    picture = rng.random(tuple(graph.input(0).shape), np.float32)
    for spread in SPREADS:
        noise = [rng.normal(0, spread, tuple(end.get_shape())).astype(np.float32) for end in maps]
        theirs = compiled([*noise, picture])[0][0]
        ours = decode([array[0].transpose(1, 2, 0).copy() for array in noise], 0.0)
        if theirs.shape != ours.shape or not _alike(theirs, ours):
            return False
    return True


def _alike(theirs: Float32, ours: Float32) -> bool:
    apart = np.abs(theirs - ours)
    return bool((apart[: boxes.SIDES] <= PIXELS_APART).all() and (apart[boxes.SIDES :] <= SCORES_APART).all())


def decode(maps: Sequence[Float32], floor: float) -> Float32:
    """Return the columns of a head (4 + classes, n) that may have a score above ``floor``, in their order.

    Parameters
    ----------
    maps
        What a cut network answers to one picture: three maps of sides (h, w, 64) and three of classes.
    floor
        A score. Up to 0 every column is returned.
    """
    sides, logits = maps[: len(STRIDES)], maps[len(STRIDES) :]
    cells = sum(array.shape[0] * array.shape[1] for array in sides)
    rows = np.empty((cells, boxes.SIDES + logits[0].shape[2]), np.float32)
    least, count = logit(floor) - MARGIN, 0
    for stride, distances, named in zip(STRIDES, sides, logits, strict=True):
        count = boxes.decode(distances, named, stride, least, rows, count)
    return np.ascontiguousarray(rows[:count].T)


def logit(score: float) -> float:
    """Return what the sigmoid makes a score of, of any score as it is in single precision."""
    single = float(np.float32(score))
    if not 0 < single < 1:
        return math.copysign(math.inf, single - 0.5)
    return math.log(single / (1 - single))

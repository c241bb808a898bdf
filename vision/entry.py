"""How a picture enters a network: pixel by pixel as it lies in memory, in bytes where that loses nothing.

Convolutions for this CPU read the channels of a pixel side by side; a network that is given planes, as it was
exported, first puts them so. The numbers that it computes with stay the same, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from vision.records import Float32

FULL = 255
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue in a grey level (ITU-R BT.601), as OpenCV mixes them for the trainer."""
CHANNELS_FIRST = np.array([0, 3, 1, 2])
CLEAR = 1e-3
"""Steps that a level must be away from the middle between two, so that no rounding before moves it."""


def in_colour(graph: ov.Model) -> ov.Model:
    """Return a network of grey pictures (1, 1, height, width) that takes colours (1, 3, height, width).

    It is shown whole levels, as the trainer's pictures have them; where the three are the same, that level.
    """
    planes = graph.input(0)
    ways = planes.get_target_inputs()
    picture = ops.parameter([1, len(WEIGHTS), *list(planes.shape)[2:]], np.float32)
    mixed = ops.reduce_sum(ops.multiply(picture, WEIGHTS[None, :, None, None]), np.array([1]), keep_dims=True)
    levels = ops.round(ops.multiply(mixed, np.float32(FULL)), "half_to_even")
    for way in ways:
        way.replace_source_output(ops.divide(levels, np.float32(FULL)).output(0))
    return ov.Model(graph.get_results(), [picture])


def grey(picture: Float32) -> Float32:
    """Return what a network of grey pictures is shown of colours (1, 3, height, width)."""
    plane = ops.parameter([1, 1, *picture.shape[2:]], np.float32)
    shown = in_colour(ov.Model([ops.convert(plane, "f32")], [plane]))
    return np.array(ov.Core().compile_model(shown, "CPU")(picture)[0])


def interleave(graph: ov.Model) -> ov.Model:
    """Return a network that takes a picture (1, side, side, 3) instead of planes (1, 3, side, side).

    It takes levels from 0 to 1, or bytes, if `steps` are the first that it makes of them.
    """
    planes = graph.input(0)
    count, channels, height, width = planes.shape
    ways = planes.get_target_inputs()
    in_bytes = all(way.get_index() == 0 and steps(way.get_node()) for way in ways)
    picture = ops.parameter([count, height, width, channels], np.uint8 if in_bytes else np.float32)
    taken = ops.transpose(ops.convert(picture, "f32") if in_bytes else picture, CHANNELS_FIRST)
    levels = ops.multiply(taken, np.float32(1 / FULL)) if in_bytes else taken
    for way in ways:
        way.replace_source_output(levels.output(0))
    return ov.Model(graph.get_results(), [picture])


def steps(node: Any) -> bool:
    """Say whether a node rounds levels to steps, and each of the 256 of a picture to one beyond doubt."""
    if node.get_type_name() != "FakeQuantize":
        return False
    bounds = [node.input_value(index).get_node() for index in (1, 2)]
    if any(bound.get_type_name() != "Constant" for bound in bounds):
        return False
    low, high = (bound.get_data().astype(float)[..., None] for bound in bounds)
    if not (low < high).all():
        return False
    place = (np.arange(FULL + 1) / FULL - low) / (high - low) * (node.get_attributes()["levels"] - 1)
    return bool((np.abs(place % 1 - 0.5) > CLEAR).all())

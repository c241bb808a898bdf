"""Networks as graphs: what lies behind which of their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops


def nearest(answer: Any, wanted: Callable[[ov.PartialShape], bool]) -> Iterator[Any]:
    """Yield what has a wanted shape and is met first on each way back from an answer."""
    met, waiting = set(), [answer]
    while waiting:
        end = waiting.pop()
        node = end.get_node()
        if (place := (node.get_name(), end.get_index())) in met:
            continue
        met.add(place)
        if wanted(end.get_partial_shape()):
            yield end
        elif node.get_type_name() != "ShapeOf":  # what is behind it is asked for its shape alone
            waiting += [way.get_source_output() for way in node.inputs()]


def behind(graph: ov.Model, ends: Sequence[Any]) -> ov.Model:
    """Cut a network at some ends, and return what it makes of what is given there and of a picture."""
    given = [ops.parameter(end.get_shape(), np.float32) for end in ends]
    for end, parameter in zip(ends, given, strict=True):
        for way in end.get_target_inputs():
            way.replace_source_output(parameter.output(0))
    return ov.Model(graph.get_results(), [*given, *graph.get_parameters()])

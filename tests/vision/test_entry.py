"""A picture enters a network pixel by pixel, in bytes if that loses nothing; the answer keeps its bits."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from vision import entry, letterbox, network, registry
from vision.detect import open_request, read_network
from vision.simulate import PartRenderer

SIDE = 32
LEVELS = np.random.default_rng(4).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)

LOWEST = np.reshape([0.0, 0.1, 0.15], (1, 3, 1, 1))


def taking(*first):
    """Return a network that looks at its picture in as many ways, convolving what each makes of it."""
    picture = ops.parameter((1, 3, SIDE, SIDE), np.float32)
    weights = np.random.default_rng(3).normal(0, 1, (8, 3, 3, 3)).astype(np.float32)
    looks = [make(picture) for make in first]
    maps = [ops.convolution(look, weights, [2, 2], [1, 1], [1, 1], [1, 1]) for look in looks]
    return ov.Model([ops.concat(maps, 1)], [picture], "taking")


def rounding(high, levels=256, low=0.0):
    bounds = [np.float32(bound) for bound in (low, high, low, high)]
    return lambda picture: ops.fake_quantize(picture, *bounds, levels)


def computed_bound(picture):
    high = ops.reduce_max(picture, np.array([0, 1, 2, 3]))
    return ops.fake_quantize(picture, *map(np.float32, (0, 1, 0)), high, 256)


def bound_by_the_picture(picture):
    middle = ops.constant(np.full((1, 3, SIDE, SIDE), 0.3, np.float32))
    return ops.fake_quantize(middle, *map(np.float32, (0, 1, 0)), picture, 256)


def answer(graph, picture):
    return network.compiled(graph, 1)([picture])[0].tobytes()


def of_levels(graph):
    return LEVELS if graph.input(0).get_element_type() == ov.Type.u8 else LEVELS / np.float32(255)


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        ((lambda picture: picture,), ov.Type.f32),
        ((rounding(0.9926143),), ov.Type.u8),
        ((rounding(1.0),), ov.Type.u8),
        ((rounding(0.75, 16, 0.1),), ov.Type.u8),
        ((rounding(1.0), rounding(0.9)), ov.Type.u8),
        ((rounding(1.0), lambda picture: picture), ov.Type.f32),
        ((rounding(2.0),), ov.Type.f32),  # every other level lies in the middle between two steps
        ((rounding(np.reshape([1.0, 0.9, 0.9926143], (1, 3, 1, 1))),), ov.Type.u8),
        ((rounding(np.resize([0.75, 0.9], (SIDE, 1)), 16, LOWEST),), ov.Type.u8),
        ((rounding(0.0),), ov.Type.f32),
        ((computed_bound,), ov.Type.f32),
        ((bound_by_the_picture,), ov.Type.f32),
    ],
)
def test_a_network_answers_the_same_bits_to_pixels_as_to_planes(first, kind):
    planes = (LEVELS / np.float32(255)).transpose(0, 3, 1, 2).copy()
    expected = answer(taking(*first), planes)
    graph = entry.interleave(taking(*first))
    assert graph.input(0).get_element_type() == kind
    assert tuple(graph.input(0).shape) == LEVELS.shape
    assert answer(graph, of_levels(graph)) == expected


@pytest.mark.parametrize(("name", "kind"), [("weld-sim", np.float32), ("weld-pipe-int8", np.uint8)])
def test_shipped_models_answer_the_same_bits_however_a_picture_enters(name, kind, monkeypatch):
    model = registry.find(name)
    monkeypatch.setattr("vision.tail.cut", lambda graph, classes: None)
    station, whole = (open_request(read_network(model, whole), 1) for whole in (False, True))
    assert station.blob.dtype == kind
    fitted = letterbox.fit(PartRenderer(seed=6).render(0).image[:200], model.input_size)
    letterbox.fill(fitted, whole.blob[0])
    whole.compiled.infer(share_outputs=True)
    assert station.infer([fitted])[0][0].tobytes() == whole.heads[0].tobytes()

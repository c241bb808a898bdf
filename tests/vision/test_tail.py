"""A head is computed here only where what comes of it is what the network answers."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from vision import letterbox, network, registry, tail
from vision.detect import Detector, choose, open_lane, open_request, read_network
from vision.registry import ModelError
from vision.simulate import PartRenderer

SIDE, CLASSES = 64, 3


def convolved(picture, channels, stride, seed):
    """Return a map that depends on the picture: cells of a stride, with weights and biases."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 4 / stride, (channels, 3, stride, stride)).astype(np.float32)
    bias = rng.normal(0, 1, (1, channels, 1, 1)).astype(np.float32)
    return ops.add(ops.convolution(picture, weights, [stride] * 2, [0, 0], [0, 0], [1, 1]), bias)


def flat(maps, channels):
    return ops.concat([ops.reshape(each, np.array([0, channels, -1]), True) for each in maps], 2)


def yolo(side=SIDE, strides=(8, 16, 32), joined=False, change=lambda at, node: node):
    """Return a network that ends as those of YOLOv8 and YOLO11 do; ``change`` may replace any of its parts.

    With ``joined`` sides and classes of a stride are one map first, as older exporters write it.
    """
    picture = ops.parameter((1, 3, side, side), np.float32)
    sides, logits = (
        [change(name, convolved(picture, channels, stride, stride)) for stride in strides]
        for name, channels in (("sides", 64), ("logits", CLASSES))
    )
    if joined:
        whole = flat([ops.concat(pair, 1) for pair in zip(sides, logits, strict=True)], 64 + CLASSES)
        split = ops.variadic_split(whole, np.int64(1), np.array([64, CLASSES]))
        raw, named = split.output(0), split.output(1)
    else:
        raw, named = flat(sides, 64), flat(logits, CLASSES)
    grids = [np.indices((side // stride,) * 2)[::-1].reshape(1, 2, -1) + 0.5 for stride in strides]
    wide = np.concatenate([np.full((1, 1, (side // stride) ** 2), stride) for stride in strides], 2)
    bins = ops.transpose(ops.reshape(raw, np.array([0, 4, 16, -1]), True), np.array([0, 2, 1, 3]))
    steps = change("steps", ops.constant(np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1)))
    mean = ops.convolution(ops.softmax(bins, 1), steps, [1, 1], [0, 0], [0, 0], [1, 1])
    away = ops.variadic_split(ops.reshape(mean, np.array([0, 4, -1]), True), np.int64(1), np.array([2, 2]))
    middle = change("middle", ops.constant(np.concatenate(grids, 2).astype(np.float32)))
    low, high = ops.subtract(middle, away.output(0)), ops.add(middle, away.output(1))
    corners = change("corners", ops.concat([low, high], 1))
    low, high = ops.split(corners, np.int64(1), 2).outputs()
    place = ops.concat([ops.divide(ops.add(low, high), np.float32(2)), ops.subtract(high, low)], 1)
    placed = ops.multiply(place, change("strides", ops.constant(wide.astype(np.float32))))
    return ov.Model([ops.concat([placed, change("scores", ops.sigmoid(named))], 1)], [picture], "headed")


def replacing(name, make):
    return lambda at, node: make(node) if at == name else node


def half(at, node):
    """Have scores made of logits in half precision."""
    return ops.convert(node, {"logits": "f16", "scores": "f32"}[at]) if at in ("logits", "scores") else node


def answers(graph, picture):
    return list(network.compiled(graph, 1)([picture]).values())


@pytest.mark.parametrize("joined", [False, True])
def test_what_is_decoded_of_the_maps_is_what_the_whole_network_answers(joined):
    picture = np.random.default_rng(2).random((1, 3, SIDE, SIDE), np.float32)
    cut = tail.cut(yolo(joined=joined), CLASSES)
    assert [tuple(end.shape) for end in cut.outputs] == [
        (1, cells, cells, channels) for channels in (64, CLASSES) for cells in (8, 4, 2)
    ]
    (theirs,) = answers(yolo(), picture)[0]
    maps = [array[0] for array in answers(cut, picture)]
    ours = tail.decode(maps, 0.0)
    assert ours[:4] == pytest.approx(theirs[:4], abs=1e-3)
    assert ours[4:] == pytest.approx(theirs[4:], abs=1e-6)
    for floor in (0.3, 0.9):
        found, expected = choose(tail.decode(maps, floor), floor), choose(theirs, floor)
        assert found[1].tolist() == expected[1].tolist() != []
        assert tail.decode(maps, floor).shape[1] < ours.shape[1]


@pytest.mark.parametrize(
    "change",
    [
        replacing("steps", lambda node: ops.multiply(node, np.float32(1.01))),
        replacing("middle", lambda node: ops.add(node, np.float32(0.01))),
        replacing("strides", lambda node: ops.add(node, np.float32(0.01))),
        replacing("scores", lambda node: ops.multiply(node, np.float32(0.9999))),
        replacing("scores", lambda node: node.input_value(0)),
        replacing("scores", lambda node: ops.softmax(node.input_value(0), 1)),
        replacing("scores", lambda node: ops.fake_quantize(node, *map(np.float32, (0, 1, 0, 1)), 256)),
        replacing("corners", lambda node: ops.clamp(node, 0.0, 99.0)),
    ],
)
def test_a_tail_that_computes_anything_else_stays_in_its_network(change):
    assert tail.find(yolo(change=change), CLASSES)
    assert tail.cut(yolo(change=change), CLASSES) is None


@pytest.mark.parametrize(
    ("graph", "classes"),
    [
        (yolo, CLASSES + 1),
        (lambda: yolo(strides=(8, 16)), CLASSES),
        (lambda: yolo(strides=(4, 8, 16)), CLASSES),
        (lambda: yolo(side=80, strides=(8, 16)), CLASSES),
        (lambda: yolo(change=half), CLASSES),
        (lambda: network.read(registry.find("imagenet-lite0")), CLASSES),
    ],
)
def test_a_network_without_the_six_maps_is_left_as_it_is(graph, classes):
    assert tail.find(graph(), classes) == []
    assert tail.cut(graph(), classes) is None


def test_a_tail_that_looks_at_the_picture_again_stays_in_its_network():
    graph = yolo()
    brightness = ops.reduce_mean(graph.input(0), np.array([1, 2, 3]))
    answer = ops.add(
        graph.output(0).get_node().input_value(0), ops.reshape(brightness, np.array([1, 1, 1]), False)
    )
    looking = ov.Model([answer], graph.get_parameters(), "looking")
    assert tail.find(looking, CLASSES)
    assert tail.cut(looking, CLASSES) is None


def test_a_head_of_a_fourth_stride_stays_in_its_network():
    assert tail.cut(yolo(strides=(8, 16, 32, 64)), CLASSES) is None


def test_a_tail_that_does_not_stand_alone_stays_in_its_network(monkeypatch):
    def refuse(graph, threads):
        raise RuntimeError("No layer of this kind")

    monkeypatch.setattr(network, "compiled", refuse)
    assert tail.cut(yolo(), CLASSES) is None


@pytest.mark.parametrize(
    ("score", "logit"),
    [(0.5, 0), (0.25, np.log(1 / 3)), (0, -np.inf), (-1, -np.inf), (1, np.inf), (2, np.inf)],
)
def test_a_logit_is_what_the_sigmoid_makes_a_score_of(score, logit):
    assert tail.logit(score) == pytest.approx(logit, abs=1e-7)


@pytest.mark.parametrize("floor", [0.1, 0.5, np.nextafter(np.float32(1), np.float32(0))])
def test_no_column_above_a_floor_is_left_out_by_a_digit(floor):
    logits = (
        np.float32(tail.logit(floor)) + np.arange(-5000, 5000, dtype=np.float32).reshape(100, 100, 1) * 1e-6
    )
    none = np.zeros((1, 1, 1), np.float32) - np.float32(99)
    sides = [np.zeros((*each.shape[:2], 64), np.float32) for each in (logits, none, none)]
    maps = [*sides, logits, none, none]
    everything = tail.decode(maps, 0.0)
    expected = everything[:, everything[4] > np.float32(floor)]
    columns = tail.decode(maps, float(floor))
    assert columns[:, columns[4] > np.float32(floor)].tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["weld-sim", "weld-pipe", "weld-pipe-int8"])
def test_a_shipped_detector_finds_what_its_whole_network_finds(name):
    model, renderer = registry.find(name), PartRenderer(seed=5)
    detector, whole = Detector(model, together=2), open_request(read_network(model, whole=True), 1)
    assert detector.decodes
    fitted = [detector.fit(renderer.render(index).image) for index in range(9)]
    count = 0
    for picture, found in zip(fitted, detector.detect_fitted(fitted, 0.1), strict=True):
        letterbox.fill(picture, whole.blob[0])
        whole.compiled.infer(share_outputs=True)
        boxes, labels, scores = choose(whole.heads[0], 0.1)
        assert found.labels.tolist() == labels.tolist()
        assert found.boxes == pytest.approx(picture.back(boxes), abs=0.02)
        assert found.scores == pytest.approx(scores, abs=1e-5)
        count += len(labels)
    assert count > len(fitted)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused_in_every_map(answering, value):
    place = []

    def spoil(answers, pictures):
        for index in place:
            answers[index][0, 3, 4, 1] = value

    answering(spoil)
    detector = Detector(registry.find("weld-sim"))
    image = PartRenderer(seed=5).render(0).image
    assert len(detector.detect(image)) > 0
    for index in range(6):
        place[:] = [index]
        with pytest.raises(ModelError, match="no number"):
            detector.detect(image)


@pytest.mark.parametrize("index", [0, 5])
def test_pictures_are_looked_at_alone_if_a_bit_of_any_map_differs_together(answering, index):
    def differ(answers, pictures):
        answers[index][-1, -1, -1, -1] += np.float32(pictures > 1)

    answering(differ)
    assert open_lane(read_network(registry.find("weld-sim")), 1, together=2).together is None

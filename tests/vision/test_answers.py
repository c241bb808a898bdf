"""Whatever head an export has, a station reads the same findings of it."""

import cv2
import numpy as np
import pytest

from vision import adopt, answers, letterbox, network, registry
from vision.detect import Detector
from vision.heads import END_TO_END, FINDINGS, QUERIES, SCORED, SUPPRESSED, YOLO, Head
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.registry import ModelError
from vision.testing import CLASSES, SIDE, picture, write_onnx

HEADS = [
    YOLO, END_TO_END, Head(QUERIES), Head(SCORED), Head(more=32), Head(FINDINGS, more=51),
    Head(turned=True), Head(FINDINGS, turned=True),
]  # fmt: skip
CORNERS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
"""Makes corners of middle and size."""
SURE = 0.25
"""Score from which on a suppression keeps a box, unless it is told another."""


def adopted(folder, head, **given):
    return adopt.adopt(write_onnx(folder / "weld.onnx", head=head, **given), folder)


def findings(model, red, floor=0.1):
    found = Detector(model).detect(picture(red), floor)
    rows = zip(found.boxes, found.labels, found.scores, strict=True)
    return [(CLASSES[label], score, box.round(3).tolist()) for box, label, score in rows]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_every_head_says_the_same(tmp_path, head):
    model = adopted(tmp_path, head)
    assert model.head == head
    assert findings(model, 102) == [
        ("Weld", pytest.approx(0.9), [0, 0, 64, 64]),
        ("Surface_pores", pytest.approx(0.4), [24, 12, 40, 20]),
    ]
    assert [label for label, *_ in findings(model, 255)] == ["Surface_pores", "Weld"]
    assert [label for label, *_ in findings(model, 10)] == ["Weld"]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_a_card_tells_the_head_and_a_verdict_tells_them_apart(tmp_path, head):
    model = adopted(tmp_path, head)
    assert registry.load(model.folder) == model
    told = Inspector("weld", Detector(model), Recipe("demo")).versions.preprocessing
    (tmp_path / "plain").mkdir()
    plain = Inspector("weld", Detector(adopted(tmp_path / "plain", YOLO)), Recipe("demo")).versions
    assert (told == plain.preprocessing) is (head == YOLO)


@pytest.mark.parametrize("kind", [QUERIES, SCORED])
def test_two_classes_have_as_many_numbers_as_a_finding(tmp_path, kind):
    """Then what the numbers are tells whether the last is a class."""
    import onnx

    file = write_onnx(tmp_path / "weld.onnx", head=Head(kind), names="{0: 'good', 1: 'pore'}")
    content = onnx.load(file)
    for held in content.graph.initializer[:2]:
        whole = onnx.numpy_helper.to_array(held)[..., :6]
        held.CopyFrom(onnx.numpy_helper.from_array(np.where(whole == 2, 1, whole), held.name))
    content.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 6
    onnx.save(content, file)
    model = adopt.adopt(file, tmp_path)
    assert (model.head, model.classes) == (Head(kind), ("good", "pore"))


def test_rt_detr_is_shown_pictures_as_it_was_taught_them(tmp_path):
    model = adopted(tmp_path, Head(QUERIES))
    fitted = letterbox.onto(picture(102)[:16], model.canvas)
    assert fitted.resized.shape == (SIDE, SIDE, 3)
    found = Detector(model).detect(picture(102)[:16])
    assert found.boxes.round(3).tolist() == [[0, 0, 64, 16], [24, 3, 40, 5]]
    assert model.canvas != adopt.adopt(write_onnx(tmp_path / "yolo.onnx"), tmp_path).canvas


@pytest.mark.parametrize("turn", [0.0, 0.3, -1.1, 2.0])
def test_a_turned_box_lies_in_the_upright_one_around_it(turn):
    turned = np.array([10, 20, 8, 4, 0.5, turn], np.float32)
    reader = network.compiled(answers.reader(Head(turned=True), 1, (1, 6, 1), (SIDE, SIDE)), threads=1)
    x, y, width, height, score = reader(turned[None, :, None])[0][0, :, 0]
    corners = np.array([complex(along, across) for along in (-4, 4) for across in (-2, 2)])
    around = corners * np.exp(1j * turn)
    assert (x, y, score) == (10, 20, 0.5)
    assert (width, height) == pytest.approx((np.ptp(around.real), np.ptp(around.imag)), abs=1e-4)


def suppressed(file, head=YOLO, middles=False):
    """Put behind boxes what drops those that are not sure, as an export with ``nms=True`` does.

    It is given corners, as Ultralytics does today, or ``middles`` and sizes, as it did before.
    """
    import onnx
    from onnx import helper, numpy_helper

    write_onnx(file, head=head, args="{'nms': True}")
    content = onnx.load(file)
    graph = content.graph
    for held in graph.initializer[: 0 if middles else 2]:
        whole = numpy_helper.to_array(held).copy()
        whole[:, :4] = np.einsum("bin,ij->bjn", whole[:, :4], CORNERS)
        held.CopyFrom(numpy_helper.from_array(whole, held.name))
    graph.node[-1].output[0] = "raw"
    behind = len(CLASSES) + 4
    numbers = {str(number): np.array([number]) for number in (0, 2, 4, behind, 99)}
    made = CORNERS if middles and not head.turned else np.eye(4, dtype=np.float32)
    constants = {"corners": made, "sure": np.array(SURE, np.float32)} | numbers
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend([
        helper.make_node("Transpose", ["raw"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("Slice", ["rows", "0", "4", "2"], ["given"]),
        helper.make_node("Slice", ["rows", "4", str(behind), "2"], ["scores"]),
        helper.make_node("Slice", ["rows", str(behind), "99", "2"], ["more"]),
        helper.make_node("MatMul", ["given", "corners"], ["place"]),
        helper.make_node("ReduceMax", ["scores"], ["best"], axes=[2]),
        helper.make_node("ArgMax", ["scores"], ["number"], axis=2),
        helper.make_node("Cast", ["number"], ["label"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Greater", ["best", "sure"], ["kept"]),
        helper.make_node("Cast", ["kept"], ["whether"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Concat", ["place", "best", "label", "more"], ["all"], axis=2),
        helper.make_node("Mul", ["all", "whether"], ["output0"]),
    ])  # fmt: skip
    dims = graph.output[0].type.tensor_type.shape.dim
    dims[1].dim_value, dims[2].dim_value = 2, 6 + head.more + head.turned
    onnx.save(content, file)
    return file


@pytest.mark.parametrize(
    ("head", "middles"),
    [(YOLO, False), (YOLO, True), (Head(more=32), False), (Head(more=32), True), (Head(turned=True), True)],
)
def test_what_a_suppression_would_drop_a_recipe_still_sees(tmp_path, head, middles):
    model = adopt.adopt(suppressed(tmp_path / "weld.onnx", head, middles), tmp_path)
    assert model.head == Head(SUPPRESSED, head.more, head.turned)
    assert findings(model, 51) == [
        ("Weld", pytest.approx(0.9), [0, 0, 64, 64]),
        ("Surface_pores", pytest.approx(0.2), [24, 12, 40, 20]),
    ]


def test_a_suppression_that_is_not_known_is_refused(tmp_path):
    import onnx

    file = suppressed(tmp_path / "weld.onnx")
    content = onnx.load(file)
    for held in content.graph.initializer:
        if held.name == "corners":
            held.CopyFrom(onnx.numpy_helper.from_array(2 * np.eye(4, dtype=np.float32), "corners"))
    onnx.save(content, file)
    says = r"suppresses boxes in a way that is not known here; export it without nms=True\.$"
    with pytest.raises(ModelError, match=says):
        adopt.adopt(file, tmp_path)


def test_a_card_of_a_head_that_there_is_not_is_refused(tmp_path):
    model = adopted(tmp_path, YOLO)
    file = model.folder / "card.json"
    file.write_text(file.read_text().replace('"boxes"', '"dots"'))
    with pytest.raises(ModelError, match="cannot be read: ValueError"):
        registry.load(model.folder)


def test_a_card_of_another_head_than_the_network_s_is_refused(tmp_path):
    model = adopted(tmp_path, YOLO)
    file = model.folder / "card.json"
    file.write_text(file.read_text().replace('"boxes"', '"queries"'))
    with pytest.raises(ModelError, match="its card says otherwise"):
        Detector(registry.load(model.folder))


def test_a_network_that_looks_through_a_rectangle_is_shown_one(tmp_path):
    """The tiny model's boxes lie where they lie in a square: here in the left half of 64 by 32 pixels."""
    file = write_onnx(tmp_path / "weld.onnx", (1, 3, SIDE, 2 * SIDE), imgsz=f"[{SIDE}, {2 * SIDE}]")
    model = adopt.adopt(file, tmp_path)
    assert registry.read_card(model.folder)["input_size"] == [SIDE, 2 * SIDE]
    assert (model.canvas.height, model.canvas.width, model.input_size) == (SIDE, 2 * SIDE, 2 * SIDE)
    flat, upright = picture(102)[:32], np.ascontiguousarray(picture(102)[:, :32])
    for shown, boxes in (
        (flat, [[0, 0, 32, 32], [12, 6, 20, 10]]),
        (upright, [[0, 0, 16, 64], [0, 12, 0, 20]]),
    ):
        assert Detector(model).detect(shown, 0.1).boxes.round(3).tolist() == boxes


def test_rt_detr_looks_through_a_rectangle_too(tmp_path):
    file = write_onnx(tmp_path / "weld.onnx", (1, 3, SIDE, 2 * SIDE), Head(QUERIES))
    found = Detector(adopt.adopt(file, tmp_path)).detect(picture(102), 0.1)
    assert found.boxes.round(3).tolist() == [[0, 0, 64, 64], [24, 12, 40, 20]]


@pytest.mark.parametrize("level", [1, 51, 102, 200, 255])
def test_a_network_of_grey_pictures_is_shown_grey_ones(tmp_path, level):
    model = adopted(tmp_path, YOLO, shape=(1, 1, SIDE, SIDE))
    plain = np.full((SIDE, SIDE, 3), level, np.uint8)
    found = Detector(model).detect(plain, -1.0)
    assert found.scores[found.labels == 1] == pytest.approx([level / 255], abs=1e-6)
    bluish = plain.copy()
    bluish[..., 0] = 255 - level
    mixed = Detector(model).detect(bluish, -1.0)
    expected = cv2.cvtColor(bluish, cv2.COLOR_BGR2GRAY)[0, 0] / 255
    assert mixed.scores[mixed.labels == 1] == pytest.approx([expected], abs=1e-6)
    told = Inspector("weld", Detector(model), Recipe("demo")).versions.preprocessing
    in_colour = adopt.adopt(write_onnx(tmp_path / "colour.onnx"), tmp_path)
    assert told != Inspector("weld", Detector(in_colour), Recipe("demo")).versions.preprocessing

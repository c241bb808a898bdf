"""Exports as Ultralytics leaves them become models, or are refused in one sentence that says what to do."""

import json
import os
import shutil

import numpy as np
import openvino as ov
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vision import adopt, noted, registry
from vision.detect import Detector
from vision.heads import END_TO_END
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.pictures import encode_whole
from vision.records import Frame
from vision.registry import ModelError
from vision.testing import CLASSES, NOTES, SIDE, picture, write_model, write_onnx


@pytest.fixture
def weld(tmp_path):
    return write_onnx(tmp_path / "weld.onnx")


@pytest.fixture
def shop(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    return place


def found(model, red=102):
    findings = Detector(model).detect(picture(red))
    return [(findings.classes[label], round(float(score), 3)) for label, score in zip(
        findings.labels, findings.scores, strict=True)]  # fmt: skip


def test_a_file_in_onnx_becomes_a_model_by_what_it_notes_of_itself(weld, shop):
    model = adopt.adopt(weld, shop)
    assert (model.name, model.classes, model.input_size) == ("weld", CLASSES, SIDE)
    assert (model.network, model.precision, model.head.end_to_end) == ("model.onnx", "f32", False)
    assert {file.name for file in model.folder.iterdir()} == {"model.onnx", "card.json", "README.md"}
    card = registry.read_card(model.folder)
    assert card["adopted"] == {"by": "Ultralytics 8.4.190", "at": NOTES["date"]}
    assert card["features"] == ["good", "Weld"]
    assert "nobody has compared it" in (model.folder / "README.md").read_text()


def test_it_finds_what_the_same_model_finds_in_openvino_s_form(weld, shop, tmp_path):
    ours, theirs = write_model(tmp_path / "ours"), adopt.adopt(weld, shop)
    for red in (0, 102, 255):
        one, two = (Detector(model).detect(picture(red), 0.0) for model in (ours, theirs))
        assert one.scores.tobytes() == two.scores.tobytes()
        assert one.boxes.tobytes() == two.boxes.tobytes()
    assert ours.hash != theirs.hash


def test_the_hash_is_that_of_the_file(weld, shop, tmp_path):
    model = adopt.adopt(weld, shop)
    again = adopt.adopt(shutil.copy(weld, tmp_path / "another.onnx"), shop)
    assert again.hash == model.hash
    file = model.folder / "model.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match="is not the file that its card vouches for"):
        registry.load(model.folder)


def export_to_openvino(folder, **changed):
    """Write what an export to OpenVINO leaves: metadata.yaml tells what the ONNX file notes."""
    place = folder / "weld_openvino_model"
    model = write_model(folder / "made")
    place.mkdir()
    for kind in ("xml", "bin"):
        shutil.copy(model.folder / f"model.{kind}", place / f"weld.{kind}")
    notes = {name: noted.value(note) for name, note in (NOTES | changed).items()}
    (place / "metadata.yaml").write_text(yaml.safe_dump(notes))
    return place


def test_the_folder_of_an_export_to_openvino_becomes_a_model(tmp_path, shop):
    model = adopt.adopt(export_to_openvino(tmp_path), shop, "mine")
    assert (model.name, model.classes, model.network) == ("mine", CLASSES, "model.xml")
    assert found(model) == [("Weld", 0.9), ("Surface_pores", 0.4)]


def test_without_its_metadata_an_export_to_openvino_is_refused(tmp_path, shop):
    place = export_to_openvino(tmp_path)
    (place / "metadata.yaml").write_text("names: [")
    with pytest.raises(ModelError, match=r"metadata\.yaml cannot be read; export the model anew"):
        adopt.adopt(place, shop)
    (place / "metadata.yaml").unlink()
    with pytest.raises(ModelError, match=r"metadata\.yaml cannot be read; export the model anew"):
        adopt.adopt(place, shop)


@pytest.mark.parametrize("shape", [("batch", 3, "height", "width"), ("batch", 3, SIDE, SIDE)])
def test_sides_of_any_length_are_set_to_those_that_are_noted(tmp_path, shop, shape):
    model = adopt.adopt(write_onnx(tmp_path / "any.onnx", shape), shop)
    assert model.input_size == SIDE
    assert found(model) == [("Weld", 0.9), ("Surface_pores", 0.4)]


def test_half_precision_is_computed_as_any_other(tmp_path, shop):
    model = adopt.adopt(write_onnx(tmp_path / "half.onnx", quantize="16"), shop)
    assert found(model) == [("Weld", 0.9), ("Surface_pores", 0.4)]


def test_an_end_to_end_head_answers_with_findings(tmp_path, shop):
    model = adopt.adopt(write_onnx(tmp_path / "weld.onnx", head=END_TO_END), shop)
    assert model.head.end_to_end
    assert found(model, 102) == [("Weld", 0.9), ("Surface_pores", 0.4)]
    assert found(model, 255) == [("Surface_pores", 1.0), ("Weld", 0.9)]
    assert Detector(model).detect(picture(102)).boxes.tolist() == [[0, 0, 64, 64], [24, 12, 40, 20]]


def test_a_verdict_tells_that_nothing_was_suppressed(weld, tmp_path, shop):
    boxes = adopt.adopt(weld, shop, "boxes")
    findings = adopt.adopt(write_onnx(tmp_path / "rows.onnx", head=END_TO_END), shop)
    frame = Frame("cam", "front", "1", 1, 1, encode_whole(picture(255)), None, "A-1")
    one, two = (
        Inspector("weld", Detector(model), Recipe("demo")).inspect((frame,)) for model in (boxes, findings)
    )
    assert one.outcome == two.outcome == "NG"
    assert one.versions.preprocessing != two.versions.preprocessing


def test_a_model_of_one_class_is_a_model(tmp_path, shop):
    import onnx

    file = write_onnx(tmp_path / "气孔.onnx", names="{0: '气孔'}")
    content = onnx.load(file)
    for held in content.graph.initializer[:2]:
        whole = onnx.numpy_helper.to_array(held)
        held.CopyFrom(onnx.numpy_helper.from_array(whole[:, [0, 1, 2, 3, 5]], held.name))
    del content.graph.output[0].type.tensor_type.shape.dim[:]
    onnx.save(content, file)
    model = adopt.adopt(file, shop)
    assert (model.name, found(model)) == ("气孔", [("气孔", 0.4)])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"names": None}, "does not name its classes"),
        ({"names": "{0: 'a', 2: 'b'}"}, "does not name its classes"),
        ({"names": "{0: 'a', 1: 'a', 2: 'b'}"}, "does not name its classes"),
        ({"names": "print(1)"}, "does not name its classes"),
        ({"names": "{0: 'pore'}"}, r"answers \[1,7,2\], a detector of 1 classes \[1,5,\?\]"),
        (
            {"task": "classify"},
            "is made for task=classify, which does not say where; train one with task=detect",
        ),
        ({"task": "obb"}, r"answers \[1,7,2\], a detector of 3 classes \[1,8,\?\]"),
        ({"args": "{'nms': True}"}, r"answers \[1,7,2\], a detector of 3 classes \[1,\?,6\]; export it anew"),
        ({"shape": (2, 3, SIDE, SIDE)}, "looks at 2 pictures at once; export it with batch=1"),
        ({"shape": (1, 4, SIDE, SIDE)}, "takes pictures of 4 channels, cameras give 3"),
        ({"shape": (1, 3, SIDE, 10**9)}, "looks through 1000000000 by 32 pixels; .* imgsz from 32 to 2048"),
        ({"shape": (1, 3, 16, SIDE)}, "looks through 32 by 16 pixels; export it with imgsz from 32 to 2048"),
        ({"shape": ("b", 3, "h", "w"), "imgsz": None}, "looks through 0 by 0 pixels"),
        ({"shape": ("b", 3, "h", "w"), "imgsz": "[99999, 99999]"}, "looks through 99999 by 99999 pixels"),
        ({"shape": (1, 3, SIDE, SIDE, 1)}, r"takes \[1,3,32,32,1\] and no picture; export a detector"),
    ],
)
def test_what_a_station_has_no_use_for_is_refused_with_what_to_do(tmp_path, shop, changed, says):
    file = write_onnx(tmp_path / "weld.onnx", **changed)
    with pytest.raises(ModelError, match=rf"^{file} .*{says}.*\.$"):
        adopt.adopt(file, shop)
    assert not list(shop.iterdir())


def test_findings_that_nobody_noted_as_such_are_no_head(tmp_path, shop):
    """What is suppressed already, and RT-DETR, answer rows too, and mean other things by them."""
    file = write_onnx(tmp_path / "weld.onnx", head=END_TO_END, end2end=None)
    with pytest.raises(ModelError, match=r"answers \[1,2,6\], a detector of 3 classes \[1,7,\?\]"):
        adopt.adopt(file, shop)


def cut(content):
    return content[: len(content) // 2]


def lie(content):
    """Return a model whose weights say to be a million times as many as they are."""
    import onnx

    model = onnx.load_from_string(content)
    model.graph.initializer[0].dims[:] = [1, 7, 2**40]
    return model.SerializeToString()


BAD = {
    "cut": cut,
    "empty": lambda content: b"",
    "photograph": lambda content: encode_whole(picture(9)),
    "text": lambda content: b"<html>no model</html>",
    "dimensions": lie,
    "random": lambda content: os.urandom(4096),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_model_is_refused_in_one_sentence(weld, shop, kind):
    weld.write_bytes(BAD[kind](weld.read_bytes()))
    with pytest.raises(ModelError, match=rf"^OpenVINO cannot read the model in {weld}; export it anew\.$"):
        adopt.adopt(weld, shop)
    assert not list(shop.iterdir())


def test_a_file_that_nobody_can_have_is_refused_unread(weld, shop):
    with weld.open("r+b") as file:
        file.truncate(2**31)
    with pytest.raises(ModelError, match="OpenVINO cannot read the model"):
        adopt.adopt(weld, shop)


def test_a_file_that_cannot_be_opened_says_why(tmp_path):
    (tmp_path / "weld.onnx").mkdir()
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        adopt.adopt(tmp_path, tmp_path)


def test_a_network_that_no_memory_holds_is_refused(weld, shop):
    import onnx

    content = onnx.load(weld)
    content.graph.initializer.append(onnx.numpy_helper.from_array(np.array([10**11, 10**11]), "size"))
    content.graph.node.insert(2, onnx.helper.make_node("Expand", ["mean", "size"], ["all"]))
    content.graph.node.insert(
        3, onnx.helper.make_node("ReduceMean", ["all"], ["one"], axes=[0, 1], keepdims=0)
    )
    content.graph.node[4].input[0] = "one"
    onnx.save(content, weld)
    with pytest.raises(
        ModelError, match=rf"^OpenVINO cannot run the model in {weld}; export it with format=openvino\.$"
    ):
        adopt.adopt(weld, shop)


def test_weights_in_another_file_are_refused(weld, shop):
    import onnx

    onnx.save(onnx.load(weld), weld, save_as_external_data=True, location="w.data", size_threshold=0)
    with pytest.raises(ModelError, match="lie in another file, which no hash covers; export it as one file"):
        adopt.adopt(weld, shop)


def test_a_place_without_one_export_is_refused(weld, shop, tmp_path):
    (tmp_path / "best.pt").write_bytes(b"PK")
    (tmp_path / "weld.ONNX").write_bytes(weld.read_bytes())
    for place in (tmp_path / "best.pt", tmp_path / "weld.ONNX", tmp_path / "nowhere", shop):
        with pytest.raises(ModelError, match=rf"^{place} is no export: name .* format=onnx"):
            adopt.adopt(place, shop)
    write_onnx(tmp_path / "second.onnx")
    with pytest.raises(ModelError, match="holds 2 exports"):
        adopt.adopt(tmp_path, shop)


@pytest.mark.parametrize("name", ["../mine", "a/b", ".mine"])
def test_a_name_that_is_none_for_a_folder_is_refused(weld, shop, name):
    with pytest.raises(ModelError, match="use letters, digits, dots, dashes"):
        adopt.adopt(weld, shop, name)


def test_a_file_s_name_becomes_one_for_a_folder(tmp_path, shop):
    assert adopt.adopt(write_onnx(tmp_path / "best (2).onnx"), shop).name == "best-2"


def test_a_card_that_names_other_classes_than_the_export_is_refused(weld, shop):
    model = adopt.adopt(weld, shop)
    card = registry.read_card(model.folder)
    changed = json.dumps(card | {"classes": ["good", "dent", "Weld"]})
    (model.folder / "card.json").write_text(changed)
    with pytest.raises(ModelError, match="names the classes good, Surface_pores, Weld, its card good, dent"):
        Detector(registry.load(model.folder))


def test_a_class_that_there_is_not_is_no_finding(tmp_path, shop):
    model = adopt.adopt(write_onnx(tmp_path / "weld.onnx", head=END_TO_END, names="{0: 'good'}"), shop)
    with pytest.raises(ModelError, match="answers with a class that it does not name"):
        Detector(model).detect(picture(0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_spoilt_bytes_make_a_model_or_one_sentence(weld, tmp_path_factory, data):
    content = bytearray(weld.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    place = tmp_path_factory.mktemp("spoilt")
    (place / "weld.onnx").write_bytes(content)
    try:
        model = adopt.adopt(place / "weld.onnx", place)
        Detector(model).detect(picture(102))
    except ModelError as exc:
        assert str(exc).endswith(".")


def test_openvino_keeps_the_notes_of_an_onnx_file(weld):
    held = ov.Core().read_model(weld).get_rt_info(["framework"]).value
    assert {*NOTES} <= {*held}


def test_a_quantised_export_declares_it(tmp_path, shop):
    import onnx

    file = write_onnx(tmp_path / "weld.onnx")
    content = onnx.load(file)
    steps = [onnx.numpy_helper.from_array(np.float32(1 / 255), "step"), np.uint8(0)]
    content.graph.initializer.extend([steps[0], onnx.numpy_helper.from_array(steps[1], "zero")])
    rounding = [("QuantizeLinear", "images", "coarse"), ("DequantizeLinear", "coarse", "fine")]
    for place, (kind, before, after) in enumerate(rounding):
        content.graph.node.insert(place, onnx.helper.make_node(kind, [before, "step", "zero"], [after]))
    content.graph.node[2].input[0] = "fine"
    onnx.save(content, file)
    model = adopt.adopt(file, shop)
    assert model.precision == "INT8"
    assert found(model) == [("Weld", 0.9), ("Surface_pores", 0.4)]

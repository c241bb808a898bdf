"""INT8 is declared, told apart from f32, and written only if it stays as good as it declares."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from vision import adopt, learned, quantise, registry
from vision.accuracy import measure, summarise
from vision.dataset import Truth
from vision.detect import Detector
from vision.export import ExportError
from vision.inspector import Inspector, digest, preprocessing
from vision.judge import Recipe
from vision.records import Findings
from vision.registry import ModelError
from vision.simulate import PartRenderer
from vision.testing import CLASSES, picture, write_model, write_onnx

DATA = os.environ.get("SEAMLINE_DATA", "")
NAME, SIDE = "weld-pipe-int8", 416
BOX = np.array([(8, 8, 24, 24)], np.float32)


@pytest.fixture
def declared(tmp_path):
    """Return a copy of the shipped INT8 model whose card can be changed."""

    def change(**facts):
        folder = tmp_path / "changed"
        shutil.copytree(registry.find(NAME).folder, folder)
        card = json.loads((folder / "card.json").read_text()) | facts
        (folder / "card.json").write_text(json.dumps(card))
        return registry.load(folder)

    return change


def test_the_shipped_int8_model_declares_itself_and_its_gate():
    model = registry.find(NAME)
    card = json.loads((model.folder / "card.json").read_text())
    assert (model.precision, card["weights"]) == ("INT8", "INT8")
    assert card["quantised"]["of_hash"] == registry.find("weld-pipe").hash
    assert card["quantised"]["map50_loss_allowed"] == quantise.MAP50_LOSS
    assert card["metrics"]["map50_before"] - card["metrics"]["map50"] <= quantise.MAP50_LOSS
    assert registry.find("weld-pipe").precision == "f32"


def test_an_int8_model_that_its_card_calls_f32_is_refused(declared):
    with pytest.raises(ModelError, match="computes in INT8, its card declares f32"):
        Detector(declared(precision="f32"))


def test_an_f32_model_that_its_card_calls_int8_is_refused(tmp_path):
    folder = write_model(tmp_path).folder
    card = json.loads((folder / "card.json").read_text()) | {"precision": "INT8"}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="computes in f32, its card declares INT8"):
        Detector(registry.load(folder))


def test_a_verdict_tells_int8_from_f32():
    versions = {
        name: Inspector("weld-1", Detector(registry.find(name)), Recipe("demo")).versions
        for name in ("weld-pipe", NAME)
    }
    assert versions[NAME].preprocessing == digest(preprocessing(SIDE, precision="INT8"))
    assert versions["weld-pipe"].preprocessing == digest(preprocessing(SIDE))
    assert versions[NAME] != versions["weld-pipe"]


def test_int8_gives_the_same_findings_each_time_and_in_each_lane():
    image = PartRenderer(31, size=320).render(1).image
    model = registry.find(NAME)
    found = [
        detector.detect(image, 0.01)
        for detector in (Detector(model), Detector(model, lanes=2))
        for _ in range(3)
    ]
    assert len(found[0])
    assert all(np.array_equal(item.boxes, found[0].boxes) for item in found)
    assert all(np.array_equal(item.scores, found[0].scores) for item in found)


def accuracy(*scores):
    """Return the accuracy of a detector that finds a pore with these scores, above 0.5 where it is."""
    pairs = [
        (
            Findings(
                CLASSES, BOX + 100 * (score < 0.5), np.array([1], np.int32), np.array([score], np.float32)
            ),
            Truth(BOX, np.array([1], np.int32)),
        )
        for score in scores
    ]
    return summarise(pairs, CLASSES)


def test_the_gate_lets_pass_what_is_as_good_and_nothing_worse():
    quantise.check(accuracy(0.9, 0.8), accuracy(0.7, 0.6))
    quantise.check(accuracy(0.9, 0.4), accuracy(0.7, 0.6))
    with pytest.raises(
        ExportError, match=r"INT8 loses 0\.5000 of mAP50; 0\.02 is allowed, so it is not written"
    ):
        quantise.check(accuracy(0.9, 0.8), accuracy(0.9, 0.4))


@pytest.fixture
def shipping(tmp_path):
    """Return a data set of four pictures whose training side is black, and a model with its card."""
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    rows = ["image,weld_group,split"]
    for index in range(4):
        side = "train" if index < 2 else "test"
        cv2.imwrite(
            str(tmp_path / "data" / "images" / f"{index}.png"), picture(0 if index < 2 else 255, seed=index)
        )
        (tmp_path / "data" / "labels" / f"{index}.txt").write_text("2 0.5 0.5 1 1\n")
        rows.append(f"{index}.png,{side},{side}")
    (tmp_path / "data" / "splits.csv").write_text("\n".join(rows))
    (tmp_path / "data" / "classes.txt").write_text("\n".join(CLASSES))
    model = write_model(tmp_path, "tiny")
    shipped = json.loads((registry.find("weld-pipe").folder / "card.json").read_text())
    card = shipped | json.loads((model.folder / "card.json").read_text())
    card["training"]["split"] = "split"
    (model.folder / "card.json").write_text(json.dumps(card))
    (model.folder / "LICENSE").write_text("AGPL-3.0")
    return tmp_path


def test_the_steps_follow_from_the_training_side_alone(shipping):
    blobs = quantise.calibration(registry.load(shipping / "tiny"), shipping / "data", "split")
    assert [blob.shape for blob in blobs] == [(1, 3, 32, 32)] * 2
    assert max(float(blob[0, 0].max()) for blob in blobs) < 0.1  # the red of the held-out side is 1
    assert len(quantise.calibration(registry.load(shipping / "tiny"), shipping / "data", "split", 1)) == 1


def test_a_model_in_onnx_is_not_quantised(tmp_path):
    model = adopt.adopt(write_onnx(tmp_path / "weld.onnx"), tmp_path)
    with pytest.raises(ExportError, match="is in ONNX; quantise its export to OpenVINO"):
        quantise.ship(model, tmp_path, tmp_path / "int8", "int8")


def rounded(red_steps):
    """Return what stands for the quantiser: it rounds the tiny model's picture to steps."""

    def quantise_to_steps(model, blobs, into):
        network = ov.Core().read_model(model.folder / "model.xml")
        (taken,) = network.input(0).get_target_inputs()
        low, high = np.float32(0), np.float32(1)
        steps = ov.opset13.fake_quantize(network.input(0), low, high, low, high, levels=red_steps)
        taken.replace_source_output(steps.output(0))
        ov.save_model(network, into / "model.xml", compress_to_fp16=False)

    return quantise_to_steps


def test_what_passes_the_gate_is_written_with_its_card(shipping, monkeypatch):
    monkeypatch.setattr(quantise, "quantise", rounded(256))
    monkeypatch.setattr(quantise, "version", lambda _: "3")
    source = registry.read_card(shipping / "tiny") | {learned.KEY: learned.pack([learned.digest(b"a part")])}
    (shipping / "tiny" / "card.json").write_text(json.dumps(source))
    facts = quantise.ship(registry.load(shipping / "tiny"), shipping / "data", shipping / "out", "tiny-int8")
    model = registry.load(shipping / "out")
    assert (model.name, model.precision) == ("tiny-int8", "INT8")
    assert facts["quantised"]["calibrated_on"] == 2
    assert facts[learned.KEY] == source[learned.KEY]
    assert facts["metrics"]["export"]["pictures"] == 2
    assert facts["metrics"]["export"]["disagreeing"] <= facts["metrics"]["export"]["detections"]
    assert "tiny in INT8" in (shipping / "out" / "README.md").read_text()
    assert measure(model, shipping / "data", "split").report.pictures == 2


def test_what_does_not_pass_is_not_written(shipping, monkeypatch):
    monkeypatch.setattr(quantise, "quantise", rounded(256))
    monkeypatch.setattr(quantise, "version", lambda _: "3")
    monkeypatch.setattr(quantise, "MAP50_LOSS", -1.0)
    with pytest.raises(ExportError, match="so it is not written"):
        quantise.ship(registry.load(shipping / "tiny"), shipping / "data", shipping / "out", "tiny-int8")
    assert not (shipping / "out").exists()


def test_the_head_keeps_its_precision():
    network = ov.Core().read_model(registry.find("weld-pipe").folder / "model.xml")
    assert quantise.head_of(network) == [r"__module\.model\.23/.*", r"__module\.model\.23\.dfl.*"]


def test_the_quantisers_notes_are_left_out():
    kept = '<layer><rt_info><attribute name="a" /></rt_info></layer>'
    xml = (
        f"<net>{kept}<rt_info><Runtime_version value='1' /><nncf><x value='/tmp/y' /></nncf></rt_info></net>"
    )
    assert quantise.without_notes(xml) == f"<net>{kept}</net>"


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")
def test_the_shipped_int8_model_is_as_good_as_its_card_says():
    claimed = json.loads((registry.find(NAME).folder / "card.json").read_text())["metrics"]
    found = measure(registry.find(NAME), Path(DATA) / "welds-pipe", "split_unseen_shot").report
    assert found.map50() == pytest.approx(claimed["map50"], abs=0.01)
    assert claimed["map50_before"] - found.map50() <= quantise.MAP50_LOSS

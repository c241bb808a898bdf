"""An export is written only if it agrees with the trained model, and names no machine."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vision import card, export, learned, training
from vision.agreement import Seen, Taught, apart, compare, lacks, photographs
from vision.card import Agreement, Training
from vision.dataset import Truth
from vision.export import ExportError, check, impersonal
from vision.pictures import encode_whole
from vision.records import Findings

CLASSES = ("good", "pore")
BOX = (10.0, 10.0, 50.0, 50.0)
TRAINING = Training(
    "YOLO11n", "welds-pipe", "split_unseen_shot", 2, (3,), 0, 16, 7, 320, "2026-05-11", "Trainer 1"
)


def found(*rows):
    """Build findings of (label, score, box)."""
    return Findings(
        CLASSES,
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.float32),
    )


def agreement(**changed):
    facts = {
        "pictures": 10,
        "worst_score": 0.004,
        "worst_box": 0.2,
        "detections": 900,
        "disagreeing": 6,
        "map50_trained": 0.6,
        "map50_exported": 0.601,
    }
    return Agreement(**facts | changed)


@pytest.fixture
def folder(tmp_path):
    for name in card.MODEL_FILES:
        (tmp_path / name).write_bytes(b"x" * 1000)
    return tmp_path


def test_conversion_parameters_and_indentation_are_left_out():
    parameters = '<conversion_parameters>\n<input value="/a/b.pt"/></conversion_parameters>'
    xml = f"<net>\n\t<rt>\n\t\t{parameters}\n\t</rt>\n</net>"
    assert impersonal(xml) == "<net>\n<rt>\n</rt>\n</net>"


def test_a_path_that_nobody_expected_is_refused():
    with pytest.raises(ExportError, match="/data/runs/x"):
        impersonal('<net><info name="source" value="/data/runs/x"/></net>')


def test_the_same_detections_agree():
    both = found((1, 0.8, BOX), (0, 0.3, BOX))
    assert lacks(both, both) == 0


@pytest.mark.parametrize(
    ("theirs", "missing"),
    [
        (found(), 1),
        (found((0, 0.8, BOX)), 1),
        (found((1, 0.79, BOX)), 0),
        (found((1, 0.7, BOX)), 1),
        (found((1, 0.8, (10, 10, 50, 40))), 1),
    ],
)
def test_a_detection_needs_its_equal(theirs, missing):
    assert lacks(found((1, 0.8, BOX)), theirs) == missing


def test_what_does_not_count_is_not_missed():
    assert lacks(found((1, 0.2, BOX)), found()) == 0


def test_raw_outputs_are_compared_box_by_box():
    trained = np.zeros((1, 6, 3), np.float32)
    trained[0, 4, 0] = 0.9
    exported = trained.copy()
    exported[0, 5, 2] += 0.003
    exported[0, 0, 0] += 0.25
    exported[0, 0, 1] += 40
    assert apart(trained, exported) == pytest.approx((0.003, 0.25))


@pytest.mark.parametrize(("across", "down", "told"), [(100, 200, 0.8), (400, 100, 0.4), (100, 320, 0.5)])
def test_an_edge_of_a_large_box_is_known_in_proportion(across, down, told):
    trained = np.zeros((1, 6, 1), np.float32)
    trained[0, :, 0] = (200, 200, across, down, 0.9, 0)
    exported = trained + np.float32([0.8, 0, 0, 0, 0, 0])[None, :, None]
    assert apart(trained, exported) == pytest.approx((0, told), abs=1e-4)
    corners = np.array([[[0, 0, across, down, 0.9, 1]]], np.float32)
    moved = corners + np.float32([0, 0.8, 0, 0, 0, 0])
    assert apart(corners, moved) == pytest.approx((0, told), abs=1e-4)


def test_the_models_are_compared_over_all_pictures():
    truth = Truth(np.array([BOX], np.float32), np.array([1], np.int32))
    same = Seen(found((1, 0.8, BOX)), found((1, 0.8, BOX)), truth, 0.001, 0.1)
    lost = Seen(found((1, 0.8, BOX)), found(), truth, 0.5, 0.0)
    agreed, report = compare([same, lost], CLASSES)
    assert (agreed.pictures, agreed.detections, agreed.disagreeing) == (2, 3, 1)
    assert (agreed.worst_score, agreed.worst_box) == (0.5, 0.1)
    assert agreed.map50_trained > agreed.map50_exported == report.map50()


def test_an_export_that_agrees_passes(folder):
    check(agreement(), folder)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"map50_exported": 0.59}, "mAP50 by 0.0100"),
        ({"map50_exported": float("nan")}, "mAP50"),
        ({"worst_score": 0.02}, "a raw score by 0.0200"),
        ({"worst_box": 3.0}, "a raw box"),
        ({"disagreeing": 10}, "the share of detections"),
        ({"detections": 0, "disagreeing": 1}, "the share of detections"),
    ],
)
def test_an_export_that_disagrees_is_refused(folder, changed, said):
    with pytest.raises(ExportError, match=said):
        check(agreement(**changed), folder)


def test_an_export_that_is_too_large_is_refused(folder):
    (folder / "model.bin").write_bytes(b"x" * export.LARGEST)
    with pytest.raises(ExportError, match="allowed"):
        check(agreement(), folder)


class Played:
    """Stands where a model is: says the same of every picture."""

    classes = CLASSES


@pytest.fixture
def shipping(tmp_path, monkeypatch):
    """A data set of one picture, and models that are played."""
    (tmp_path / "splits.csv").write_text("image,split_unseen_shot\na.jpg,test\n")
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    truth = Truth(np.array([BOX], np.float32), np.array([1], np.int32))
    seen = Seen(found((1, 0.8, BOX)), found((1, 0.8, BOX)), truth, 0.001, 0.1)
    monkeypatch.setattr(export, "describe", lambda *_: TRAINING)
    monkeypatch.setattr(export, "licence", lambda: "AGPL-3.0")
    monkeypatch.setattr(export, "Trained", lambda _: Played())
    monkeypatch.setattr(export, "Exported", lambda _: Played())
    monkeypatch.setattr(export, "look", lambda *_: iter([seen]))
    monkeypatch.setattr(export, "look_rendered", lambda *_: iter([(seen.exported, truth)]))
    monkeypatch.setattr(
        export, "export", lambda _, into, size: [(into / name).write_bytes(b"m") for name in card.MODEL_FILES]
    )
    return tmp_path


def test_a_model_is_shipped_with_its_card_and_licence(shipping):
    facts = export.ship(Taught(shipping), shipping / "last.pt", shipping / "models" / "demo", "demo")
    names = sorted(path.name for path in (shipping / "models" / "demo").iterdir())
    assert names == ["LICENSE", "README.md", "card.json", "model.bin", "model.xml"]
    assert json.loads((shipping / "models" / "demo" / "card.json").read_text()) == facts


def test_a_card_says_what_its_model_learned_from_where_its_run_does(shipping):
    checkpoint = shipping / "run" / "weights" / "last.pt"
    facts = export.ship(Taught(shipping), checkpoint, shipping / "models" / "demo", "demo")
    assert learned.KEY not in facts
    (shipping / "train").mkdir()
    (shipping / "train" / "a.png").write_bytes(b"a part")
    checkpoint.parents[1].mkdir()
    training.note_learned(checkpoint.parents[1], shipping / "train", None)
    facts = export.ship(Taught(shipping), checkpoint, shipping / "models" / "demo", "demo")
    assert facts[learned.KEY] == learned.pack([learned.digest(b"a part")])


def test_nothing_is_written_of_a_model_that_is_refused(shipping, monkeypatch):
    monkeypatch.setattr(export, "MAP50_TOLERANCE", -1.0)
    with pytest.raises(ExportError):
        export.ship(Taught(shipping), shipping / "last.pt", shipping / "models" / "demo", "demo")
    assert not (shipping / "models").exists()


def test_a_model_of_own_pictures_says_whose_and_what_is_unproven(shipping, monkeypatch):
    training = replace(TRAINING, data="sockets")
    monkeypatch.setattr(export, "describe", lambda *_: training)
    facts = export.ship(Taught(shipping, "split"), shipping / "last.pt", shipping / "out", "socket-1")
    page = (shipping / "out" / "README.md").read_text()
    assert "trained on sockets" in page
    assert "anything that the held-out pictures do not show" in page
    assert (facts["iso6520"], "map50_held_out" in facts["metrics"]) == ({}, True)


def test_held_out_pictures_that_cannot_be_read_are_not_measured_on(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "images" / "a.png").write_bytes(encode_whole(np.zeros((40, 60, 3), np.uint8)))
    (tmp_path / "images" / "b.png").write_bytes(b"?")
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.5 0.5")
    (tmp_path / "splits.csv").write_text("image,split\na.png,test\nb.png,test\n")
    (sample,) = photographs(Taught(tmp_path, "split"))
    assert sample.truth.boxes.tolist() == [[15, 10, 45, 30]]

"""What a detector is worth by parts, beside the lazy one and on welds that nobody has learnt."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench import accuracy, lazy_boxes, unseen_weld
from vision import registry
from vision.accuracy import summarise
from vision.dataset import Truth
from vision.records import Findings

CLASSES = ("good", "pore", "crater")
BOX = (0.1, 0.1, 0.3, 0.3)
DATA = os.environ.get("SEAMLINE_DATA", "")


def findings(*rows):
    boxes = np.array([BOX] * len(rows), np.float32).reshape(-1, 4)
    labels, scores = (np.array([row[index] for row in rows]) for index in (0, 1))
    return Findings(CLASSES, boxes, labels.astype(np.int32), scores.astype(np.float32))


def truth(*labels):
    return Truth(np.array([BOX] * len(labels), np.float32).reshape(-1, 4), np.array(labels, np.int32))


def test_parts_escape_below_the_lower_band_and_are_rejected_above_the_upper():
    pairs = [
        (findings((1, 0.2)), truth(1)),
        (findings((1, 0.4)), truth(1)),
        (findings((2, 0.4)), truth(0)),
        (findings((2, 0.6), (0, 0.9)), truth(0)),
    ]
    told = summarise(pairs, CLASSES).as_dict()
    assert (told["escape_rate"], told["overkill_rate"]) == (0.5, 0.5)
    assert told["escape_upper95"] == pytest.approx(0.9747, abs=1e-4)  # 1 - (1 - x)^2 leaves 5 %
    assert told["image_auroc"] == pytest.approx(0.125)
    assert [item["count"] for item in told["calibration"]["parts"]["bins"]] == [1, 2, 1]
    assert sum(item["count"] for item in told["calibration"]["findings"]["bins"]) == 4


def test_pictures_of_one_kind_alone_tell_nothing_apart():
    found = summarise([(findings(), truth(1))], CLASSES)
    assert np.isnan(found.image_auroc)
    assert found.as_dict()["image_auroc"] is None


def test_what_ships_is_told_apart_from_the_export_that_it_was_made_of(monkeypatch, tmp_path):
    measured = {
        registry.DEFAULT: summarise([(findings(), truth(1))], CLASSES),
        accuracy.IN_F32: summarise([(findings((1, 0.9)), truth(1))], CLASSES),
    }
    monkeypatch.setattr(accuracy, "measure", lambda model, data, split: measured[model.name])
    monkeypatch.setattr(lazy_boxes, "measure", lambda data, split: measured[registry.DEFAULT].report)
    monkeypatch.setattr(unseen_weld, "measure", lambda data: {})
    told = accuracy.detect(tmp_path)
    assert told["map50_exported"] == told["map50_95_exported"] == told["map50_unseen_shot"] == 0
    assert told["map50_exported_f32"] == told["map50_95_exported_f32"] == pytest.approx(0.995)


def test_the_lazy_detector_says_the_middle_of_what_it_saw():
    always = lazy_boxes.middle_boxes([truth(1, 1), truth(1), truth()], CLASSES)
    assert always.labels.tolist() == [1]
    assert always.scores.tolist() == pytest.approx([2 / 3])
    assert always.boxes[0].tolist() == pytest.approx(BOX)


def test_a_discriminant_points_from_one_side_to_the_other_whatever_else_varies():
    rng = np.random.default_rng(3)
    seen, flawed = rng.normal(size=(60, 200)), np.arange(60) % 2 == 0
    seen[:, 0] *= 20
    seen[flawed, 7] += 4
    direction = unseen_weld.discriminant(seen, flawed)
    assert np.abs(direction).argmax() == 7
    assert direction[7] > 0


def test_shrinkage_grows_with_the_numbers_of_each_picture():
    rng = np.random.default_rng(4)
    few, many = (
        unseen_weld.shrinkage(rng.normal(size=(50, width)) * np.arange(1, width + 1))[0] for width in (4, 400)
    )
    assert 0 < few < many <= 1


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")
def test_the_boxes_of_real_photographs_are_not_where_the_lazy_detector_says():
    report = lazy_boxes.measure(Path(DATA) / "welds-pipe", "split_unseen_shot")
    assert report.pictures == 214
    assert 0 < report.map50() < 0.5

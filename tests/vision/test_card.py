"""A model's card says what its numbers say, and the shipped one vouches for the shipped files."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vision import card, registry
from vision.card import Agreement, Training
from vision.evaluation import PartFigures, Report

CLASSES = ("good", "Surface_pores", "crater")
TRAINING = Training(
    "YOLO11n", "welds-pipe", "split_unseen_shot", 677, (36, 24), 190, 16, 7, 320, "2026-05-11", "Trainer 1"
)
AGREEMENT = Agreement(214, 0.004, 0.2, 900, 3, 0.6, 0.6011)
LARGEST = 6_000_000


@pytest.fixture
def facts(tmp_path):
    for name in card.MODEL_FILES:
        (tmp_path / name).write_bytes(name.encode())
    ap = np.array([[0.9] * 10, [0.25] * 10, [np.nan] * 10])
    report = Report(CLASSES, ap, np.array([97, 234, 0]), 214)
    parts = (PartFigures(0.25, 134, 80, 22, 1),)
    numbers = card.metrics(report, parts, AGREEMENT, "unseen_shot") | card.beside(report)
    return card.card("demo", tmp_path, CLASSES, TRAINING, numbers)


def test_a_detector_of_rendered_parts_says_that_no_real_weld_was_seen(facts, tmp_path):
    report = Report(("good", "undercut"), np.array([[0.9] * 10] * 2), np.array([5, 5]), 10)
    training = replace(TRAINING, data="rendered parts", pictures=560, rendered=560)
    numbers = card.metrics(report, (), AGREEMENT, "held_out")
    rendered = card.card("sim", tmp_path, report.classes, training, numbers)
    text = card.text(rendered)
    assert rendered["iso6520"] == {"undercut": "5012"}
    assert "any real weld" in text
    assert "560 pictures" in text
    assert "held-out seeds" in text


def test_numbers_come_from_the_report(facts):
    numbers = facts["metrics"]
    assert numbers["map50_unseen_shot"] == pytest.approx(0.575)
    assert numbers["map50_defects"] == pytest.approx(0.25)
    assert numbers["ap50"] == {"good": 0.9, "Surface_pores": 0.25}
    assert numbers["export"]["disagreeing"] == 3


def test_only_true_imperfections_have_a_number_of_the_standard(facts):
    assert facts["iso6520"] == {"Surface_pores": "2017"}
    assert facts["features"] == ["good"]


def test_both_forms_are_written_and_the_registry_accepts_them(facts, tmp_path):
    card.write(tmp_path, facts)
    model = registry.load(tmp_path)
    assert (model.name, model.classes, model.input_size) == ("demo", CLASSES, 320)
    text = (tmp_path / "README.md").read_text()
    for told in (
        "provenance",
        "AGPL-3.0",
        "0.575",
        "22 of 134",
        "1 of 80",
        "0.82",
        "rendered parts",
        "36 + 24 epochs",
    ):
        assert told in text
    assert "| Surface_pores | 2017 | 234 | 0.250 |" in text


def test_a_changed_file_is_not_the_one_vouched_for(facts, tmp_path):
    card.write(tmp_path, facts)
    (tmp_path / "model.bin").write_bytes(b"other weights")
    with pytest.raises(registry.ModelError, match="vouches"):
        registry.load(tmp_path)


@pytest.fixture(scope="module", params=["weld-pipe", "weld-sim", "weld-pipe-int8"])
def shipped(request):
    return registry.find(request.param).folder


def test_the_shipped_model_is_whole_and_small(shipped):
    assert {path.name for path in shipped.iterdir()} >= {
        *card.MODEL_FILES,
        "card.json",
        "README.md",
        "LICENSE",
    }
    assert sum(path.stat().st_size for path in shipped.iterdir()) < LARGEST


def test_the_shipped_card_is_the_page_beside_it(shipped):
    facts = json.loads((shipped / "card.json").read_text())
    assert card.text(facts) == (shipped / "README.md").read_text()


def test_the_shipped_weights_carry_their_licence(shipped):
    text = (shipped / "LICENSE").read_text()
    assert "AGPL-3.0" in text
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text
    assert len(text) > 30_000


@pytest.mark.parametrize("name", ["model.xml", "card.json", "README.md"])
def test_no_path_of_a_machine_is_shipped(shipped, name):
    text = (shipped / name).read_text()
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|mnt|usr|opt)/", text)
    assert str(Path.home()) not in text


@pytest.mark.parametrize("name", ["weld-pipe", "weld-sim"])
def test_the_shipped_card_claims_no_more_than_its_export_has(name):
    numbers = json.loads((registry.find(name).folder / "card.json").read_text())["metrics"]
    claimed = numbers.get("map50_unseen_shot", numbers.get("map50_held_out"))
    assert claimed == numbers["export"]["map50_exported"]
    assert abs(numbers["export"]["map50_trained"] - numbers["export"]["map50_exported"]) < 0.005

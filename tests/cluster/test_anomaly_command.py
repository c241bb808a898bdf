"""``seamline train anomaly``: from a folder of good pictures to a bank that a plant file names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vision.anomaly import bank
from vision.simulate import PartRenderer

Command = Callable[..., Any]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a folder with three pictures of good parts."""
    place = tmp_path / "socket-good"
    place.mkdir()
    renderer = PartRenderer(31, size=160, flaw_rate=0.0)
    for number in range(3):
        cv2.imwrite(str(place / f"{number}.png"), renderer.render(number).image)
    return place


def test_a_folder_of_good_pictures_becomes_a_bank(seamline: Command, home: Path, good: Path) -> None:
    said = seamline("train", "anomaly", good, "--good", "3", "--json").json
    fitted = bank.find("socket-good", [home / "models"])
    assert (said["name"], said["pictures"], said["hash"]) == ("socket-good", 3, fitted.hash)
    assert said["limit"] == pytest.approx(fitted.limit, abs=1e-4)
    assert said["seconds"] > 0
    (listed,) = [item for item in seamline("models", "--json").json if item["name"] == "socket-good"]
    assert (listed["hash"], listed["classes"]) == (fitted.hash, ["anomaly"])


def test_it_says_how_the_plant_file_names_it(seamline: Command, good: Path) -> None:
    words = seamline("train", "anomaly", good, "--good", "3", "--name", "mine").words
    assert "Learnt from 3 good pictures in" in words
    assert "anomaly: mine" in words


def test_what_was_left_out_is_told(seamline: Command, good: Path) -> None:
    (good / "cut.png").write_bytes((good / "0.png").read_bytes()[:500])
    command = ["train", "anomaly", good, "--good=3", "--name=mine"]
    assert seamline(*command, "--json").json["notes"] == {"only part of the picture arrived": 1}
    assert "only part of the picture arrived (1): cut.png" in seamline(*command).words


def test_too_few_good_pictures_are_one_sentence(seamline: Command, home: Path, good: Path) -> None:
    ended = seamline("train", "anomaly", good)
    assert ended.code == 2
    assert "holds 3 different pictures; put 20 good ones there." in ended.words
    assert not list((home / "models").iterdir())


def test_a_models_name_is_not_taken(seamline: Command, good: Path) -> None:
    ended = seamline("train", "anomaly", good, "--name", "weld-pipe")
    assert ended.code == 2
    assert "'weld-pipe' is the name of a model; choose another for the bank." in ended.words


@pytest.fixture
def tested(good: Path, tmp_path: Path) -> Path:
    """Return a set with good parts to learn and to test on, and two with a black hole and its mask."""
    folder = tmp_path / "sockets"
    for place in ("train/good", "test/good", "test/hole", "ground_truth/hole"):
        (folder / place).mkdir(parents=True)
    renderer = PartRenderer(31, size=160, flaw_rate=0.0)
    for number in range(7):
        image = renderer.render(number).image
        if number < 5:
            place = "train" if number < 3 else "test"
            cv2.imwrite(str(folder / place / "good" / f"{number}.png"), image)
            continue
        mask = cv2.circle(image[:, :, 0] * 0, (80, 80), 14, 255, -1)
        image[mask > 0] = 0
        cv2.imwrite(str(folder / "test" / "hole" / f"{number}.png"), image)
        cv2.imwrite(str(folder / "ground_truth" / "hole" / f"{number}_mask.png"), mask)
    return folder


def test_a_bank_is_measured_on_good_and_defective_pictures(seamline: Command, tested: Path) -> None:
    seamline("train", "anomaly", tested, "--good=3", "--name=sockets", "--json")
    found = seamline("evaluate", "anomaly", tested, "--bank=sockets", "--json").json
    assert (found["good"], found["defective"], found["image_auroc"]) == (2, 2, 1.0)
    assert found["escape_rate"] == 0
    assert found["escape_upper95"] == pytest.approx(1 - 0.05**0.5, abs=1e-4)
    assert found["aupro"] > 0.5
    words = seamline("evaluate", "anomaly", tested, "--bank=sockets").words
    assert "2 good and 2 defective pictures" in words
    assert "Each picture counts as a part" in words


def test_a_part_of_which_one_picture_is_strange_is_found(seamline: Command, tested: Path) -> None:
    seamline("train", "anomaly", tested, "--good=3", "--name=sockets", "--json")
    shutil.copy(tested / "test" / "good" / "3.png", tested / "test" / "hole" / "7.png")
    cv2.imwrite(str(tested / "ground_truth" / "hole" / "7_mask.png"), np.zeros((160, 160), np.uint8))
    command = ("evaluate", "anomaly", tested, "--bank=sockets")
    alone = seamline(*command, "--json").json
    assert (alone["counted"], alone["defective"], alone["escaped"]) == ("pictures", 3, 1)
    rows = [("good/4", "a"), ("hole/5", "b"), ("hole/7", "b")]
    told = "\n".join(["image,part", *(f"test/{name}.png,{part}" for name, part in rows)])
    (tested / "splits.csv").write_text(told)
    found = seamline(*command, "--json").json
    assert (found["counted"], found["good"], found["defective"], found["escaped"]) == ("parts", 2, 2, 0)
    assert "2 good and 2 defective parts" in seamline(*command).words


def test_a_set_without_masks_has_no_regions_to_find(seamline: Command, tested: Path) -> None:
    seamline("train", "anomaly", tested, "--good=3", "--name=sockets", "--json")
    (tested / "ground_truth" / "hole" / "5_mask.png").unlink()
    ended = seamline("evaluate", "anomaly", tested, "--bank=sockets")
    assert (ended.code, "no mask of the size of 5.png" in ended.words) == (2, True)
    shutil.rmtree(tested / "ground_truth")
    assert seamline("evaluate", "anomaly", tested, "--bank=sockets", "--json").json["aupro"] is None


def test_nothing_to_test_on_is_one_sentence(seamline: Command, tested: Path) -> None:
    seamline("train", "anomaly", tested, "--good=3", "--name=sockets", "--json")
    ended = seamline("evaluate", "anomaly", tested / "train", "--bank=sockets")
    assert ended.code == 2
    assert "put good pictures into test/good" in ended.words

"""``seamline train anomaly``: from a folder of good pictures to a bank that a plant file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
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


def test_too_few_good_pictures_are_one_sentence(seamline: Command, home: Path, good: Path) -> None:
    ended = seamline("train", "anomaly", good)
    assert ended.code == 2
    assert "holds 3 different pictures; put 20 good ones there." in ended.words
    assert not list((home / "models").iterdir())


def test_a_models_name_is_not_taken(seamline: Command, good: Path) -> None:
    ended = seamline("train", "anomaly", good, "--name", "weld-pipe")
    assert ended.code == 2
    assert "'weld-pipe' is the name of a model; choose another for the bank." in ended.words

"""The settings of a bank are chosen on held-out good pictures and on defects that are drawn into them."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench import battery_settings as settings
from vision.anomaly import coreset
from vision.anomaly.network import CHANNELS, Scale

DATA = os.environ.get("SEAMLINE_DATA", "")
GOOD = Path("welds-battery", "raw", "welding", "train", "good")


@pytest.fixture
def vectors():
    return np.random.default_rng(3).normal(2, 3, (50, sum(CHANNELS))).astype(np.float32)


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")
def test_what_ships_is_what_the_training_side_alone_chooses(tmp_path, monkeypatch):
    (tmp_path / GOOD).parent.mkdir(parents=True)
    (tmp_path / GOOD).symlink_to(Path(DATA, GOOD))
    monkeypatch.setenv("SEAMLINE_DATA", str(tmp_path))
    told = settings.run()
    assert (told["pictures"], told["recordings"], told["defects_drawn"]) == (36, 34, 144)
    assert told["chosen"] == told["shipped"]
    assert told[f"auroc_{told['shipped']}"] > told["auroc_raw_smoothed_maximum"] + 0.03


def test_what_is_called_shipped_is_what_a_bank_does(vectors):
    ours = settings.SCALINGS[settings.SHIPPED[0]].learn(vectors)(vectors)
    np.testing.assert_allclose(ours * np.sqrt(0.5), Scale.of(vectors).apply(vectors), atol=1e-6)


def test_raw_vectors_stay_as_they_are(vectors):
    assert settings.SCALINGS["raw"].learn(vectors)(vectors) is vectors


def test_distances_are_those_of_a_bank_whatever_the_length(vectors):
    one = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(
        settings.distances(one[:20], one[20:]), coreset.nearest(one[:20], one[20:]), atol=1e-4
    )
    long = settings.distances(3 * one[:20], 3 * one[20:])
    np.testing.assert_allclose(long, 3 * settings.distances(one[:20], one[20:]), rtol=1e-4)


def test_cuts_of_one_recording_are_held_out_together():
    names = [f"{number}-l{number}{cut}.png" for number in range(9) for cut in ("", "_row0_7", "_row0_9")]
    folds = settings.held_out(names)
    assert sorted(np.concatenate(folds)) == list(range(len(names)))
    held = {(index // 3, number) for number, fold in enumerate(folds) for index in fold}
    assert len(held) == 9
    assert min(map(len, folds)) > 0


def test_defects_are_pieces_of_the_picture_and_follow_from_the_seed():
    image = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:60, :80]
    made, again = (list(settings.drawn_into(image, np.random.default_rng(5))) for _ in range(2))
    assert len(made) == 2 * settings.DRAWN
    for copy, same in zip(made, again, strict=True):
        assert np.array_equal(copy, same)
        other = (copy != image).any(axis=2)
        assert 0 < other.mean() < 0.2
        rows, columns = copy[other][:, 0], copy[other][:, 1]
        assert np.array_equal(copy[other], image[rows, columns])


def test_a_setting_is_no_better_than_itself():
    scores = np.random.default_rng(1).random((10, 5)).astype(np.float32)
    assert settings.difference(scores, scores) == "0.0000 (0.0000 to 0.0000)"
    better = scores.copy()
    better[:, 1:] += 1
    assert settings.difference(better, scores).startswith("0.")


def test_data_that_are_not_there_are_said(monkeypatch, tmp_path):
    monkeypatch.setenv("SEAMLINE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="set SEAMLINE_DATA"):
        settings.run()

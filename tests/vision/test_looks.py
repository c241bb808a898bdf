"""What the best of several looks owes to chance, by hand."""

from math import log, sqrt

import numpy as np
import pytest

from bench import looks
from vision.dataset import Truth
from vision.evaluation import evaluate
from vision.records import Findings

BOX = np.array([(0.0, 0.0, 10.0, 10.0)], np.float32)


def pair(found):
    count = int(found)
    findings = Findings(("pore",), BOX[:count], np.zeros(count, np.int32), np.ones(count, np.float32))
    return findings, Truth(BOX, np.zeros(1, np.int32))


def test_shots_end_where_a_weld_does_or_another_side_begins(tmp_path):
    sides = [("A", "test"), ("A", "test"), ("A", "gap"), ("A", "test"), ("B", "test"), ("B", "train")]
    rows = [f"img{number}.jpg,{weld},{side}" for number, (weld, side) in enumerate(sides)]
    (tmp_path / "splits.csv").write_text("\n".join(["image,weld_group,split_unseen_shot", *rows]))
    assert looks.shots(tmp_path) == [[0, 1], [2], [3]]


def test_the_quick_figure_is_that_of_the_evaluation():
    wrong = Findings(("pore",), BOX + 50, np.zeros(1, np.int32), np.full(1, 0.3, np.float32))
    pairs = [pair(True), (wrong, pair(True)[1]), pair(True)]
    expected = evaluate(pairs, ("pore",)).map50()
    assert 0 < expected < 1
    assert looks.map50([looks.matches(item, 1) for item in pairs]) == pytest.approx(expected)


def test_whole_shots_are_drawn_of_all_models_the_same(monkeypatch):
    monkeypatch.setattr(looks, "ROUNDS", 40)
    half = [pair(True), pair(True), pair(False), pair(False)]
    figures = looks.drawn([half, half], [[0, 1], [2, 3]], ("pore",))
    assert figures.shape == (40, 2)
    assert np.array_equal(figures[:, 0], figures[:, 1])
    assert len(np.unique(figures.round(6))) == 3  # both shots the one, each once, both the other


def test_the_best_of_models_that_are_alike_owes_nothing_to_chance():
    same = np.random.default_rng(1).normal(0.8, 0.05, (500, 1)).repeat(3, axis=1)
    told = looks.luck(same, 4)
    assert told["optimism"] == pytest.approx(0, abs=1e-3)
    assert told["optimism_bound"] == 0
    assert told["map50_95_percent_of_draws"] == pytest.approx([0.7, 0.9], abs=0.02)


def test_the_best_of_models_that_move_alone_owes_what_the_bound_allows():
    figures = np.random.default_rng(2).normal(0.8, 0.05, (20_000, 4))
    told = looks.luck(figures, 4)
    assert told["optimism"] == pytest.approx(1.03 * 0.05, abs=1e-3)  # the mean of the highest of four
    assert told["optimism_bound"] == pytest.approx(0.05 * sqrt(2) * sqrt(2 * log(4)), rel=0.03)
    assert told["optimism"] < told["optimism_bound"]


def test_data_that_are_not_there_are_said(monkeypatch, tmp_path):
    monkeypatch.setenv("SEAMLINE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="set SEAMLINE_DATA"):
        looks.run()

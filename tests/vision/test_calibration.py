"""Whether scores are what they say."""

import math

import numpy as np
import pytest

from vision.calibration import reliability


def test_scores_that_are_right_as_often_as_they_say_are_calibrated():
    found = reliability([0.75] * 4 + [0.25] * 4, [1, 1, 1, 0, 1, 0, 0, 0])
    assert found.ece == 0
    assert [(item.low, item.high, item.count) for item in found.bins] == [(0.2, 0.3, 4), (0.7, 0.8, 4)]


def test_the_error_is_weighed_by_how_often_a_score_was_said():
    found = reliability([0.9] * 3 + [0.1], [False, False, False, False])
    assert found.ece == pytest.approx((3 * 0.9 + 0.1) / 4)


def test_the_highest_score_is_in_the_last_step():
    (last,) = reliability([1.0], [True], bins=4).bins
    assert (last.low, last.high, last.right) == (0.75, 1.0, 1.0)


def test_a_sure_guess_is_off_by_how_often_it_is_wrong():
    rng = np.random.default_rng(5)
    scores = rng.uniform(size=20_000)
    assert reliability(scores, rng.uniform(size=20_000) < scores).ece < 0.02
    assert reliability(np.ones(20_000), rng.uniform(size=20_000) < 0.3).ece == pytest.approx(0.7, abs=0.02)


def test_without_a_score_there_is_no_error():
    assert math.isnan(reliability([], []).ece)
    assert reliability([], []).as_dict() == {"ece": None, "bins": []}

"""Anomalies of real height maps are told after fitting on good ones alone."""

import os

import pytest

from bench import accuracy

DATA = os.environ.get("SEAMLINE_DATA", "")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")
def test_defects_of_battery_welds_score_higher_than_good_ones():
    measured = accuracy.run("welds-battery")
    assert (measured["good"], measured["defective"]) == (35, 93)
    assert measured["image_auroc"] > 0.985
    assert measured["image_auroc_without_twins"] > 0.975
    assert measured["image_auroc_without_twins"] > measured["auroc_hog_nearest"]
    assert measured["image_auroc_without_twins"] > measured["auroc_darkness_alone"]
    assert measured["aupro"] > 0.4


def test_a_set_that_nobody_knows_is_said():
    with pytest.raises(SystemExit, match="choose one of demo, welds-pipe, welds-battery"):
        accuracy.run("welds-moon")

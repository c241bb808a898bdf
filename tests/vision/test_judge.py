from dataclasses import replace

import numpy as np
import pytest

from vision.judge import SENTENCES, Recipe, describe_findings, judge
from vision.records import Finding, Findings, Outcome, View

RECIPE = Recipe("demo", review_above=0.25, reject_above=0.5)
BOX = (0.0, 0.0, 1.0, 1.0)


def view(*findings, name="front", rejected=""):
    found = tuple(Finding(label, score, BOX) for label, score in findings)
    return View("cam", name, "1", 1, 0, "", 64, 64, {}, found, rejected)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [
        (0.249, Outcome.OK),
        (0.25, Outcome.REVIEW),
        (0.499, Outcome.REVIEW),
        (0.5, Outcome.NG),
        (1.0, Outcome.NG),
    ],
)
def test_the_bands_hold_to_their_edges(score, outcome):
    assert judge(RECIPE, [view(("crater", score))])[0] is outcome


def test_features_are_no_defects_however_sure():
    assert judge(RECIPE, [view(("good", 0.99), ("Weld", 0.99))])[:2] == (Outcome.OK, "No defect in 1 view.")


def test_the_worst_defect_of_all_views_decides_and_is_named():
    views = [view(("crater", 0.3)), view(("Surface_pores", 0.83), name="left")]
    assert judge(RECIPE, views)[:2] == (Outcome.NG, "Surface_pores with score 0.83 in view left.")


def test_a_defect_in_the_band_says_so():
    assert judge(RECIPE, [view(("crater", 0.31))])[:2] == (
        Outcome.REVIEW,
        "crater with score 0.31 in view front lies in the review band 0.25 to 0.5.",
    )


@pytest.mark.parametrize("why", SENTENCES)
def test_a_refused_frame_is_never_ok(why):
    assert judge(RECIPE, [view(), view(rejected=why)])[:2] == (
        Outcome.REVIEW,
        f"View front: {SENTENCES[why]}.",
    )


def test_a_defect_seen_in_a_refused_frame_still_rejects():
    assert judge(RECIPE, [view(("crater", 0.9), rejected="blurred")])[0] is Outcome.NG


def test_a_missing_view_is_never_ok():
    recipe = replace(RECIPE, views=("front", "left", "top"))
    assert judge(recipe, [view()])[:2] == (Outcome.REVIEW, "Missing views: left, top.")
    assert judge(recipe, [view(), view(name="left"), view(name="top")])[0] is Outcome.OK


def test_nothing_at_all_is_never_ok():
    assert judge(RECIPE, [])[0] is Outcome.REVIEW


@pytest.mark.parametrize(
    "change",
    [
        {"part_number": "other"},
        {"review_above": 0.2},
        {"reject_above": 0.6},
        {"features": ("good",)},
        {"views": ("front",)},
        {"limits": replace(RECIPE.limits, blank=0.1)},
    ],
)
def test_every_rule_changes_the_recipes_hash(change):
    assert replace(RECIPE, **change).hash != RECIPE.hash
    assert replace(RECIPE).hash == RECIPE.hash


def test_findings_carry_a_code_only_where_the_class_is_an_imperfection():
    findings = Findings(
        classes=("Surface_pores", "wrong_size"),
        boxes=np.array([[1, 2, 3.456, 4], [5, 6, 7, 8]], np.float32),
        labels=np.array([0, 1], np.int32),
        scores=np.array([0.9, 0.1234567], np.float32),
    )
    assert describe_findings(findings, {"Surface_pores": "2017"}) == (
        Finding("Surface_pores", 0.9, (1.0, 2.0, 3.46, 4.0), "2017"),
        Finding("wrong_size", 0.123457, (5.0, 6.0, 7.0, 8.0), ""),
    )


@pytest.mark.parametrize(("score", "outcome"), [(0.51, Outcome.REVIEW), (0.99, Outcome.REVIEW)])
def test_an_anomaly_alone_is_for_review_however_large(score, outcome):
    said = f"anomaly with score {score:.2f} in view front lies above the limit of good parts."
    assert judge(replace(RECIPE, review_above=0.7), [view(("anomaly", score))])[:2] == (outcome, said)


def test_an_anomaly_rejects_where_the_recipe_says_so():
    recipe = replace(RECIPE, anomaly_reject_above=0.7)
    assert judge(recipe, [view(("anomaly", 0.69))])[0] is Outcome.REVIEW
    assert judge(recipe, [view(("anomaly", 0.7))])[:2] == (
        Outcome.NG,
        "anomaly with score 0.70 in view front.",
    )
    assert recipe.hash != RECIPE.hash


def test_a_named_defect_rejects_beside_a_larger_anomaly():
    found = view(("anomaly", 0.9), ("crater", 0.6))
    assert judge(RECIPE, [found])[:2] == (Outcome.NG, "crater with score 0.60 in view front.")

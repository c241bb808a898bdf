from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.judge import FEATURES, Recipe, judge
from vision.measure import measure
from vision.records import Decision, Finding, Outcome, View
from vision.rules import Count, Limit, Rule, RuleSet

PORES = Rule(
    "pores", ("Surface_pores",), ("2017",), 0.3, 0.6, (Limit("length_mm", 1.0, 2.0),), Count(3, 4, 10)
)
UNDERCUT = Rule("undercut", ("undercut",), (), 0.3, 0.6, (Limit("depth_mm", 0.3, 0.5),))
OTHER = Rule("score", (), (), 0.25, 0.5)
RULES = RuleSet("bracket", OTHER, (PORES, UNDERCUT), "3", "135", "ISO 5817 level C", FEATURES)
RECIPE = Recipe("demo", rule_set=RULES, mm_per_pixel=(("front", 0.1),))
NAMED = "of bracket 3, ISO 5817 level C"


def pore(length=10.0, score=0.9, at=0.0, label="Surface_pores"):
    """Return a pore that is ``length`` pixels long; a pixel is a tenth of a millimetre."""
    return Finding(label, score, (0.0, at, 5.0, at + length))


def view(*findings, scale=0.1, **more):
    measured = tuple(measure(item, None, scale) for item in findings)
    return View("cam", "front", "1", 1, 0, "", 640, 1000, {}, measured, mm_per_pixel=scale, **more)


def test_an_imperfection_within_its_limits_is_accepted_and_told():
    ruling = judge(RECIPE, [view(pore(9.0))])
    assert (ruling.outcome, ruling.reason) == (Outcome.OK, "1 within limits, no defect in 1 view.")
    (finding,) = ruling.views[0].findings
    assert (finding.rule, finding.judged, finding.length_mm) == ("pores", "accepted", 0.9)


@pytest.mark.parametrize(
    ("length", "score", "outcome", "says"),
    [
        (10.0, 0.9, Outcome.REVIEW, "length 1.00 mm, to be reviewed from 1"),
        (19.9, 0.9, Outcome.REVIEW, "length 1.99 mm, to be reviewed from 1"),
        (20.0, 0.9, Outcome.NG, "length 2.00 mm, rejected from 2"),
        (20.0, 0.59, Outcome.REVIEW, "length 2.00 mm, to be reviewed from 1"),
    ],
)
def test_size_decides_and_a_finding_half_believed_never_rejects(length, score, outcome, says):
    ruling = judge(RECIPE, [view(pore(length, score))])
    assert ruling.outcome is outcome
    assert ruling.reason == f"Surface_pores in view front: {says} (rule pores {NAMED})."


def test_a_decision_names_rule_set_finding_view_and_measure():
    views = [view(pore(1.0), pore(25.0))]
    assert judge(RECIPE, views).decision == Decision(
        "pores", "bracket 3", "135", "ISO 5817 level C", "front", 1, "length_mm", 2.5, 2.0
    )


def test_without_calibration_a_size_is_for_review():
    ruling = judge(RECIPE, [view(pore(1.0), scale=None)])
    assert ruling.outcome is Outcome.REVIEW
    why = "its length cannot be judged without calibration"
    assert ruling.reason == f"Surface_pores in view front: {why} (rule pores {NAMED})."


@pytest.mark.parametrize("score", [0.31, 0.99])
def test_a_depth_without_height_data_is_for_review_however_sure(score):
    ruling = judge(RECIPE, [view(pore(1.0, score, label="undercut"))])
    assert ruling.outcome is Outcome.REVIEW
    assert "its depth cannot be judged without height data (rule undercut" in ruling.reason


def test_too_many_within_a_length_are_rejected_and_far_apart_they_are_not():
    near = [pore(1.0, at=30.0 * place) for place in range(4)]
    far = [pore(1.0, at=60.0 * place) for place in range(4)]
    assert judge(RECIPE, [view(*near)])[:2] == (
        Outcome.NG,
        f"Surface_pores in view front: 4 of them within 10 mm, rejected from 4 (rule pores {NAMED}).",
    )
    assert judge(RECIPE, [view(*far)]).outcome is Outcome.OK
    assert judge(RECIPE, [view(*near[:3])]).outcome is Outcome.REVIEW
    assert judge(RECIPE, [view(*near[:2], scale=None)]).reason.startswith(
        "Surface_pores in view front: its length"
    )


def test_a_number_cannot_be_judged_per_length_without_calibration():
    counted = replace(PORES, limits=())
    recipe = replace(RECIPE, rule_set=replace(RULES, rules=(counted,)))
    ruling = judge(recipe, [view(*[pore(1.0)] * 3, scale=None)])
    assert ruling.outcome is Outcome.REVIEW
    assert "its number cannot be judged without calibration" in ruling.reason


def test_a_rule_finds_its_findings_by_the_number_of_iso_6520_too():
    named = Finding("porosity", 0.9, (0, 0, 5, 25), "2017")
    assert judge(RECIPE, [view(named)]).decision.rule == "pores"


def test_what_no_rule_governs_is_judged_by_the_bands():
    ruling = judge(RECIPE, [view(pore(label="crater"))])
    assert ruling[:2] == (Outcome.NG, "crater with score 0.90 in view front.")
    assert ruling.decision.rule == "score"


def test_a_feature_is_no_defect_and_says_so():
    ruling = judge(RECIPE, [view(pore(label="Weld"))])
    assert (ruling.outcome, ruling.views[0].findings[0].judged) == (Outcome.OK, "feature")


def test_every_number_of_a_rule_set_changes_the_recipes_hash():
    changes = [
        {"version": "4"},
        {"standard": "ISO 5817 level B"},
        {"rules": (PORES,)},
        {"rules": (replace(PORES, limits=(Limit("length_mm", 1.0, 2.5),)), UNDERCUT)},
        {"entered_by": "B. Li"},
    ]
    hashes = {replace(RECIPE, rule_set=replace(RULES, **change)).hash for change in changes}
    assert len(hashes | {RECIPE.hash, Recipe("demo").hash, replace(RECIPE, mm_per_pixel=()).hash}) == 8


def test_a_recipe_that_names_none_of_the_new_keys_has_the_hash_that_it_always_had():
    assert Recipe("demo").hash == "1e709613466e5bfbfd3eb9608a34b79c49775cee2e35dd871ca954fb97356cd6"


ORDER = [Outcome.OK, Outcome.REVIEW, Outcome.NG]
findings = st.builds(
    lambda label, score, x, y, across, down: Finding(label, score, (x, y, x + across, y + down)),
    st.sampled_from(["Surface_pores", "undercut", "crater", "anomaly", "Weld", "spatter"]),
    st.floats(0, 1),
    st.floats(0, 500),
    st.floats(0, 500),
    st.floats(0, 60),
    st.floats(0, 60),
)
RECIPES = st.sampled_from([RECIPE, Recipe("demo"), Recipe("demo", anomaly_reject_above=0.7)])


@given(RECIPES, st.lists(findings, max_size=8), findings, st.integers(0, 8), st.sampled_from([None, 0.1]))
def test_one_more_finding_never_makes_a_verdict_better(recipe, some, other, place, scale):
    more = [*some[:place], other, *some[place:]]
    before, after = (judge(recipe, [view(*items, scale=scale)]).outcome for items in (some, more))
    assert ORDER.index(after) >= ORDER.index(before)


@given(RECIPES, st.lists(findings, max_size=4), findings, st.floats(0, 1))
def test_a_surer_finding_never_makes_a_verdict_better(recipe, some, other, score):
    low, high = sorted((other.score, score))
    less, more = (judge(recipe, [view(*some, replace(other, score=item))]).outcome for item in (low, high))
    assert ORDER.index(more) >= ORDER.index(less)


@given(RECIPES, st.lists(findings, max_size=4), st.booleans())
def test_a_part_with_a_missing_view_or_a_refused_frame_is_never_ok(recipe, some, refused):
    seen = view(*some, rejected="blurred" if refused else "")
    asked = recipe if refused else replace(recipe, views=("front", "left"))
    assert judge(asked, [seen]).outcome is not Outcome.OK


@given(st.lists(findings, max_size=6))
def test_the_order_of_views_does_not_matter(some):
    views = [view(item) for item in some]
    assert judge(RECIPE, views).outcome is judge(RECIPE, views[::-1]).outcome

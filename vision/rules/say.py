"""What decided, in one sentence."""

from __future__ import annotations

from vision.rules.decide import NUMBER, SCORE, UNKNOWN, Judged, Level
from vision.rules.records import ANOMALY, Rule, RuleSet

NAMES = {"length_mm": ("length", "mm"), "area_mm2": ("area", "mm2"), "depth_mm": ("depth", "mm")}
"""A measure -> what it is called, and its unit."""


def sentence(rules: RuleSet, judged: Judged) -> str:
    """Return why a finding rejects its part or asks for a review."""
    rule = judged.rule or rules.other
    if judged.measure == SCORE:
        return by_score(rule, judged)
    named = f"rule {rule.name} of {rules.title}" + (f", {rules.standard}" if rules.standard else "")
    where = f"{judged.finding.label} in view {judged.view.view}"
    if judged.value is None:
        what = "number" if judged.measure == NUMBER else NAMES[judged.measure][0]
        return f"{where}: its {what} cannot be judged without {UNKNOWN[judged.measure]} ({named})."
    word = "rejected" if judged.level is Level.REJECT else "to be reviewed"
    return f"{where}: {measured(rule, judged)}, {word} from {judged.bound:g} ({named})."


def by_score(rule: Rule, judged: Judged) -> str:
    """Return what a finding is whose score decides."""
    finding, view = judged.finding, judged.view.view
    seen = f"{finding.label} with score {finding.score:.2f} in view {view}"
    if judged.level is Level.REJECT:
        return f"{seen}."
    if finding.label == ANOMALY:
        return f"{seen} lies above the limit of good parts."
    if rule.reject_above is None:
        return f"{seen} lies above the review score {rule.review_above:g}."
    return f"{seen} lies in the review band {rule.review_above:g} to {rule.reject_above:g}."


def measured(rule: Rule, judged: Judged) -> str:
    """Return a measure with its name and unit."""
    if judged.measure == NUMBER:
        within = rule.count.per_mm if rule.count else None
        return f"{judged.value:g} of them" + ("" if within is None else f" within {within:g} mm")
    name, unit = NAMES[judged.measure]
    return f"{name} {judged.value:.2f} {unit}"

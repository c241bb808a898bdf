"""The rule that turns views into a verdict, and says by what it came to it.

Every finding is judged by the recipe's rule set; the worst decides. Without a rule set of its own a
recipe has two bands of the score: a defect at or above the reject score is NG, one in the band below
REVIEW. What no good part has (an anomaly) is a defect that nobody has named: alone it is REVIEW, unless
the recipe says from which score it rejects. A part in which no rule finds anything is OK only when no
frame was refused and no view is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from vision import rules
from vision.quality import Limits, describe
from vision.records import Decision, Finding, Findings, Outcome, View
from vision.rules import Judged, Level, RuleSet
from vision.rules.records import ANOMALY
from vision.rules.say import sentence

FEATURES = ("good", "Weld")
"""Classes that say what is there, not what is wrong."""
GATE, VIEWS = "quality gate", "views"
MODEL, RECIPE, RELEASE, BYPASS = "model", "recipe", "release", "bypass"
"""What decides on a part besides the rule set: on one that was seen, and on one that nobody judged."""

SENTENCES = {
    "too_small": "the picture is too small",
    "shrunk_too_far": "the picture is too large for what the model looks through",
    "too_dark": "the picture is too dark",
    "too_bright": "the picture is too bright",
    "no_contrast": "the picture shows nothing",
    "blank_area": "part of the picture is blank",
    "blurred": "the picture is blurred",
    "occluded": "something covers the part",
    "frozen": "the picture is the one of the part before",
    "empty": "the picture has no bytes",
    "unreadable": "the picture cannot be read",
    "unknown_format": "the file is no JPEG, PNG or BMP",
    "half_picture": "only part of the picture arrived",
    "damaged_picture": "part of the picture's data is damaged",
    "too_large": "the picture is too large to be decoded",
    "too_many_scans": "the picture would take too long to be decoded",
    "wrong_colours": "the picture's colours are not 8-bit grey or RGB",
    "wrong_size": "the picture has not the bytes that its size needs",
    "bad_metadata": "the camera's message cannot be read",
}


@dataclass(frozen=True)
class Recipe:
    """What is asked of a part number: bands of the score, classes that are no defects, views, limits."""

    part_number: str
    review_above: float = 0.25
    reject_above: float = 0.5
    anomaly_reject_above: float | None = None
    """Score from which an anomaly rejects (0.5 is the limit of good parts); None: it never does alone."""
    features: tuple[str, ...] = FEATURES
    views: tuple[str, ...] = ()
    """Views that every part must have; empty where each frame is a part of its own."""
    limits: Limits = field(default_factory=Limits)
    name: str = ""
    version: str = ""
    rule_set: RuleSet | None = None
    """What is asked of each class; None: the two bands above."""
    mm_per_pixel: tuple[tuple[str, float], ...] = ()
    """Calibration: a view, and how many millimetres of the part a pixel of its frames shows."""
    references: tuple[tuple[str, str], ...] = ()
    """A view, and the SHA-256 of its reference picture."""
    conditions: str = ""
    """The SHA-256 of what it judges under: exposure, master parts and tolerance; empty: it names none."""

    @cached_property
    def rules(self) -> RuleSet:
        """Return the rule set that holds."""
        bands = self.review_above, self.reject_above, self.features, self.anomaly_reject_above
        return self.rule_set or rules.two_bands(*bands)

    @cached_property
    def calibration(self) -> dict[str, float]:
        """Return millimetres per pixel by view."""
        return dict(self.mm_per_pixel)

    @property
    def title(self) -> str:
        """Return its name and version."""
        return f"{self.name} {self.version}".strip()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that the recipe says; what it leaves out does not enter."""
        content = {**asdict(self), "limits": describe(self.limits)}
        return digest({key: item for key, item in content.items() if key not in LATER or item})


LATER = ("name", "version", "rule_set", "mm_per_pixel", "references", "conditions")
"""What a recipe may leave out: hashes of recipes from before these keys hold."""


class Ruling(NamedTuple):
    """What is said of a part."""

    outcome: Outcome
    reason: str
    """In one sentence."""
    decision: Decision
    views: tuple[View, ...]
    """With what each finding was judged to be."""


def digest(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of a mapping's canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe_findings(findings: Findings, iso6520: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return findings in their JSON form, best first; the code only where the class is an imperfection."""
    names = [findings.classes[label] for label in findings.labels.tolist()]
    boxes = [tuple(round(side, 2) for side in box) for box in findings.boxes.astype(float).tolist()]
    scores = [round(score, 6) for score in findings.scores.astype(float).tolist()]
    return tuple(
        Finding(name, score, (box[0], box[1], box[2], box[3]), iso6520.get(name, ""))
        for name, score, box in zip(names, scores, boxes, strict=True)
    )


def judge(recipe: Recipe, views: Sequence[View]) -> Ruling:
    """Return what is said of a part, why in one sentence, and by which rule."""
    judged = [rules.decide(recipe.rules, view) for view in views]
    told = tuple(tell(view, items) for view, items in zip(views, judged, strict=True))
    worst = rules.ruled(item for items in judged for item in items)
    if worst and worst.level >= Level.REVIEW:
        outcome = Outcome.NG if worst.level is Level.REJECT else Outcome.REVIEW
        return Ruling(outcome, sentence(recipe.rules, worst), decision_of(recipe.rules, worst), told)
    if doubt := first_doubt(recipe, views):
        return Ruling(Outcome.REVIEW, *doubt, told)
    return Ruling(Outcome.OK, passed(judged), decided(recipe.rules, recipe.rules.other.name), told)


def worst_named(findings: Iterable[Finding]) -> float | None:
    """Return the score of the worst defect that has a name; None where there is none."""
    scores = (item.score for item in findings if item.label not in (*FEATURES, ANOMALY))
    return max(scores, default=None)


def tell(view: View, judged: Sequence[Judged]) -> View:
    """Return a view whose findings say what they were judged to be."""
    if not judged:
        return view
    findings = (
        replace(item.finding, rule=item.rule.name if item.rule else "", judged=item.level.word)
        for item in judged
    )
    return replace(view, findings=tuple(findings))


def decision_of(rule_set: RuleSet, judged: Judged) -> Decision:
    """Return the decision that a finding made."""
    rule = judged.rule.name if judged.rule else ""
    found: dict[str, Any] = {"view": judged.view.view, "finding": judged.place, "measure": judged.measure}
    return decided(rule_set, rule, value=judged.value, bound=judged.bound, **found)


def decided(rule_set: RuleSet, rule: str, **found: Any) -> Decision:
    """Return a decision of a rule set."""
    return Decision(rule, rule_set.title, rule_set.process, rule_set.standard, **found)


def passed(judged: Sequence[Sequence[Judged]]) -> str:
    """Return why a part is good."""
    views = f"{len(judged)} {'view' if len(judged) == 1 else 'views'}"
    accepted = sum(item.level is Level.ACCEPTED for items in judged for item in items)
    return f"{accepted} within limits, no defect in {views}." if accepted else f"No defect in {views}."


def first_doubt(recipe: Recipe, views: Sequence[View]) -> tuple[str, Decision] | None:
    """Return why a part without a defect cannot be passed; None when it can."""
    for view in views:
        if view.rejected:
            why = SENTENCES.get(view.rejected, view.rejected)
            return f"View {view.view}: {why}.", decided(recipe.rules, GATE, view=view.view)
    missing = sorted(set(recipe.views) - {view.view for view in views})
    if missing or not views:
        return f"Missing views: {', '.join(missing) or 'all'}.", decided(recipe.rules, VIEWS)
    return None


__all__ = [
    "ANOMALY",
    "FEATURES",
    "SENTENCES",
    "Recipe",
    "Ruling",
    "describe_findings",
    "digest",
    "judge",
    "worst_named",
]

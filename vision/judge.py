"""The rule that turns views into a verdict.

No defect and a passed quality gate is OK; a defect at or above the reject score is NG; anything else
is REVIEW: a defect in the band below, a refused or unreadable frame, a view that is missing. What no
good part has (an anomaly) is a defect that nobody has named: alone it is REVIEW, unless the recipe
says from which score it rejects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from vision.quality import Limits, describe
from vision.records import Finding, Findings, Outcome, View

FEATURES = ("good", "Weld")
"""Classes that say what is there, not what is wrong."""

ANOMALY = "anomaly"
"""The class of what no good part has; it has a band of its own."""

SENTENCES = {
    "too_small": "the picture is too small",
    "too_dark": "the picture is too dark",
    "too_bright": "the picture is too bright",
    "no_contrast": "the picture shows nothing",
    "blank_area": "part of the picture is blank",
    "blurred": "the picture is blurred",
    "empty": "the picture has no bytes",
    "unreadable": "the picture cannot be read",
    "unknown_format": "the file is no JPEG, PNG or BMP",
    "half_picture": "only part of the picture arrived",
    "too_large": "the picture is too large to be decoded",
    "too_many_scans": "the picture would take too long to be decoded",
    "wrong_colours": "the picture's colours are not 8-bit grey or RGB",
    "wrong_size": "the picture has not the bytes that its size needs",
    "bad_metadata": "the camera's message cannot be read",
}


@dataclass(frozen=True, slots=True)
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

    @property
    def hash(self) -> str:
        """SHA-256 of everything that the recipe says."""
        content = {**asdict(self), "limits": describe(self.limits)}
        return digest(content)


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


def judge(recipe: Recipe, views: Sequence[View]) -> tuple[Outcome, str]:
    """Return what is said of a part, and why in one sentence."""
    defects = [(finding, view) for view in views for finding in view.findings if is_defect(recipe, finding)]
    if rejecting := [pair for pair in defects if rejects(recipe, pair[0])]:
        return Outcome.NG, f"{describe_worst(rejecting)[0]}."
    if defects:
        seen, label = describe_worst(defects)
        band = f"in the review band {recipe.review_above:g} to {recipe.reject_above:g}"
        return Outcome.REVIEW, f"{seen} lies {'above the limit of good parts' if label == ANOMALY else band}."
    if doubt := first_doubt(recipe, views):
        return Outcome.REVIEW, doubt
    return Outcome.OK, f"No defect in {len(views)} {'view' if len(views) == 1 else 'views'}."


def is_defect(recipe: Recipe, finding: Finding) -> bool:
    """Say whether a finding counts against the part; an anomaly that was told is above its limit."""
    named = finding.label not in recipe.features and finding.score >= recipe.review_above
    return named or finding.label == ANOMALY


def rejects(recipe: Recipe, finding: Finding) -> bool:
    """Say whether a defect is enough for a reject."""
    above = recipe.anomaly_reject_above if finding.label == ANOMALY else recipe.reject_above
    return above is not None and finding.score >= above


def describe_worst(defects: Sequence[tuple[Finding, View]]) -> tuple[str, str]:
    """Return what the defect with the highest score is, in words, and its class."""
    worst, view = max(defects, key=lambda pair: pair[0].score)
    return f"{worst.label} with score {worst.score:.2f} in view {view.view}", worst.label


def first_doubt(recipe: Recipe, views: Sequence[View]) -> str:
    """Return why a part without a defect cannot be passed; empty when it can."""
    for view in views:
        if view.rejected:
            why = SENTENCES.get(view.rejected, view.rejected)
            return f"View {view.view}: {why}."
    missing = sorted(set(recipe.views) - {view.view for view in views})
    if missing or not views:
        return f"Missing views: {', '.join(missing) or 'all'}."
    return ""

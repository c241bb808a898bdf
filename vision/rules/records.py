"""What a rule set says: bands of the score, bounds of size and number, by class or ISO 6520-1 number.

The numbers are those that a person entered, who read them in a standard or a customer's drawing; no
text of any standard stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from vision.records import Finding

ANOMALY = "anomaly"
"""The class of what no good part has, and the rule that judges it where a rule set has none."""
OTHER = "score"
"""The rule of what no other governs."""

LENGTH, AREA, DEPTH = "length_mm", "area_mm2", "depth_mm"


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of one measure: below ``review_from`` accepted, from ``reject_from`` on rejected."""

    measure: str
    """``length_mm``, ``area_mm2`` or ``depth_mm``."""
    review_from: float
    reject_from: float


@dataclass(frozen=True, slots=True)
class Count:
    """Bounds of how many findings of one rule may lie within ``per_mm`` along the seam."""

    review_from: int
    reject_from: int
    per_mm: float | None = None
    """None: in the whole view."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of some classes.

    Without bounds of size or number the score alone decides: from ``review_above`` on the part is to be
    reviewed, from ``reject_above`` on it is rejected. With them the score says only whether the finding is
    believed: one between the two scores never rejects, whatever its size.
    """

    name: str
    classes: tuple[str, ...] = ()
    iso6520: tuple[str, ...] = ()
    review_above: float = 0.25
    reject_above: float | None = 0.5
    """None: it never rejects."""
    limits: tuple[Limit, ...] = ()
    count: Count | None = None

    def governs(self, finding: Finding) -> bool:
        """Say whether it is asked of this finding."""
        return finding.label in self.classes or bool(finding.iso6520 and finding.iso6520 in self.iso6520)

    @property
    def by_score(self) -> bool:
        """Whether the score alone decides."""
        return not self.limits and self.count is None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in order, of which the first that governs a finding decides; ``other`` takes the rest."""

    name: str
    other: Rule
    rules: tuple[Rule, ...] = ()
    version: str = ""
    process: str = ""
    """The welding process, e.g. ``135``, ISO 4063's number of MAG welding."""
    standard: str = ""
    """Where the numbers are from, e.g. ``ISO 5817 level C``."""
    features: tuple[str, ...] = ()
    """Classes that say what is there, not what is wrong."""
    entered_by: str = ""
    """Who entered the numbers."""

    def rule_of(self, finding: Finding) -> Rule | None:
        """Return the rule that decides on a finding; None for a feature."""
        if finding.label in self.features:
            return None
        return next((rule for rule in self.rules if rule.governs(finding)), self.other)

    @property
    def floor(self) -> float:
        """Return the lowest score that may count; what lies below need not be told."""
        return min(rule.review_above for rule in (*self.rules, self.other) if ANOMALY not in rule.classes)

    @property
    def title(self) -> str:
        """Return its name and version."""
        return f"{self.name} {self.version}".strip()


def two_bands(
    review_above: float, reject_above: float, features: tuple[str, ...], anomaly_reject_above: float | None
) -> RuleSet:
    """Return the rule set of a recipe that names none: one band of the score, and one of the anomaly's."""
    return RuleSet(
        "two bands",
        Rule(OTHER, (), (), review_above, reject_above),
        (anomaly_rule(anomaly_reject_above),),
        features=features,
    )


def anomaly_rule(reject_above: float | None) -> Rule:
    """Return the rule of what nobody has named: any that was told lies above the limit of good parts."""
    return Rule(ANOMALY, (ANOMALY,), (), 0.0, reject_above)

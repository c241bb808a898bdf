"""A rule set as a file of its own: YAML that a person edits and a station or recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from engine.plant.document import Document, NotYaml
from engine.plant.errors import PlantError
from engine.plant.explain import explain
from engine.plant.file import refusal
from engine.plant.section import Positive, Score, Section
from vision.judge import BYPASS, FEATURES, GATE, MODEL, RECIPE, RELEASE, VIEWS
from vision.rules import Count, Limit, Rule, RuleSet
from vision.rules.records import ANOMALY, AREA, DEPTH, LENGTH, OTHER, anomaly_rule

Number = Annotated[int, Field(ge=1)]
Named = Annotated[str, Field(min_length=1)]
SOURCES = {
    "process": 'process: "135" (its number in ISO 4063, or as it is called)',
    "standard": "standard: ISO 5817 C (with its level, or the customer's drawing)",
}
"""What a rule set must name, and how it is written."""
RESERVED = (OTHER, ANOMALY, GATE, VIEWS, MODEL, RECIPE, RELEASE, BYPASS)
"""What verdicts call a rule that is in no rule set; one of anomalies may be called so all the same."""


class Bounds(Section):
    """From where on a measure asks for a review, and from where on it rejects."""

    review_from: Positive
    """From here on the part is to be reviewed."""
    reject_from: Positive
    """From here on it is rejected."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.review_from, self.reject_from)
        return self

    def limit(self, measure: str) -> Limit:
        """Return the limit of a measure."""
        return Limit(measure, self.review_from, self.reject_from)


class NumberBounds(Section):
    """How many findings of a rule may lie within a length."""

    review_from: Number
    """From so many on the part is to be reviewed."""
    reject_from: Number
    """From so many on it is rejected."""
    per_mm: Positive | None = None
    """Within so many millimetres along the seam; left out: in the whole view."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.review_from, self.reject_from)
        return self


class RuleSection(Section):
    """What is asked of some classes."""

    name: Named
    """What verdicts call it."""
    classes: list[str] = []
    """Classes of the model, or ``anomaly``."""
    iso6520: list[str] = []
    """Reference numbers of ISO 6520-1, where the model's card says them."""
    review_above: Score | None = None
    """Score from which a finding counts; left out: as the station or recipe says."""
    reject_above: Score | None = None
    """Score from which it may reject, not below ``review_above``; left out: as the station or recipe says."""
    length_mm: Bounds | None = None
    """Longer side of the finding's box; needs a calibration of the view."""
    area_mm2: Bounds | None = None
    """Area of the finding's box; needs a calibration of the view."""
    depth_mm: Bounds | None = None
    """Depth; without height data the part is to be reviewed."""
    count: NumberBounds | None = None
    """How many there may be."""

    @model_validator(mode="after")
    def _governs_something(self) -> Self:
        if not self.classes and not self.iso6520:
            raise ValueError(f"the rule {self.name} has neither classes nor iso6520; name one of both")
        return self

    @model_validator(mode="after")
    def _is_not_reserved(self) -> Self:
        if self.name in RESERVED and (self.name != ANOMALY or ANOMALY not in self.classes):
            raise ValueError(f"no rule may be named {self.name}: verdicts call something else so; rename it")
        return self

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        rule = self.rule(0.0, 1.0)
        if passes_rejects(rule):
            raise ValueError(
                f"the rule {rule.name} would pass what it rejects: review_above {rule.review_above:g} lies"
                f" above reject_above {rule.reject_above:g}; make it the lower of the two"
            )
        return self

    def rule(self, review_above: float, reject_above: float) -> Rule:
        """Return the rule, with the bands of the recipe where it has none."""
        sizes = {LENGTH: self.length_mm, AREA: self.area_mm2, DEPTH: self.depth_mm}
        return Rule(
            self.name,
            tuple(self.classes),
            tuple(self.iso6520),
            review_above if self.review_above is None else self.review_above,
            reject_above if self.reject_above is None else self.reject_above,
            tuple(bounds.limit(measure) for measure, bounds in sizes.items() if bounds),
            Count(**self.count.model_dump()) if self.count else None,
        )


class RuleFile(Section):
    """A rule set: numbers that a person entered, with the names of process and standard."""

    name: Named
    """What verdicts call it."""
    version: Named
    """Raised with every change, so that people can tell two of a name apart."""
    entered_by: Named
    """Who entered the numbers, and answers for them."""
    process: str = ""
    """The welding process, by its number in ISO 4063 or as it is called."""
    standard: str = ""
    """Where the numbers are from, with its level; a customer's drawing is one, too."""
    features: list[str] = list(FEATURES)
    """Classes that say what is there, not what is wrong."""
    rules: list[RuleSection] = []
    """The first that governs a finding decides; what none governs is judged by the recipe's bands."""

    @model_validator(mode="after")
    def _names_its_sources(self) -> Self:
        if missing := [told for key, told in SOURCES.items() if not getattr(self, key).strip()]:
            raise ValueError(f"it does not say what its numbers rest on; write {' and '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if taken := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two rules are named {taken}; rename one of the two")
        return self

    def rule_set(self, review_above: float, reject_above: float, anomaly: float | None) -> RuleSet:
        """Return the rule set of a recipe with these bands."""
        rules = [rule.rule(review_above, reject_above) for rule in self.rules]
        return RuleSet(
            self.name,
            Rule(OTHER, (), (), review_above, reject_above),
            (*rules, *unnamed(rules, anomaly)),
            self.version,
            self.process,
            self.standard,
            tuple(self.features),
            self.entered_by,
        )


def unnamed(rules: Sequence[Rule], reject_above: float | None) -> list[Rule]:
    """Return the rule of anomalies, unless one is there."""
    return [] if any(ANOMALY in rule.classes for rule in rules) else [anomaly_rule(reject_above)]


def passes_rejects(rule: Rule) -> bool:
    """Say whether a rule rejects from a score that is too low to count."""
    return rule.reject_above is not None and rule.review_above > rule.reject_above


def check_order(review_from: float, reject_from: float) -> None:
    """Refuse bounds that would pass what they reject.

    Raises
    ------
    ValueError
        They would.
    """
    if review_from > reject_from:
        raise ValueError(
            f"review_from {review_from:g} lies above reject_from {reject_from:g};"
            " make it the lower of the two"
        )


def load_rules(path: Path) -> RuleFile:
    """Read and check a rule set.

    Raises
    ------
    PlantError
        A sentence for everything that is wrong: where it stands and what to do.
    """
    try:
        document = Document(path.read_text(encoding="utf-8"))
        if document.doubled:
            raise refusal(str(path), document.doubled)
        return RuleFile.model_validate(document.value)
    except OSError as exc:
        raise PlantError(f"The rule set {path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PlantError(f"The rule set {path} is not UTF-8; save it as UTF-8.") from exc
    except NotYaml as exc:
        raise refusal(str(path), [exc.fault]) from exc
    except ValidationError as exc:
        raise refusal(str(path), explain(exc, document, RuleFile)) from exc

"""What a rule set says of the findings of one view: pure, and worse for more findings, never better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from vision.records import Finding, View
from vision.rules.records import AREA, DEPTH, LENGTH, Count, Limit, Rule, RuleSet

SCORE, NUMBER = "score", "count"
UNKNOWN = {LENGTH: "calibration", AREA: "calibration", NUMBER: "calibration", DEPTH: "height data"}
"""What is missing where a measure is not known."""


class Level(IntEnum):
    """What a rule says of a finding, the worst last."""

    FEATURE = 0
    FAINT = 1
    """Its score is too low to count."""
    ACCEPTED = 2
    """It is there, and within its limits."""
    REVIEW = 3
    REJECT = 4

    @property
    def word(self) -> str:
        """Return it as it is written to the database."""
        return self.name.lower()


DEFECTS = (Level.REVIEW.word, Level.REJECT.word)
"""As what a finding is judged that counts against its part."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One finding (its ``place`` among the view's) with the rule that decided on it, and by what."""

    level: Level
    place: int
    finding: Finding
    view: View
    rule: Rule | None = None
    measure: str = SCORE
    value: float | None = None
    """None: nobody knows it, so it is to be reviewed."""
    bound: float | None = None
    """From where on the level holds."""


def decide(rules: RuleSet, view: View) -> list[Judged]:
    """Return what the rules say of every finding of a view, in their order."""
    judged = [judge_finding(rules, view, place) for place in range(len(view.findings))]
    counting = {item.rule.name: item.rule for item in judged if item.rule and item.rule.count}
    for rule in counting.values():
        judged = judge_number(rule, view, judged)
    return judged


def judge_finding(rules: RuleSet, view: View, place: int) -> Judged:
    """Return what is said of one finding by its score and its size."""
    finding = view.findings[place]
    rule, score = rules.rule_of(finding), finding.score
    if rule is None:
        return Judged(Level.FEATURE, place, finding, view)
    if score < rule.review_above:
        return Judged(Level.FAINT, place, finding, view, rule, SCORE, score, rule.review_above)
    believed = rule.reject_above is not None and score >= rule.reject_above
    if rule.by_score:
        level = Level.REJECT if believed else Level.REVIEW
        bound = rule.reject_above if believed else rule.review_above
        return Judged(level, place, finding, view, rule, SCORE, score, bound)
    said = [(*judge_size(limit, finding, believed), limit.measure) for limit in rule.limits]
    level, value, bound, measure = max(said, key=lambda item: item[0], default=WITHIN)
    return Judged(level, place, finding, view, rule, measure, value, bound)


WITHIN = (Level.ACCEPTED, None, None, SCORE)


def judge_size(limit: Limit, finding: Finding, believed: bool) -> tuple[Level, float | None, float | None]:
    """Return what is said of a size; one that nobody knows, or a finding half believed, never rejects."""
    size = size_of(finding, limit.measure)
    if size is None:
        return Level.REVIEW, None, limit.review_from
    if size >= limit.reject_from and believed:
        return Level.REJECT, size, limit.reject_from
    if size >= limit.review_from:
        return Level.REVIEW, size, limit.review_from
    return Level.ACCEPTED, size, limit.review_from


def size_of(finding: Finding, measure: str) -> float | None:
    """Return a measure of a finding; depth needs height data, which no camera here gives."""
    return {LENGTH: finding.length_mm, AREA: finding.area_mm2}.get(measure)


def judge_number(rule: Rule, view: View, judged: Sequence[Judged]) -> list[Judged]:
    """Return the findings again, those of a rule judged by their number too."""
    count = rule.count
    own = [item for item in judged if item.rule is rule and item.level is not Level.FAINT]
    if count is None or not own:
        return list(judged)
    sure = [item for item in own if rule.reject_above is not None and item.finding.score >= rule.reject_above]
    level, value, bound = judge_count(count, view, own, sure)
    worse = {item.place for item in own if level > item.level}
    return [
        replace(item, level=level, measure=NUMBER, value=value, bound=bound) if item.place in worse else item
        for item in judged
    ]


def judge_count(
    count: Count, view: View, own: Sequence[Judged], sure: Sequence[Judged]
) -> tuple[Level, float | None, float | None]:
    """Return what is said of a number: the sure ones may reject, all of them ask for a review."""
    if len(own) < count.review_from:
        return Level.ACCEPTED, len(own), count.review_from
    if count.per_mm is not None and view.mm_per_pixel is None:
        return Level.REVIEW, None, count.review_from
    if (most := crowd(count, view, sure)) >= count.reject_from:
        return Level.REJECT, most, count.reject_from
    most = crowd(count, view, own)
    return Level.REVIEW if most >= count.review_from else Level.ACCEPTED, most, count.review_from


def crowd(count: Count, view: View, items: Sequence[Judged]) -> int:
    """Return how many findings lie within the rule's length at most, along the seam's longer side."""
    if count.per_mm is None or view.mm_per_pixel is None:
        return len(items)
    x0, y0, x1, y1 = view.seam or (0.0, 0.0, float(view.width), float(view.height))
    axis = int(y1 - y0 >= x1 - x0)
    length = count.per_mm / view.mm_per_pixel
    places = sorted((item.finding.box[axis] + item.finding.box[axis + 2]) / 2 for item in items)
    most = first = 0
    for last, place in enumerate(places):
        while place - places[first] > length:
            first += 1
        most = max(most, last - first + 1)
    return most


def ruled(judged: Iterable[Judged]) -> Judged | None:
    """Return the finding that decides: the worst, of equals the surest, then the first."""
    return max(judged, key=lambda item: (item.level, item.finding.score), default=None)

"""Can a station be trusted? Verdicts beside the truth: what escaped, what was rejected without cause.

An escape is a defective part that was judged OK, overkill a sound part that was judged NG. A part sent
to review is neither; how many are is told, for a person has to look at them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from vision.records import Outcome

CONFIDENCE = 0.95


class Judgement(NamedTuple):
    """What was said of a part, and what is truly wrong with it; nothing where it is sound."""

    outcome: Outcome
    kinds: tuple[str, ...]


class Tally(NamedTuple):
    """What would become of whole parts."""

    defective: int
    sound: int
    escaped: int
    """Defective parts in none of whose pictures a defect was found."""
    overkill: int
    """Sound parts in one of whose pictures a defect was found."""


def tally(pictures: Iterable[tuple[Hashable, bool, bool]]) -> Tally:
    """Count parts by their pictures: of each its part, whether it shows a defect, whether one was found.

    Examples
    --------
    >>> tally([("a", True, False), ("a", False, True), ("b", True, False), ("c", False, False)])
    Tally(defective=2, sound=1, escaped=1, overkill=0)
    """
    flawed, alarmed = defaultdict[Hashable, bool](bool), defaultdict[Hashable, bool](bool)
    for part, shows, found in pictures:
        flawed[part] |= bool(shows)
        alarmed[part] |= bool(found)
    defective = [part for part, is_flawed in flawed.items() if is_flawed]
    escaped = sum(not alarmed[part] for part in defective)
    sound = len(flawed) - len(defective)
    return Tally(len(defective), sound, escaped, sum(alarmed.values()) - len(defective) + escaped)


def counted(grouped: bool) -> str:
    """Return what rates are rates of: pictures, where nobody says which of them show the same part."""
    return "parts" if grouped else "pictures"


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a rate; 1 where nothing was tried.

    Examples
    --------
    >>> round(upper_bound(0, 500), 4)
    0.006
    """
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if at_most(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def at_most(events: int, trials: int, rate: float) -> float:
    """Return how probable it is that so many events or fewer happen, each with chance ``rate``."""
    if rate <= 0 or rate >= 1:
        return float(rate <= 0)
    terms = (
        math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
        + count * math.log(rate) + (trials - count) * math.log1p(-rate)
        for count in range(events + 1)
    )  # fmt: skip
    return math.fsum(math.exp(term) for term in terms)


def figures(judged: Iterable[Judgement]) -> dict[str, Any]:
    """Return rates with their upper bounds, of all parts and of each kind of flaw."""
    held = list(judged)
    defective, sound = [item for item in held if item.kinds], [item for item in held if not item.kinds]
    escaped, rejected = count(defective, Outcome.OK), count(sound, Outcome.NG)
    kinds = sorted({kind for item in defective for kind in item.kinds})
    return {
        "parts": len(held),
        "defective": len(defective),
        "sound": len(sound),
        "escaped": escaped,
        "overkill": rejected,
        "escape_rate": rate(escaped, len(defective)),
        "escape_upper95": round(upper_bound(escaped, len(defective)), 5),
        "overkill_rate": rate(rejected, len(sound)),
        "overkill_upper95": round(upper_bound(rejected, len(sound)), 5),
        "review_rate": rate(count(held, Outcome.REVIEW), len(held)),
        "review_rate_sound": rate(count(sound, Outcome.REVIEW), len(sound)),
        "kinds": {kind: of_kind([item for item in defective if kind in item.kinds]) for kind in kinds},
    }


def of_kind(parts: Sequence[Judgement]) -> dict[str, Any]:
    """Return what became of the parts with one kind of flaw."""
    escaped = count(parts, Outcome.OK)
    return {
        "parts": len(parts),
        "escaped": escaped,
        "review": count(parts, Outcome.REVIEW),
        "rejected": count(parts, Outcome.NG),
        "escape_upper95": round(upper_bound(escaped, len(parts)), 5),
    }


def count(parts: Iterable[Judgement], outcome: Outcome) -> int:
    """Return how many parts were judged so."""
    return sum(item.outcome is outcome for item in parts)


def rate(events: int, trials: int) -> float:
    """Return events in trials, 0 where nothing was tried."""
    return round(events / trials, 5) if trials else 0.0

"""The bands of the demo's station, chosen on parts of validation seeds: what each would let through."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cluster.demo_station import simulated_station
from cluster.proof import beside_truth, picture_size, worst_score
from engine.inspectors import load_inspector
from engine.paths import Home
from vision import trial
from vision.records import Outcome, Verdict
from vision.simulate.protocol import VALIDATION_SEEDS

PARTS = 600
SCORES = tuple(step / 100 for step in range(5, 96, 5))
"""Scores among which the bands are chosen."""
OVERKILL = 0.005
"""Overkill that ``reject_above`` may cause: half of what is aimed at, as these parts are few."""


class Worst(NamedTuple):
    """The highest score of a defect in a part, and whether the part has one."""

    score: float
    defective: bool


def run() -> dict[str, Any]:
    """Judge validation parts once and return the bands that follow, with what they cost there."""
    section = simulated_station().model_copy(update={"review_above": SCORES[0]})
    inspector = load_inspector(section.name, section, Home(Path("nowhere")))
    seen: list[Worst] = []
    rows = trial.parts_of(VALIDATION_SEEDS, PARTS, section.views, picture_size(section))
    workers = len(os.sched_getaffinity(0))
    trial.judge(rows, inspector, lambda _, verdict: seen.append(worst(verdict)), workers)
    return choose(seen)


def worst(verdict: Verdict) -> Worst:
    """Return the highest score of what counts as a defect, 0 where nothing does."""
    return Worst(worst_score(verdict), bool(beside_truth(verdict.serial, Outcome.OK).kinds))


def choose(seen: Sequence[Worst]) -> dict[str, Any]:
    """Return the lowest score at which hardly a sound part is rejected, and the highest that nothing escapes.

    Where something escapes at every score, the lowest of them is taken for the review band.
    """
    defective = [part.score for part in seen if part.defective]
    sound = [part.score for part in seen if not part.defective]
    reject = next((score for score in SCORES if share(sound, score) <= OVERKILL), SCORES[-1])
    safe = [score for score in SCORES if score <= reject and share(defective, score) == 1]
    review = max(safe, default=SCORES[0])
    return {
        "review_above": review,
        "reject_above": reject,
        "parts": len(seen),
        "escape_rate": round(1 - share(defective, review), 5),
        "overkill_rate": round(share(sound, reject), 5),
        "review_rate_sound": round(share(sound, review) - share(sound, reject), 5),
        **{f"escapes_at_{score}": sum(one < score for one in defective) for score in SCORES},
        **{f"sound_at_{score}": sum(one >= score for one in sound) for score in SCORES},
    }


def share(scores: Sequence[float], least: float) -> float:
    """Return the share of scores that reach ``least``."""
    return sum(score >= least for score in scores) / max(1, len(scores))

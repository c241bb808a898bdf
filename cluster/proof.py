"""What the demo's station is worth: its verdicts beside what the parts truly were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from engine.inspectors import load_inspector
from engine.paths import Home
from engine.plant import SimulatedCamera, StationSection
from vision import trial
from vision.acceptance import Judgement, figures
from vision.assembly import Part
from vision.calibration import reliability
from vision.lazy import MeanPicture
from vision.records import Outcome, Verdict
from vision.rules import DEFECTS
from vision.simulate.line import truth
from vision.simulate.protocol import HELD_OUT_SEEDS, VALIDATION_SEEDS

FITTED_ON = 120
"""Parts of validation seeds whose sound ones the lazy baseline takes its mean from."""


def prove(home: Home, section: StationSection, parts: int, tell: Callable[[], None]) -> dict[str, Any]:
    """Send held-out parts through a simulated station's chain; ``tell`` is called after each.

    Raises
    ------
    ModelError
        The station's model is not there or not whole.
    """
    inspector = load_inspector(section.name, section, home)
    size = picture_size(section)
    lazy = MeanPicture(sound(trial.parts_of(VALIDATION_SEEDS, FITTED_ON, section.views, size)))
    judged: list[Judgement] = []
    lazily: list[Judgement] = []
    scores: list[float] = []

    def compare(part: Part, verdict: Verdict) -> None:
        judged.append(beside_truth(verdict.serial, verdict.outcome))
        scores.append(worst_score(verdict))
        lazily.append(beside_truth(verdict.serial, lazy.judge(part)))
        tell()

    rows = trial.parts_of(HELD_OUT_SEEDS, parts, section.views, size)
    trial.judge(rows, inspector, compare, workers=len(os.sched_getaffinity(0)))
    found = figures(lazily)
    return {
        **figures(judged),
        "lazy_escape_rate": found["escape_rate"],
        "lazy_overkill_rate": found["overkill_rate"],
        "calibration": reliability(scores, [bool(item.kinds) for item in judged]).as_dict(),
        "model": inspector.versions.model,
    }


def worst_score(verdict: Verdict) -> float:
    """Return the score of a part's worst defect, 0 where none was told."""
    told = (finding for view in verdict.views for finding in view.findings if finding.judged in DEFECTS)
    return max((finding.score for finding in told), default=0.0)


def picture_size(section: StationSection) -> int:
    """Return the side of the pictures that a station's simulated cameras give."""
    return max(camera.size for camera in section.cameras if isinstance(camera, SimulatedCamera))


def sound(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield the parts that have no flaw."""
    return (part for part in parts if not beside_truth(part.serial, Outcome.OK).kinds)


def beside_truth(serial: str, outcome: Outcome) -> Judgement:
    """Lay what is said of a simulated part beside the truth.

    Raises
    ------
    ValueError
        The serial names no simulated part.
    """
    part = truth(serial)
    if part is None:
        raise ValueError(f"the serial {serial!r} names no simulated part")
    return Judgement(outcome, part.kinds)


RUNNING_SQL = r"SELECT serial, outcome FROM verdicts WHERE station = %s AND serial ~ '^P\d+-\d+-\d+$'"


def prove_running(dsn: str, station: str) -> dict[str, Any]:
    """Lay the verdicts that a simulated station has committed beside the truth."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(RUNNING_SQL, [station]).fetchall()
    return figures(beside_truth(serial, Outcome(outcome)) for serial, outcome in rows)

"""What a station judges by: for each part number the inspector of its recipe and its models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.paths import Home
from engine.plant import Judging, PlantError
from engine.recipe import Settled, settle
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.assembly import Part
from vision.detect import TOGETHER, Detector
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.records import Verdict
from vision.reference import ReferenceUnreadable
from vision.registry import Model


class Judge(Protocol):
    """Whoever says something of every part of one number: an inspector, or one who refuses to judge."""

    @property
    def recipe(self) -> Recipe:
        """What is asked of the parts."""

    def inspect_parts(self, parts: Sequence[Part]) -> list[Verdict]:
        """Judge parts, each by all its frames and as if it were alone."""


class Inspectors:
    """The inspectors of a station by part number; each may be exchanged while the station works.

    A part that is being judged is judged to its end by the inspector it began with.
    """

    def __init__(self, inspectors: Iterable[Judge]) -> None:
        self._inspectors: dict[str, Judge] = {item.recipe.part_number: item for item in inspectors}

    def of(self, part_number: str) -> Judge:
        """Return the inspector of a part number.

        Raises
        ------
        KeyError
            The station has no recipe for it.
        """
        return self._inspectors[part_number]

    def exchange(self, inspector: Judge) -> None:
        """Judge the inspector's part number by it from the next part on."""
        self._inspectors = self._inspectors | {inspector.recipe.part_number: inspector}


def load_inspector(station: str, section: Judging, home: Home, detector: Detector | None = None) -> Inspector:
    """Return the inspector of a recipe as the plant file describes it, with ``detector`` instead of its own.

    Raises
    ------
    ModelError
        A model or the bank of good parts is not there or not whole.
    PlantError
        A rule set or reference cannot be read.
    """
    return build_inspector(
        station, settle(section), detector or _detector(section, home), _bank(section, home)
    )


def build_inspector(
    station: str, settled: Settled, detector: Detector | None, bank: AnomalyDetector | None
) -> Inspector:
    """Return the inspector of a recipe by models that are open already.

    Raises
    ------
    PlantError
        A reference is no picture.
    """
    try:
        return Inspector(station, detector, settled.recipe, bank, settled.references)
    except ReferenceUnreadable as exc:
        raise PlantError(f"A reference of {settled.name} is no picture: {exc}.") from exc


def _detector(section: Judging, home: Home) -> Detector | None:
    if section.model is None:
        return None
    return open_detector(registry.find(section.model, (home.models,)))


def _bank(section: Judging, home: Home) -> AnomalyDetector | None:
    if section.anomaly is None:
        return None
    places = (home.models,)
    return AnomalyDetector.of(anomaly.find(section.anomaly, places), places, lanes=lanes())


def open_detector(model: Model) -> Detector:
    """Open a detector for a station: a lane a core, which look at several pictures where many wait."""
    return Detector(model, lanes=lanes(), together=TOGETHER)


def lanes() -> int:
    """Return how many parts are inspected at once: one a core of this process."""
    return len(os.sched_getaffinity(0))

"""What a station judges by: for each part number the inspector of its recipe and its models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.paths import Home
from engine.plant import StationSection
from engine.recipe import recipe_of
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.detect import Detector
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.records import Frame, Verdict


class Judge(Protocol):
    """Whoever says something of every part of one number: an inspector, or one who refuses to judge."""

    @property
    def recipe(self) -> Recipe:
        """What is asked of the parts."""

    def inspect(self, frames: Sequence[Frame], attempt: int = 1) -> Verdict:
        """Judge one part by all its frames."""


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


def load_inspector(section: StationSection, home: Home, detector: Detector | None = None) -> Inspector:
    """Return the inspector of a station as the plant file describes it, with ``detector`` instead of its own.

    Raises
    ------
    ModelError
        A model or the bank of good parts is not there or not whole.
    """
    return Inspector(
        section.name, detector or _detector(section, home), recipe_of(section), _bank(section, home)
    )


def _detector(section: StationSection, home: Home) -> Detector | None:
    if section.model is None:
        return None
    return Detector(registry.find(section.model, (home.models,)), lanes=_lanes())


def _bank(section: StationSection, home: Home) -> AnomalyDetector | None:
    if section.anomaly is None:
        return None
    places = (home.models,)
    return AnomalyDetector.of(anomaly.find(section.anomaly, places), places, lanes=_lanes())


def _lanes() -> int:
    return len(os.sched_getaffinity(0))

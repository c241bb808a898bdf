"""What a station judges by: for each part number the inspector of its recipe and its models."""

from __future__ import annotations

import os
from collections.abc import Iterable

from engine.paths import Home
from engine.plant import Judging, Plant, PlantError, StationSection
from engine.recipe import recipe_of, references_of, sections_of
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.detect import Detector
from vision.inspector import Inspector
from vision.reference import ReferenceUnreadable


class Inspectors:
    """The inspectors of a station by part number; each may be exchanged while the station works.

    A part that is being judged is judged to its end by the inspector it began with.
    """

    def __init__(self, inspectors: Iterable[Inspector]) -> None:
        self._inspectors = {inspector.recipe.part_number: inspector for inspector in inspectors}

    def of(self, part_number: str) -> Inspector:
        """Return the inspector of a part number.

        Raises
        ------
        KeyError
            The station has no recipe for it.
        """
        return self._inspectors[part_number]

    def exchange(self, inspector: Inspector) -> None:
        """Judge the inspector's part number by it from the next part on."""
        self._inspectors = self._inspectors | {inspector.recipe.part_number: inspector}


def load_inspectors(
    station: StationSection, plant: Plant, home: Home, detector: Detector | None = None
) -> Inspectors:
    """Return an inspector for each recipe that a station may run; recipes of one model share it.

    Raises
    ------
    ModelError
        A model or the bank of good parts is not there or not whole.
    PlantError
        A rule set or reference cannot be read.
    """
    detectors: dict[str | None, Detector | None] = {}
    found = []
    for section in sections_of(station, plant):
        if section.model not in detectors:
            detectors[section.model] = detector or _detector(section, home)
        found.append(load_inspector(section, home, detectors[section.model], station.name))
    return Inspectors(found)


def load_inspector(
    section: Judging, home: Home, detector: Detector | None = None, station: str = ""
) -> Inspector:
    """Return the inspector of a recipe as the plant file describes it, with ``detector`` instead of its own.

    Raises
    ------
    ModelError
        A model or the bank of good parts is not there or not whole.
    PlantError
        A rule set or reference cannot be read.
    """
    found, recipe = detector or _detector(section, home), recipe_of(section)
    try:
        return Inspector(station or section.name, found, recipe, _bank(section, home), references_of(section))
    except ReferenceUnreadable as exc:
        raise PlantError(f"A reference of {section.name} is no picture: {exc}.") from exc


def _detector(section: Judging, home: Home) -> Detector | None:
    if section.model is None:
        return None
    return Detector(registry.find(section.model, (home.models,)), lanes=_lanes())


def _bank(section: Judging, home: Home) -> AnomalyDetector | None:
    if section.anomaly is None:
        return None
    places = (home.models,)
    return AnomalyDetector.of(anomaly.find(section.anomaly, places), places, lanes=_lanes())


def _lanes() -> int:
    return len(os.sched_getaffinity(0))

"""Who judges when nobody may: every part is REVIEW with the reason, and its frames are accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vision import unjudged
from vision.assembly import Part
from vision.judge import MODEL, RECIPE, Recipe
from vision.records import Verdict, Versions

SHORT = {MODEL: unjudged.NO_MODEL, RECIPE: unjudged.NO_RECIPE}


class Refusal:
    """Say of every part of a station that nothing may be said of it, and why.

    Its verdicts name no model and no preprocessing: none looked.
    """

    def __init__(self, station: str, recipe: Recipe, reason: str, rule: str = MODEL) -> None:
        self.station = station
        self.recipe = recipe
        self.reason = reason
        self._rule = rule

    def inspect_parts(self, parts: Sequence[Part]) -> list[Verdict]:
        """Send parts to review."""
        return [self._refuse(part) for part in parts]

    def _refuse(self, part: Part) -> Verdict:
        told = (self._rule, self.reason, SHORT[self._rule])
        number = self.recipe.part_number
        verdict = unjudged.unjudged(self.station, number, part.frames, part.attempt, *told)
        return replace(verdict, versions=Versions(model="", preprocessing="", recipe=self.recipe.hash))

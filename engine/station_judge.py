"""What a station says of a part: by the recipe of its part number, and by nobody else's."""

from __future__ import annotations

from collections.abc import Callable

from engine.inspectors import Inspectors
from vision.assembly import Part
from vision.records import Verdict
from vision.unjudged import unjudged

RECIPE = "recipe"
"""What decides where there is no recipe, and whose trouble it is."""
NO_RECIPE = "no_recipe"
JUDGING = (RECIPE,)
"""What a station may lack to judge its parts, by the names of its troubles."""


class StationJudge:
    """Judge parts; safe to call from several threads.

    Parameters
    ----------
    station
        Its name.
    inspectors
        One for each part number that the station has a recipe for.
    number
        Tells the part number of a part.
    """

    def __init__(self, station: str, inspectors: Inspectors, number: Callable[[Part], str]) -> None:
        self.troubles: dict[str, str] = {}
        self._station = station
        self._inspectors = inspectors
        self._number = number

    def judge(self, part: Part) -> Verdict:
        """Return what is said of a part; one without a recipe is never judged by another's."""
        number = self._number(part)
        try:
            inspector = self._inspectors.of(number)
        except KeyError:
            return self._unknown(part, number)
        self.troubles.pop(RECIPE, None)
        return inspector.inspect(part.frames, part.attempt)

    def _unknown(self, part: Part, number: str) -> Verdict:
        why = f"No recipe for part number {number} at this station."
        self.troubles[RECIPE] = why
        return unjudged(self._station, number, part.frames, part.attempt, RECIPE, why, NO_RECIPE)

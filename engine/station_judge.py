"""What a station says of a part: by the recipe of its part number, while it is released and not bypassed."""

from __future__ import annotations

from collections.abc import Callable

from engine.inspectors import Inspectors
from engine.release.gate import BYPASS, RELEASE, Gate, bypassed
from vision import unjudged
from vision.assembly import Part
from vision.inspector import Inspector
from vision.records import Verdict

RECIPE = "recipe"
"""What decides where there is no recipe, and whose trouble it is."""
JUDGING = (RECIPE, RELEASE)
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
    gate
        The station's release.
    """

    def __init__(
        self, station: str, inspectors: Inspectors, number: Callable[[Part], str], gate: Gate
    ) -> None:
        self._station = station
        self._inspectors = inspectors
        self._number = number
        self._gate = gate
        self._unknown = ""

    @property
    def troubles(self) -> dict[str, str]:
        """Return what keeps it from judging, by what it lacks."""
        found = {RECIPE: self._unknown, RELEASE: self._gate.trouble()}
        return {what: why for what, why in found.items() if why}

    def inspector(self, number: str) -> Inspector | None:
        """Return the inspector of a part number; None where the station has no recipe for it."""
        try:
            return self._inspectors.of(number)
        except KeyError:
            return None

    def judge(self, part: Part) -> Verdict:
        """Return what is said of a part; one without a recipe is never judged by another's."""
        number = self._number(part)
        if bypass := self._gate.bypass():
            return self._leave(part, number, BYPASS, bypassed(bypass), unjudged.BYPASS)
        inspector = self.inspector(number)
        self._unknown = "" if inspector else f"No recipe for part number {number} at this station."
        if inspector is None:
            return self._leave(part, number, RECIPE, self._unknown, unjudged.NO_RECIPE)
        return self._gate.say(part, inspector, inspector.inspect(part.frames, part.attempt))

    def _leave(self, part: Part, number: str, rule: str, why: str, short: str) -> Verdict:
        return unjudged.unjudged(self._station, number, part.frames, part.attempt, rule, why, short)

"""What a station says of a part: by the recipe of its part number, while it is released and not bypassed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engine.inspectors import Inspectors, Judge
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
        """Return what judges a part number; None where there is no recipe, or no signed model for it."""
        try:
            judge = self._inspectors.of(number)
        except KeyError:
            return None
        return judge if isinstance(judge, Inspector) else None

    def turn(self, part: Part) -> Callable[[Part], Verdict]:
        """Return who judges a part whose turn it is: asked in the order of the parts, one at a time.

        A part without a recipe is never judged by another's.
        """
        number = self._number(part)
        if bypass := self._gate.bypass():
            return partial(self._leave, number, BYPASS, bypassed(bypass), unjudged.BYPASS)
        try:
            judge = self._inspectors.of(number)
        except KeyError:
            self._unknown = f"No recipe for part number {number} at this station."
            return partial(self._leave, number, RECIPE, self._unknown, unjudged.NO_RECIPE)
        self._unknown = ""
        return partial(self._say, judge)

    def judge(self, part: Part) -> Verdict:
        """Return what is said of a part."""
        return self.turn(part)(part)

    def _say(self, judge: Judge, part: Part) -> Verdict:
        verdict = judge.inspect(part.frames, part.attempt)
        return self._gate.say(part, judge, verdict) if isinstance(judge, Inspector) else verdict

    def _leave(self, number: str, rule: str, why: str, short: str, part: Part) -> Verdict:
        return unjudged.unjudged(self._station, number, part.frames, part.attempt, rule, why, short)

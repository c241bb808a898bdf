"""What a station says of a part: by the recipe of its part number, while it is released and not bypassed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.handshake.reasons import UNTOLD_PART
from engine.inspectors import Inspectors, Judge
from engine.release.gate import Gate, bypassed
from vision import unjudged
from vision.assembly import Part
from vision.inspector import Inspector
from vision.judge import BYPASS, RECIPE, RELEASE, Recipe
from vision.records import Frame, Identity, Verdict
from vision.refusal import Refusal

JUDGING = (RECIPE, RELEASE)
"""What a station may lack to judge its parts, by the names of its troubles."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who judges parts whose turn it is: equal for parts that the same one judges."""

    judge: Judge
    weighed: Callable[[Judge, Part, Verdict], Verdict]
    proved: Callable[[Judge, Part, Verdict, bool], None]
    known: bool = True
    """Whether the station has a recipe for it."""
    bypass: str = ""
    """Why it goes by without being inspected; empty: it does not."""

    def __call__(self, parts: Sequence[Part]) -> Iterator[Verdict]:
        """Yield what is said of parts of which it is known who they are."""
        for part, verdict in zip(parts, self.judge.inspect_parts(parts), strict=True):
            told = Identity.first(*(frame.identity for frame in part.frames))
            yield replace(self.count(part, verdict), identity=told)

    @property
    def looks(self) -> bool:
        """Whether anybody looks at its parts; a part that nobody looks at was not inspected."""
        return isinstance(self.judge, Inspector)

    def look(self, part: Part) -> Verdict:
        """Inspect a part."""
        return self.judge.inspect_parts([part])[0]

    def count(self, part: Part, verdict: Verdict) -> Verdict:
        """Say what of that counts when it is known who the part is; a master part proves it at once."""
        said = self.weigh(part, verdict)
        self.prove(part, said)
        return said

    def weigh(self, part: Part, verdict: Verdict) -> Verdict:
        """Say what of that counts: nothing of a master part, and REVIEW while the station is not released."""
        return self.weighed(self.judge, part, verdict)

    def prove(self, part: Part, verdict: Verdict, passes: bool = True) -> None:
        """Let a master part that was weighed release the station, where it ``passes``, or block it."""
        self.proved(self.judge, part, verdict, passes)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Say of every part that nobody looked at it; ``rule``, ``why`` and ``short`` as of `unjudged`."""

    station: str
    number: str
    rule: str
    why: str
    short: str

    @property
    def recipe(self) -> Recipe:
        """Ask nothing of the parts."""
        return Recipe(self.number)

    def inspect_parts(self, parts: Sequence[Part]) -> list[Verdict]:
        """Leave parts as they are."""
        told = self.rule, self.why, self.short
        return [
            unjudged.unjudged(self.station, self.number, part.frames, part.attempt, *told) for part in parts
        ]


class StationJudge:
    """Judge parts; safe to call from several threads.

    Parameters
    ----------
    station
        Its name.
    inspectors
        One for each part number that the station has a recipe for.
    gate
        The station's release.
    stale
        Tells as for which other part number the pictures of a part were exposed; empty: as for its own.
    """

    def __init__(
        self,
        station: str,
        inspectors: Inspectors,
        gate: Gate,
        stale: Callable[[str, Sequence[Frame]], str] = lambda number, frames: "",
    ) -> None:
        self.station = station
        self._inspectors = inspectors
        self._gate = gate
        self._stale = stale
        self._unknown = ""

    @property
    def troubles(self) -> dict[str, str]:
        """Return what keeps it from judging, by what it lacks."""
        found = {RECIPE: self._unknown, RELEASE: self._gate.trouble()}
        return {what: why for what, why in found.items() if why}

    def views(self, number: str) -> tuple[str, ...] | None:
        """Return the views that a part must have; None where the station has no recipe for its number."""
        judge = self._known(number)
        return None if judge is None else judge.recipe.views

    def refusal(self, number: str) -> str:
        """Return why nothing may be said of a part number whatever comes; empty when something may."""
        judge = self._known(number)
        return judge.reason if isinstance(judge, Refusal) else ""

    def inspector(self, number: str) -> Inspector | None:
        """Return what judges a part number; None where there is no recipe, or no signed model for it."""
        judge = self._known(number)
        return judge if isinstance(judge, Inspector) else None

    def bypass(self) -> str:
        """Return why parts go by now without being inspected; empty when they do not."""
        bypass = self._gate.bypass()
        return bypassed(bypass) if bypass else ""

    def turn(self, number: str, bypass: str = "") -> Turn:
        """Return who judges the part of a number whose turn it is: asked in order, one part at a time.

        A part without a recipe is never judged by another's. One that was let by when it was called stays
        so (``bypass`` says why), whatever holds by now.
        """
        if why := bypass or self.bypass():
            nobody = Unjudged(self.station, number, BYPASS, why, unjudged.BYPASS)
            return Turn(nobody, self._weigh, self._prove, bypass=why)
        judge = self._known(number)
        self._unknown = "" if judge else unknown(number)
        if judge is None:
            nobody = Unjudged(self.station, number, RECIPE, self._unknown, unjudged.NO_RECIPE)
            return Turn(nobody, self._weigh, self._prove, known=False)
        return Turn(judge, self._weigh, self._prove)

    def _known(self, number: str) -> Judge | None:
        try:
            return self._inspectors.of(number)
        except KeyError:
            return None

    def _weigh(self, judge: Judge, part: Part, verdict: Verdict) -> Verdict:
        if not isinstance(judge, Inspector):
            return verdict
        other = self._stale(verdict.part_number, part.frames)
        unfit = f"The cameras still stand as for {other}." if other else ""
        return self._gate.say(part, judge, verdict, unfit)

    def _prove(self, judge: Judge, part: Part, verdict: Verdict, passes: bool) -> None:
        if isinstance(judge, Inspector):
            self._gate.prove(part, judge, verdict, passes)


def unknown(number: str) -> str:
    """Return that a station has no recipe for a part number, or that nobody told it any, in one sentence."""
    return f"No recipe for part number {number} at this station." if number else str(UNTOLD_PART)

"""Who judges when nobody may: every part is REVIEW with the reason, and its frames are accounted for."""

from __future__ import annotations

from collections.abc import Sequence

from vision import pictures
from vision.inspector import view_of
from vision.judge import Recipe
from vision.records import Frame, Outcome, Verdict, Versions, View


class Refusal:
    """Say of every part of a station that nothing may be said of it, and why.

    Its verdicts name no model and no preprocessing: none looked.
    """

    def __init__(self, station: str, recipe: Recipe, reason: str) -> None:
        self.station = station
        self.recipe = recipe
        self.reason = reason

    def inspect(self, frames: Sequence[Frame], attempt: int = 1) -> Verdict:
        """Send a part to review."""
        return Verdict(
            station=self.station,
            serial=frames[0].serial,
            part_number=self.recipe.part_number,
            attempt=attempt,
            ts=max(frame.ts for frame in frames),
            outcome=Outcome.REVIEW,
            reason=self.reason,
            versions=Versions(model="", preprocessing="", recipe=self.recipe.hash),
            views=tuple(_look(frame) for frame in frames),
        )


def _look(frame: Frame) -> View:
    image, defect = frame.image, frame.defect
    if image is None and not defect:
        image, defect = pictures.decode(frame.encoded)
    return view_of(frame, (0, 0) if image is None else image.shape[:2], {}, (), defect)

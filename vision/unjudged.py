"""A part of which nothing is said but why nothing was said: it goes to review, its pictures are kept."""

from __future__ import annotations

from collections.abc import Sequence

from vision import pictures
from vision.inspector import view_of
from vision.records import Decision, Frame, Outcome, Verdict, Versions, View

BYPASS, NO_RECIPE, NO_MODEL = "bypass", "no_recipe", "no_signed_model"
NOT_INSPECTED = (BYPASS, NO_RECIPE, NO_MODEL)
"""What the frame ledger says of frames that nobody looked at."""

NO_VERSIONS = Versions("", "", "")


def unjudged(
    station: str, part_number: str, frames: Sequence[Frame], attempt: int, rule: str, reason: str, short: str
) -> Verdict:
    """Return the verdict on a part that nobody looked at.

    ``reason`` tells people why, in one sentence; ``short`` is what the frame ledger says of its frames.
    """
    return Verdict(
        station=station,
        serial=frames[0].serial,
        part_number=part_number,
        attempt=attempt,
        ts=max(frame.ts for frame in frames),
        outcome=Outcome.REVIEW,
        reason=reason,
        versions=NO_VERSIONS,
        views=tuple(unseen(frame, short) for frame in frames),
        decision=Decision(rule),
    )


def unseen(frame: Frame, why: str) -> View:
    """Return the view of a frame that nobody judged; its size is told where it can be read."""
    image = pictures.decode(frame.encoded)[0] if frame.image is None and frame.encoded else frame.image
    return view_of(frame, (0, 0) if image is None else image.shape[:2], {}, (), frame.defect or why)

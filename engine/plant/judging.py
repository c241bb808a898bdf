"""What parts are judged by: models, bands of the score, rules and views, of a station or of a recipe."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from engine.plant.section import BesidePath, Positive, Score, Section


class Judging(Section):
    """What the parts of one part number are judged by."""

    kind_of: ClassVar[str] = "recipe"

    name: str
    """Its name."""
    model: str | None = "weld-pipe"
    """Its detector, one of `seamline models`; None: it judges by its bank of good parts alone."""
    anomaly: str | None = None
    """Its bank of good parts, as `seamline train anomaly` named it."""
    part_number: str = "demo"
    """Written to every verdict."""
    review_above: Score = 0.25
    """Score from which a defect counts; between here and ``reject_above`` the part is REVIEW."""
    reject_above: Score = 0.5
    """Score from which a defect makes the part NG."""
    anomaly_reject_above: Score | None = None
    """Score from which an anomaly rejects, 0.5 being the limit of good parts; None: it is REVIEW."""
    rules: BesidePath | None = None
    """Its rule set, a file beside this one; what no rule of it governs is judged by the bands above."""
    mm_per_pixel: dict[str, Positive] = {}
    """Calibration: how many millimetres of the part a pixel shows, by view; sizes are judged only with it."""
    views: list[str] = []
    """Views that every part must have, joined by serial; empty: each frame is a part of its own."""

    @model_validator(mode="after")
    def _judges_by_something(self) -> Self:
        if self.model is None and self.anomaly is None:
            raise ValueError(f"{self.kind_of} {self.name} has neither model nor anomaly; name one of both")
        return self

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        if self.review_above > self.reject_above:
            raise ValueError(
                f"{self.kind_of} {self.name} would pass what it rejects: review_above {self.review_above:g}"
                f" lies above reject_above {self.reject_above:g}; make it the lower of the two"
            )
        return self

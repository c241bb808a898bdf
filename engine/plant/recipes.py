"""What parts are judged by: models, bands of the score, rules, views, limits; of a station or of a recipe."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.plant.section import BesidePath, Positive, Score, Section
from engine.plant.serials import names_a_part, overlap
from vision.registry import DEFAULT

Named = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class LimitsSection(Section):
    """Bounds of a picture that may be judged by; a picture outside of them makes its part REVIEW."""

    side: Annotated[int, Field(gt=0)] = 64
    """Its shorter side, pixels, at the least."""
    dark: Share = 0.5
    """Share of pixels of levels up to 8, at the most."""
    bright: Share = 0.5
    """Share of pixels of levels from 247, at the most."""
    contrast: Positive = 8.0
    """Standard deviation of the levels, at the least."""
    blank: Share = 0.25
    """Share of blocks without any structure, at the most."""
    sharpness: Positive = 4.0
    """Variance of the Laplacian, at the least."""
    covered: Share = 0.05
    """Share of blocks that look like no part, at the most; asked where the view has a reference."""
    repeats: Annotated[int, Field(ge=0)] = 0
    """How often in a row a camera may show the picture of the part before; then it froze."""
    shrunk: Annotated[float, Field(ge=1)] = 10.0
    """How many pixels in a row the model may see as one, at the most: what is finer it does not see."""


class MasterSection(Section):
    """A part that is known to be good or bad, and shown to prove that the station sees it."""

    serial: Named
    """Its serial; * stands for any letters."""
    expect: Literal["OK", "NG"]
    """What it must be judged to be."""
    finds: str | None = None
    """The class for which it must be rejected; left out: any."""

    @field_validator("serial")
    @classmethod
    def _names_a_part(cls, serial: str) -> str:
        if not names_a_part(serial):
            raise ValueError(
                f"{serial} would make every part a master part; write letters of its own, like M-*"
            )
        return serial


class ToleranceSection(Section):
    """How far the picture of a good master part may lie from the reference of its view."""

    light: Share = 0.15
    """Mean level, as a share of the reference's."""
    focus: Share = 0.3
    """Sharpness in the same light, as a share of the reference's."""
    shift: Share = 0.01
    """How far the picture moved, as a share of its longer side."""


class Judging(Section):
    """What the parts of one part number are judged by."""

    kind_of: ClassVar[str] = "recipe"

    name: str
    """Its name."""
    model: str | None = DEFAULT
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
    """Views that every part must have, joined by serial; empty: each frame is a part of its own, so beside
    a handshake or master parts all cameras must show one view."""
    limits: LimitsSection = LimitsSection()
    """Bounds of a picture that may be judged by."""
    references: dict[str, BesidePath] = {}
    """A picture of a good part in its fixture, by view: it shows what covers a part, or moved."""
    masters: list[MasterSection] = []
    """Parts that release the station, with a reference in every view; empty: it needs no release."""
    tolerance: ToleranceSection = ToleranceSection()
    """How far good master parts may lie from the references."""

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

    @model_validator(mode="after")
    def _proves_both(self) -> Self:
        expected = {master.expect for master in self.masters}
        if len(expected) == 1:
            missing = "NG" if "OK" in expected else "OK"
            raise ValueError(f"{self.kind_of} {self.name} has no master part that is {missing}; add one")
        return self

    @model_validator(mode="after")
    def _tells_masters_apart(self) -> Self:
        for one, other in combinations([master.serial for master in self.masters], 2):
            if overlap(one, other):
                raise ValueError(
                    f"{self.kind_of} {self.name} has the master parts {one} and {other}, and one part could"
                    " be both; give each a serial that the other does not match"
                )
        return self


class RecipeSection(Judging):
    """What one part number is judged by, at every station that may run it."""

    name: Named
    """What stations and verdicts call it."""
    version: Named
    """Raised with every change: what parts were judged by under it may say nothing else."""
    exposure: dict[str, dict[str, bool | int | float | str]] = {}
    """Settings of GenICam and USB cameras for this part number, by camera; they go before its own."""

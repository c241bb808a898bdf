"""What a station asks of its parts, as the plant file says it."""

from __future__ import annotations

from engine.plant import StationSection
from vision.judge import Recipe


def recipe_of(section: StationSection) -> Recipe:
    """Return the recipe of the station's parts; its hash stands in every verdict."""
    return Recipe(
        section.part_number,
        section.review_above,
        section.reject_above,
        section.anomaly_reject_above,
        views=tuple(section.views),
    )

"""What a station asks of its parts, as the plant file and the rule sets that it names say it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from engine.plant import Plant, PlantError
from engine.plant.judging import Judging
from engine.plant.rule_file import RuleFile, load_rules
from vision.judge import Recipe
from vision.rules import RuleSet


def recipe_of(section: Judging) -> Recipe:
    """Return the recipe of a station's parts; its hash stands in every verdict.

    Raises
    ------
    PlantError
        The rule set cannot be read, or is none.
    """
    return Recipe(
        section.part_number,
        section.review_above,
        section.reject_above,
        section.anomaly_reject_above,
        views=tuple(section.views),
        rule_set=rules_of(section),
        mm_per_pixel=tuple(sorted(section.mm_per_pixel.items())),
    )


def rules_of(section: Judging) -> RuleSet | None:
    """Return the rule set that a section names, with the section's bands; None where it names none.

    Raises
    ------
    PlantError
        It cannot be read, or is none.
    """
    if section.rules is None:
        return None
    bands = section.review_above, section.reject_above, section.anomaly_reject_above
    return _read(section.rules, stamp(section.rules)).rule_set(*bands)


def check(plant: Plant) -> None:
    """Refuse a plant whose stations name rule sets that cannot be read.

    Raises
    ------
    PlantError
        A sentence for everything that is wrong in the first that cannot.
    """
    for section in plant.stations:
        rules_of(section)


def holds(section: Judging, recipe_hash: str) -> bool:
    """Say whether a recipe is still the one that a verdict was decided with."""
    try:
        return recipe_of(section).hash == recipe_hash
    except PlantError:
        return False


@cache
def _read(path: Path, _stamp: int) -> RuleFile:
    return load_rules(path)


def stamp(path: Path) -> int:
    """Return what changes whenever a file is written anew."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0

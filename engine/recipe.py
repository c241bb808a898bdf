"""What a station asks of its parts, as the plant file and the files that it names say it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.plant import (
    Camera,
    GenicamCamera,
    Judging,
    Plant,
    PlantError,
    RecipeSection,
    StationSection,
    VideoCamera,
)
from engine.plant.rule_file import RuleFile, load_rules, passes_rejects
from vision.judge import Recipe, digest
from vision.quality import Limits
from vision.rules import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Settled:
    """A recipe with its reference pictures, as its files were when they were read."""

    name: str
    recipe: Recipe
    references: dict[str, bytes]
    """By view."""


def sections_of(station: StationSection, plant: Plant) -> list[Judging]:
    """Return the recipes that a station may run; one that names none is its own."""
    if not station.recipes:
        return [station]
    known = {recipe.name: recipe for recipe in plant.recipes}
    return [known[name] for name in station.recipes]


def recipe_of(section: Judging) -> Recipe:
    """Return a recipe; its hash stands in every verdict.

    Raises
    ------
    PlantError
        The rule set or a reference cannot be read, or is none.
    """
    return settle(section).recipe


def settle(section: Judging) -> Settled:
    """Return a recipe that stays what it is, whatever becomes of its files.

    Raises
    ------
    PlantError
        The rule set or a reference cannot be read, or is none.
    """
    named = isinstance(section, RecipeSection)
    references = references_of(section)
    recipe = Recipe(
        section.part_number,
        section.review_above,
        section.reject_above,
        section.anomaly_reject_above,
        views=tuple(section.views),
        limits=Limits(**section.limits.model_dump()),
        name=section.name if named else "",
        version=section.version if isinstance(section, RecipeSection) else "",
        rule_set=rules_of(section),
        mm_per_pixel=tuple(sorted(section.mm_per_pixel.items())),
        references=tuple(sorted(hashes(references).items())),
        conditions=conditions_of(section),
    )
    return Settled(section.name, recipe, references)


def conditions_of(section: Judging) -> str:
    """Return the SHA-256 of exposure, master parts and tolerance; empty where a section names none."""
    said = section.model_dump(mode="json", include={"masters", "tolerance"}, exclude_defaults=True)
    if isinstance(section, RecipeSection) and section.exposure:
        said["exposure"] = {camera: list(told.items()) for camera, told in section.exposure.items()}
    return digest(said) if said else ""


def rules_of(section: Judging) -> RuleSet | None:
    """Return the rule set that a section names, with the section's bands; None where it names none.

    Raises
    ------
    PlantError
        It cannot be read, is none, or would pass what it rejects beside these bands.
    """
    if section.rules is None:
        return None
    bands = section.review_above, section.reject_above, section.anomaly_reject_above
    found = _rule_file(section.rules, stamp(section.rules)).rule_set(*bands)
    if told := [out_of_order(section, rule) for rule in found.rules if passes_rejects(rule)]:
        raise PlantError("\n".join(told))
    return found


def out_of_order(section: Judging, rule: Rule) -> str:
    """Return that a rule with one band of its own is at odds with the other, which it has of its section."""
    return (
        f"Rule {rule.name} of {section.rules} would pass what it rejects: beside the bands of"
        f" {section.kind_of} {section.name} its review_above {rule.review_above:g} lies above its"
        f" reject_above {rule.reject_above:g}; write both into the rule, review_above as the lower."
    )


def references_of(section: Judging) -> dict[str, bytes]:
    """Return the reference pictures by view.

    Raises
    ------
    PlantError
        One cannot be read.
    """
    return {view: _picture(path, stamp(path)) for view, path in section.references.items()}


def hashes(pictures: dict[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of pictures, by view."""
    return {view: hashlib.sha256(encoded).hexdigest() for view, encoded in pictures.items()}


def exposed(cameras: Iterable[Camera], section: Judging) -> list[Camera]:
    """Return cameras with the settings of a recipe; those that take none stay as they are."""
    told = section.exposure if isinstance(section, RecipeSection) else {}
    return [
        camera.model_copy(update={"settings": {**camera.settings, **told[camera.name]}})
        if isinstance(camera, GenicamCamera | VideoCamera) and camera.name in told
        else camera
        for camera in cameras
    ]


def check(plant: Plant) -> None:
    """Refuse a plant whose stations name files that cannot be read, or could not compare their master parts.

    Raises
    ------
    PlantError
        A sentence for everything that is wrong in the first file, or for each recipe without references.
    """
    try:
        for section in [*plant.recipes, *plant.stations]:
            recipe_of(section)
    except PlantError as exc:  # its faults are places in another file than the plant's
        raise PlantError(str(exc)) from exc
    if found := uncompared(plant):
        raise PlantError("\n".join(found))


def uncompared(plant: Plant) -> list[str]:
    """Return a sentence for each recipe whose master parts have no reference in some view."""
    found = []
    for station in plant.stations:
        for section in sections_of(station, plant):
            views = section.views or [camera.view for camera in station.cameras]
            without = [view for view in dict.fromkeys(views) if view not in section.references]
            if section.masters and without:
                found.append(
                    f"{section.kind_of.capitalize()} {section.name} has nothing to compare light, focus and"
                    f" position of its master parts with in view {', '.join(without)}; add references there,"
                    " pictures of a good part in its fixture, and leave out masters until you have them."
                )
    return list(dict.fromkeys(found))


def holds(section: Judging, recipe_hash: str) -> bool:
    """Say whether a recipe is still the one that a verdict was decided with."""
    try:
        return recipe_of(section).hash == recipe_hash
    except PlantError:
        return False


@cache
def _rule_file(path: Path, _stamp: int) -> RuleFile:
    return load_rules(path)


@cache
def _picture(path: Path, _stamp: int) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise PlantError(f"The reference picture {path} cannot be read: {exc.strerror}.") from exc


def stamp(path: Path) -> int:
    """Return what changes whenever a file is written anew."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0

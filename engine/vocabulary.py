"""What rules and master parts name, beside what the models know: a name that no model knows finds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from engine.paths import Home
from engine.plant import Judging, Plant
from engine.recipe import rules_of
from vision import registry
from vision.judge import FEATURES
from vision.registry import Model, ModelError
from vision.rules import RuleSet
from vision.rules.records import ANOMALY

CLASS, NUMBER = "class", "ISO 6520-1 number"


class Word(NamedTuple):
    """A name, and of what: a class or a number."""

    kind: str
    name: str


class Use(NamedTuple):
    """Where a word stands, as the beginning of a sentence."""

    where: str
    word: Word


def faults(plant: Plant, home: Home) -> list[str]:
    """Return a sentence for each word that the model of a recipe does not know, where that model is here.

    Raises
    ------
    PlantError
        A rule set cannot be read, or is none.
    """
    found: list[str] = []
    recipes = recipes_of(plant)
    for section in recipes:
        try:
            found += unknown(section, rules_of(section), named(section, home), recipes, home)
        except ModelError:
            continue
    return list(dict.fromkeys(found))


def recipes_of(plant: Plant) -> list[Judging]:
    """Return every recipe of a plant; a station that names none is its own."""
    return [*plant.recipes, *(station for station in plant.stations if not station.recipes)]


def unknown(
    section: Judging, rules: RuleSet | None, model: Model | None, recipes: Sequence[Judging], home: Home
) -> list[str]:
    """Return a sentence for each word of a recipe's ``rules`` and master parts that ``model`` does not know.

    A rule set may serve several of the plant's ``recipes``: what another one's model knows, and this
    recipe's own in the plant file does not, is meant for the other.
    """
    known = words_of(model)
    others = elsewhere(section, model, recipes, home)
    uses = [use for use in ruled(section, rules) if others is not None and use.word not in others]
    uses += proven(section)
    return [sentence(use, section, model) for use in uses if use.word not in known]


def elsewhere(
    section: Judging, model: Model | None, recipes: Sequence[Judging], home: Home
) -> set[Word] | None:
    """Return what only models of other recipes with the same rule set know; None where one is not here."""
    sharing = [item for item in recipes if item.rules == section.rules and item.model != section.model]
    try:
        others = set[Word]().union(*(words_of(named(item, home)) for item in sharing))
    except ModelError:
        return None
    try:
        return others - words_of(named(section, home))
    except ModelError:  # it is judged by a model that the plant file does not name
        return others - words_of(model)


def named(section: Judging, home: Home) -> Model | None:
    """Return the detector that the plant file names, None for none.

    Raises
    ------
    ModelError
        It is not here or not whole.
    """
    return None if section.model is None else registry.find(section.model, (home.models,))


def words_of(model: Model | None) -> set[Word]:
    """Return what a detector knows, and what a bank of good parts finds."""
    classes = (*model.classes, ANOMALY) if model else (ANOMALY,)
    numbers = model.iso6520.values() if model else ()
    return {*(Word(CLASS, name) for name in classes), *(Word(NUMBER, name) for name in numbers)}


def ruled(section: Judging, rules: RuleSet | None) -> Iterator[Use]:
    """Yield the words of a recipe's rule set; the usual features are those of any model."""
    for rule in rules.rules if rules else ():
        where = f"Rule {rule.name} of {section.rules}"
        yield from (Use(where, Word(CLASS, name)) for name in rule.classes)
        yield from (Use(where, Word(NUMBER, name)) for name in rule.iso6520)
    for name in rules.features if rules else ():
        if name not in FEATURES:
            yield Use(f"The list of features of {section.rules}", Word(CLASS, name))


def proven(section: Judging) -> Iterator[Use]:
    """Yield the classes for which a recipe's bad master parts must be rejected."""
    for master in section.masters:
        if master.finds is not None:
            where = f"Master part {master.serial} of {section.kind_of} {section.name}"
            yield Use(where, Word(CLASS, master.finds))


def sentence(use: Use, section: Judging, model: Model | None) -> str:
    """Return that a model does not know a word, what it knows, and which of it may be meant."""
    kind, name = use.word
    known = sorted(word.name for word in words_of(model) if word.kind == kind)
    if kind == CLASS and section.anomaly is None:
        known.remove(ANOMALY)
    near = get_close_matches(name, known, 1)
    told = f"did you mean {near[0]}?" if near else "name one of these, or another model."
    who = registry.title(model) if model else section.anomaly
    return (
        f"{use.where} names the {kind} {name}, but the model {who} knows {', '.join(known) or 'none'}; {told}"
    )

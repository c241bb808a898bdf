"""The models of a station: those that somebody signed for, loaded aside, exchanged between two parts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import structlog

from engine import recipe_versions
from engine.approvals.chain import Chain, Stamp
from engine.approvals.errors import ApprovalError
from engine.approvals.ledger import Approvals, Use
from engine.inspectors import Inspectors, Judge, build_inspector, lanes, open_detector
from engine.paths import Home
from engine.plant import Judging, Plant, PlantError
from engine.recipe import sections_of, settle
from engine.recipe_versions import VersionError
from engine.vocabulary import unknown
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.assembly import Part
from vision.detect import TOGETHER, Detector
from vision.judge import MODEL, RECIPE
from vision.records import Frame
from vision.refusal import Refusal
from vision.registry import Model, ModelError

logger = structlog.get_logger(__name__)

NOISE = 480
"""Side of a picture of noise."""
RETRY = (5.0, 300.0)
"""Seconds between attempts to follow approvals that could not be followed, the first and the longest."""
ASIDE = 10
"""Niceness of the thread that loads: the station goes on judging meanwhile."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models that a station shall judge by."""

    detector: Model | None
    bank: Model | None

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Name and hash of each."""
        return tuple((model.name, model.hash) for model in (self.detector, self.bank) if model)

    def refusal(self, approvals: Approvals, part_number: str, station: str) -> str:
        """Return why they may not decide: unsigned, or a bank alone that nobody measured; empty: they may."""
        reason = approvals.refusal(self.named, part_number, station)
        if reason or self.detector or not self.bank:
            return reason
        return approvals.unmeasured((self.bank.name, self.bank.hash), part_number, station)


class Opened(NamedTuple):
    """What judges by a recipe's models."""

    detector: Detector | None
    bank: AnomalyDetector | None


class Models:
    """Keep the inspectors of a station in step with what people approved, one for each of its recipes.

    The recipes, with their rule sets and references, are those of the start: models alone are exchanged.
    At its start a station whose models nobody signed refuses to judge, and so does one whose bank judges
    alone and was signed without a measurement. Later a change of the approvals
    is followed as soon as what it asks for is loaded; what cannot be followed leaves the model in use,
    unless its own signature was taken back: then nothing is judged. It is tried again until it is followed.

    Parameters
    ----------
    station
        Its name.
    recipes
        What it may run.
    detector
        Judges instead of the detectors that the recipes name, until another is put into use.
    others
        Recipes of the plant that may share a rule set with these.

    Raises
    ------
    ModelError
        A model that the plant file names is not there or not whole.
    PlantError
        A rule set or reference cannot be read.
    """

    def __init__(
        self,
        station: str,
        recipes: Sequence[Judging],
        home: Home,
        detector: Detector | None = None,
        others: Sequence[Judging] = (),
    ) -> None:
        self._others = others
        self._station, self._recipes, self._home, self._given = station, recipes, home, detector
        self._settled = {recipe.part_number: settle(recipe) for recipe in recipes}
        self._wrong: dict[str, str] = {}
        self._chain = Chain(home)
        self._followed: Stamp | None = self._chain.stamp()
        self._tried = self._followed
        self._pause, self._due = RETRY[0], 0.0
        self._thread: threading.Thread | None = None
        self._open: dict[str, Opened] = {"": Opened(detector, None)}
        self._used: dict[str, Chosen] = {}
        self.inspectors = Inspectors([self._begin(recipe) for recipe in recipes])

    @property
    def trouble(self) -> str:
        """What is wrong now, of the first recipe of which something is; empty when all is well."""
        return next(filter(None, self._wrong.values()), "")

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, under ``model``; empty when all is well."""
        return {"model": self.trouble} if self.trouble else {}

    def look(self) -> None:
        """Follow the approvals where they have changed; never waits for a model."""
        loading = self._thread is not None and self._thread.is_alive()
        stamp = self._chain.stamp()
        if loading or stamp == self._followed or (stamp == self._tried and time.monotonic() < self._due):
            return
        if stamp != self._tried:
            self._pause = RETRY[0]
        self._tried = stamp
        self._thread = threading.Thread(target=self._follow, args=(stamp,), name="models", daemon=True)
        self._thread.start()

    def _begin(self, recipe: Judging) -> Judge:
        choose(self._station, recipe, self._home, Approvals(), self._given)
        try:
            judge, self._used[recipe.part_number] = self._judge(recipe, Approvals.read(self._home))
            return judge
        except (ApprovalError, ModelError, VersionError) as exc:
            self._followed = None
            return self._refuse(recipe, str(exc))

    def _follow(self, stamp: Stamp) -> None:
        """Follow the approvals that had this stamp, and note it once all of it was followed."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), ASIDE)
        followed = [self._follow_for(recipe) for recipe in self._recipes]
        if all(followed):
            self._followed = stamp
            return
        self._due = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, RETRY[1])

    def _follow_for(self, recipe: Judging) -> bool:
        """Take another model where one is asked for; False where that cannot be followed now."""
        approvals = None
        try:
            approvals = Approvals.read(self._home)
            judge, chosen = self._judge(recipe, approvals)
            warm(judge)
            self._wrong[recipe.part_number] = judge.reason if isinstance(judge, Refusal) else ""
            self.inspectors.exchange(judge)
            self._used[recipe.part_number] = chosen
            logger.info("models_followed", station=self._station, part_number=recipe.part_number)
            return True
        except (ApprovalError, ModelError, PlantError, VersionError) as exc:
            self._wrong[recipe.part_number] = self._stays(recipe, approvals, str(exc))
            logger.warning("models_not_followed", station=self._station, error=str(exc))
        except Exception as exc:  # the station must go on with the model that it has
            why = f"another cannot be loaded: {type(exc).__name__}."
            self._wrong[recipe.part_number] = self._stays(recipe, approvals, why)
            logger.exception("models_not_followed", station=self._station)
        return False

    def _stays(self, recipe: Judging, approvals: Approvals | None, why: str) -> str:
        """Return what is wrong as no model could be followed; what nobody signs any more does not stay."""
        if isinstance(self.inspectors.of(recipe.part_number), Refusal):
            return why
        used = self._used[recipe.part_number]
        reason = used.refusal(approvals, recipe.part_number, self._station) if approvals else ""
        if not reason:
            return f"The model in use stays: {why}"
        self.inspectors.exchange(self._refuse(recipe, reason))
        return reason

    def _judge(self, recipe: Judging, approvals: Approvals) -> tuple[Judge, Chosen]:
        """Return an inspector by the models chosen, or one who refuses: by their signatures or the recipe."""
        chosen = choose(self._station, recipe, self._home, approvals, self._given)
        if reason := chosen.refusal(approvals, recipe.part_number, self._station):
            return self._refuse(recipe, reason), chosen
        if reason := recipe_versions.altered(self._home, self._settled[recipe.part_number].recipe):
            return self._refuse(recipe, reason, RECIPE), chosen
        known = choose(self._station, recipe, self._home, Approvals(), self._given)
        if chosen.detector and known.detector and (why := misfit(chosen.detector, known.detector)):
            raise ModelError(why)
        rules = self._settled[recipe.part_number].recipe.rule_set
        if unfit := unknown(recipe, rules, chosen.detector, self._others, self._home):
            raise ModelError(unfit[0])
        recipe_versions.note(self._home, self._settled[recipe.part_number].recipe)
        opened = Opened(self._detector(chosen.detector), self._bank(chosen.bank))
        self._open[recipe.part_number] = opened
        return build_inspector(self._station, self._settled[recipe.part_number], *opened), chosen

    def _refuse(self, recipe: Judging, reason: str, rule: str = MODEL) -> Judge:
        self._wrong[recipe.part_number] = reason
        logger.error("station_refuses_to_judge", station=self._station, reason=reason)
        return Refusal(self._station, self._settled[recipe.part_number].recipe, reason, rule)

    def _detector(self, model: Model | None) -> Detector | None:
        """Open a detector, or take the one that judges by the same model already."""
        there = [item.detector for item in self._open.values() if item.detector]
        found = next((item for item in there if model and item.model.hash == model.hash), None)
        return found or (open_detector(model) if model else None)

    def _bank(self, model: Model | None) -> AnomalyDetector | None:
        """Open a bank, or take the one that is open already."""
        there = [item.bank for item in self._open.values() if item.bank]
        found = next((item for item in there if model and item.hash == model.hash), None)
        if found or model is None:
            return found
        return open_bank(model, self._home, lanes())


def open_bank(model: Model, home: Home, lanes: int) -> AnomalyDetector:
    """Open a bank of good parts.

    Raises
    ------
    ModelError
        It is no bank, or its backbone is not here.
    """
    return AnomalyDetector.of(anomaly.load(model.folder), (home.models,), lanes=lanes)


def warm(judge: Judge) -> None:
    """Let a judge look at noise in each lane, alone and together: the first look of a lane is its slowest."""
    noise = np.random.default_rng(1).integers(0, 256, (NOISE, NOISE, 3), dtype=np.uint8)
    for number in range(lanes()):
        part = Part("", 1, (Frame("warm", "", "", number, 0, b"", noise, ""),))
        judge.inspect_parts([part] * (TOGETHER + 1))


def choose(
    station: str, recipe: Judging, home: Home, approvals: Approvals, given: Detector | None = None
) -> Chosen:
    """Return the models that a station has in use for a recipe: those put into use last, else its own.

    Raises
    ------
    ModelError
        One of them is not here or not whole.
    """
    places = (home.models,)

    def find(task: str, named: str | None) -> Model | None:
        used = approvals.in_use(Use(station, recipe.part_number, task))
        if named is None:
            return None
        return registry.find(f"{used.name}@{used.hash}" if used else named, places)

    if given is not None and not approvals.in_use(Use(station, recipe.part_number, "detect")):
        return Chosen(given.model, find("anomaly", recipe.anomaly))
    return Chosen(find("detect", recipe.model), find("anomaly", recipe.anomaly))


def refusals(plant: Plant, home: Home) -> list[str]:
    """Return why stations of a plant would judge nothing now, a sentence each."""
    try:
        approvals = Approvals.read(home)
        told = [
            choose(station.name, recipe, home, approvals).refusal(approvals, recipe.part_number, station.name)
            for station in plant.stations
            for recipe in sections_of(station, plant)
        ]
    except (ApprovalError, ModelError) as exc:
        return [str(exc)]
    return [reason for reason in told if reason]


def misfit(model: Model, known: Model) -> str:
    """Return why a detector cannot take the place of the one that the plant file names; empty: it can.

    What the recipe says of classes it says of those that are known: another class would be no defect
    that anybody thought of, and a missing one a defect that is never found again.
    """
    gone, new = set(known.classes) - set(model.classes), set(model.classes) - set(known.classes)
    told = [f"{', '.join(sorted(gone))} is missing"] if gone else []
    told += [f"{', '.join(sorted(new))} is new"] if new else []
    if not told:
        return ""
    return (
        f"The model {registry.title(model)} knows other classes than {known.name}: {' and '.join(told)};"
        " look at the recipe, then name the model in the plant file."
    )

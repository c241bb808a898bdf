"""The models of a station: those that somebody signed for, loaded aside, exchanged between two parts."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

import numpy as np
import structlog

from engine.approvals.chain import Chain
from engine.approvals.errors import ApprovalError
from engine.approvals.ledger import Approvals
from engine.inspectors import Inspectors, Judge
from engine.paths import Home
from engine.plant import StationSection
from engine.recipe import recipe_of
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.detect import Detector
from vision.inspector import Inspector
from vision.records import Frame
from vision.refusal import Refusal
from vision.registry import Model, ModelError

logger = structlog.get_logger(__name__)

NOISE = 480
"""Side of a picture of noise."""
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


class Models:
    """Keep the inspectors of a station in step with what people approved.

    At its start a station whose models nobody signed refuses to judge. Later a change of the approvals
    is followed as soon as what it asks for is loaded; what cannot be followed leaves the model in use,
    unless its own signature was taken back.

    Raises
    ------
    ModelError
        A model that the plant file names is not there or not whole.
    """

    def __init__(self, section: StationSection, home: Home, detector: Detector | None = None) -> None:
        self.trouble = ""
        self._section, self._home, self._given = section, home, detector
        self._chain = Chain(home)
        self._seen = self._chain.stamp()
        self._thread: threading.Thread | None = None
        self._detector = detector
        self._bank: AnomalyDetector | None = None
        self.inspectors = Inspectors([self._begin()])

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, under ``model``; empty when all is well."""
        return {"model": self.trouble} if self.trouble else {}

    def look(self) -> None:
        """Follow the approvals where they have changed; never waits for a model."""
        loading = self._thread is not None and self._thread.is_alive()
        stamp = self._chain.stamp()
        if stamp != self._seen and not loading:
            self._seen = stamp
            self._thread = threading.Thread(target=self._follow, name="models", daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Wait until what was begun to be loaded is in use, or refused."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> Judge:
        known = choose(self._section, self._home, Approvals(), self._given)
        try:
            approvals = Approvals.read(self._home)
            return self._judge(choose(self._section, self._home, approvals, self._given), known, approvals)
        except (ApprovalError, ModelError) as exc:
            return self._refuse(str(exc))

    def _follow(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), ASIDE)
        try:
            approvals = Approvals.read(self._home)
            known = choose(self._section, self._home, Approvals(), self._given)
            chosen = choose(self._section, self._home, approvals, self._given)
            judge = self._judge(chosen, known, approvals)
            warm(judge)
            self.trouble = judge.reason if isinstance(judge, Refusal) else ""
            self.inspectors.exchange(judge)
            logger.info("models_followed", station=self._section.name, models=chosen.named)
        except (ApprovalError, ModelError) as exc:
            self.trouble = f"The model in use stays: {exc}"
            logger.warning("models_not_followed", station=self._section.name, error=str(exc))
        except Exception as exc:  # the station must go on with the model that it has
            self.trouble = f"The model in use stays: another cannot be loaded: {type(exc).__name__}."
            logger.exception("models_not_followed", station=self._section.name)

    def _judge(self, chosen: Chosen, known: Chosen, approvals: Approvals) -> Judge:
        """Return an inspector by the models chosen, warm, or one who refuses since nobody signed them."""
        section = self._section
        if reason := approvals.refusal(chosen.named, section.part_number, section.name):
            return self._refuse(reason)
        if chosen.detector and known.detector and (why := misfit(chosen.detector, known.detector)):
            raise ModelError(why)
        self._detector = None if chosen.detector is None else self._open_detector(chosen.detector)
        self._bank = None if chosen.bank is None else self._open_bank(chosen.bank)
        return Inspector(section.name, self._detector, recipe_of(section), self._bank)

    def _refuse(self, reason: str) -> Judge:
        self.trouble = reason
        logger.error("station_refuses_to_judge", station=self._section.name, reason=reason)
        return Refusal(self._section.name, recipe_of(self._section), reason)

    def _open_detector(self, model: Model) -> Detector:
        if self._detector is not None and self._detector.model.hash == model.hash:
            return self._detector
        return Detector(model, lanes=lanes())

    def _open_bank(self, model: Model) -> AnomalyDetector:
        if self._bank is not None and self._bank.hash == model.hash:
            return self._bank
        return AnomalyDetector.of(anomaly.load(model.folder), (self._home.models,), lanes=lanes())


def warm(judge: Judge) -> None:
    """Let a judge look at noise once in each lane: the first look of a lane is its slowest."""
    noise = np.random.default_rng(1).integers(0, 256, (NOISE, NOISE, 3), dtype=np.uint8)
    for number in range(lanes()):
        judge.inspect((Frame("warm", "", "", number, 0, b"", noise, ""),))


def choose(
    section: StationSection, home: Home, approvals: Approvals, given: Detector | None = None
) -> Chosen:
    """Return the models that a station has in use: those put into use last, else those of the plant file.

    Raises
    ------
    ModelError
        One of them is not here or not whole.
    """
    places = (home.models,)

    def find(task: str, named: str | None) -> Model | None:
        used = approvals.in_use(section.name, task)
        if named is None:
            return None
        return registry.find(f"{used.name}@{used.hash}" if used else named, places)

    if given is not None and not approvals.in_use(section.name, "detect"):
        return Chosen(given.model, find("anomaly", section.anomaly))
    return Chosen(find("detect", section.model), find("anomaly", section.anomaly))


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


def lanes() -> int:
    """Return how many parts are inspected at once: one a core of this process."""
    return len(os.sched_getaffinity(0))

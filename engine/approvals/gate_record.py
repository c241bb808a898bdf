"""What the gate found: a record for each thing that a model was held against, and what may rest on them.

No record ever takes the place of one about something else. Who asks again with another model in use, with
other limits, for another station or without one, adds a record, and a failure stays a failure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import time_ns
from typing import Any

import orjson

from engine.approvals.entry import ANY
from engine.approvals.errors import ApprovalError
from engine.approvals.gate import FrozenSet, Tell, measure
from engine.paths import Home
from vision import learned, registry
from vision.evidence import sync_folders
from vision.judge import Recipe
from vision.registry import SHOWN, Model

OVERKILL_MORE = 0.01
"""Share of sound parts that a model may reject beyond those that the one in use rejects."""
REVIEW_MORE = 0.01
"""Share of all parts that a model may leave to review beyond those of the one in use."""
UNSEEN = "it learned from none of the set's pictures"
NOT_KNOWN = "what it learned from is not known"
"""Of models that were exported elsewhere, or before cards told it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a model has to stand up to."""

    station: str = ""
    """Whose recipe it is judged by; empty: that of its part number alone."""
    used: Model | None = None
    """The model in use, which it must not be worse than."""
    most_escapes: float | None = None
    """Share of the defective parts that it may pass at the most."""
    most_overkill: float | None = None
    """Share of the sound parts that it may reject at the most."""
    most_review: float | None = None
    """Share of all parts that it may leave to review at the most."""

    @property
    def limits(self) -> dict[str, float | None]:
        """The limits by name; the last one stands there only if it was declared."""
        review = {} if self.most_review is None else {"most_review": self.most_review}
        return {"most_escapes": self.most_escapes, "most_overkill": self.most_overkill, **review}


def record(
    home: Home, model: Model, frozen: FrozenSet, recipe: Recipe, bar: Bar, tell: Tell
) -> dict[str, Any]:
    """Measure a model, and the one in use beside it; keep the record and return it.

    Raises
    ------
    ApprovalError
        Nothing was named that it could fail at, a limit is none, or it learned from pictures of the set.
    ModelError
        One of the two does not run here.
    """
    if bar.used is None and None in bar.limits.values():
        raise ApprovalError(
            f"No other model is in use that {registry.title(model)} could be held against; declare what it"
            " may do: --most-escapes 0.01 --most-overkill 0.05, shares of the defective and the sound parts."
        )
    if any(most is not None and most >= 1 for most in bar.limits.values()):
        raise ApprovalError("A limit of all parts is none; declare the share that it may be at the most.")
    unseen = refuse_learned(model, frozen)
    figures = measure(model, home, frozen, recipe, tell)
    used = None if bar.used is None else measure(bar.used, home, frozen, recipe, tell)
    told = {
        "model": model.hash,
        "at": time_ns() // 1000,
        "set": frozen.hash,
        "set_name": frozen.name,
        "counted": frozen.counted,
        "learned_from": unseen,
        "part_number": recipe.part_number,
        "station": bar.station,
        "bands": [recipe.review_above, recipe.reject_above],
        "recipe": recipe.hash,
        "figures": figures,
        "against": None if bar.used is None else {"model": bar.used.hash, "figures": used},
        "limits": bar.limits,
        "failed": (worse(figures, used) if used else "") or beyond(figures, bar),
    }
    _keep(home, told)
    return told


def refuse_learned(model: Model, frozen: FrozenSet) -> str:
    """Return what is known of whether a model has seen a set.

    Raises
    ------
    ApprovalError
        It learned from pictures of the set, or its card cannot be read.
    """
    packed = registry.read_card(model.folder).get(learned.KEY)
    if packed is None:
        return NOT_KNOWN
    try:
        seen = learned.unpack(packed)
    except (TypeError, ValueError) as exc:
        raise ApprovalError(f"The card of {registry.title(model)} is spoilt: {exc}; export it anew.") from exc
    shared = sum(learned.digest(picture.file.read_bytes()) in seen for picture in frozen.pictures)
    if shared:
        raise ApprovalError(
            f"{registry.title(model)} learned from {shared} of the {len(frozen.pictures)} pictures of the set"
            f" {frozen.name}, so nothing follows from it; measure it on pictures that it never saw."
        )
    return UNSEEN


def worse(figures: dict[str, Any], used: dict[str, Any]) -> str:
    """Return in what a model is worse than the one in use; empty: in nothing that counts.

    What the one in use passes or rejects wrongly may go to review instead.
    """
    if figures["escaped"] > used["escaped"]:
        return (
            f"it passes {figures['escaped']} of {figures['defective']} defective parts, the one in use"
            f" {used['escaped']}"
        )
    if figures["overkill"] > used["overkill"] + OVERKILL_MORE * figures["sound"]:
        return (
            f"it rejects {figures['overkill']} of {figures['sound']} sound parts, the one in use"
            f" {used['overkill']}"
        )
    parts = figures["defective"] + figures["sound"]
    righted = used["escaped"] + used["overkill"] - figures["escaped"] - figures["overkill"]
    if figures["review_rate"] > used["review_rate"] + max(0, righted) / parts + REVIEW_MORE:
        return f"{_left(figures)}, the one in use {used['review_rate']:.1%}"
    return ""


def beyond(figures: dict[str, Any], bar: Bar) -> str:
    """Return which declared limit a model is beyond; empty: none."""
    for verb, count, kind, most in (
        ("passes", "escaped", "defective", bar.most_escapes),
        ("rejects", "overkill", "sound", bar.most_overkill),
    ):
        if most is not None and figures[count] / figures[kind] > most:
            return f"it {verb} {figures[count]} of {figures[kind]} {kind} parts, {100 * most:g} % may be"
    if bar.most_review is not None and figures["review_rate"] > bar.most_review:
        return f"{_left(figures)}, {100 * bar.most_review:g} % may be"
    return ""


def _left(figures: dict[str, Any]) -> str:
    return f"it leaves {figures['review_rate']:.1%} of the parts to review"


def _keep(home: Home, told: dict[str, Any]) -> None:
    home.gates.mkdir(parents=True, exist_ok=True)
    file = home.gates / f"{told['model']}-{told['set'][:SHOWN]}-{_held_against(told)}.json"
    draft = file.with_suffix(".draft")
    draft.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    draft.rename(file)
    sync_folders((home.gates,))


def _held_against(told: dict[str, Any]) -> str:
    """Return what names the thing that a model was held against, and no other."""
    used = told["against"] and told["against"]["model"]
    named = [told["part_number"], told["station"], used, told["limits"], told["recipe"]]
    return hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).hexdigest()[:SHOWN]


def grounds(home: Home, model: Model, part_number: str, station: str) -> dict[str, Any]:
    """Return the newest record that a signature may rest on; of a first bank without any, what its card says.

    Good parts are all that a first bank is learned from; until it is measured it judges beside a detector
    only (`Approvals.unmeasured`). Once anything was measured for the part number
    there is a frozen set, and banks are held against one, too. A record from before this one knew part
    numbers and stations counts for all of them, but only where the model was held against another.

    Raises
    ------
    ApprovalError
        There is none, or the model failed at anything for the part number.
    """
    known = [orjson.loads(file.read_bytes()) for file in home.gates.glob("*.json")]
    held = [
        told
        for told in known
        if told["model"] == model.hash and told.get("part_number", part_number) == part_number
    ]
    for told in held:
        if told["failed"]:
            failed = f"failed on the set {told['set_name']}: {told['failed']}"
            raise ApprovalError(f"{registry.title(model)} {failed}; train it on.")
    proven = [told for told in held if told.get("station", "") in ("", station) and _could_fail(told)]
    if proven:
        return max(proven, key=lambda told: int(told["at"]))
    measured = any(told.get("part_number") == part_number for told in known)
    if model.task == "anomaly" and not measured:
        return {"card": _card(model)}
    raise ApprovalError(_not_measured(model, part_number, station))


def _could_fail(told: dict[str, Any]) -> bool:
    return bool(told.get("against")) or "limits" in told


def _not_measured(model: Model, part_number: str, station: str) -> str:
    name = registry.title(model)
    at, asked = ("", "") if station == ANY else (f" at {station}", f" --station {station}")
    return (
        f"{name} was not measured on a frozen set for part number {part_number}{at}: run seamline models gate"
        f" {name} --set FOLDER --part-number {part_number}{asked}."
    )


def _card(bank: Model) -> dict[str, Any]:
    """Return what the card of a bank says of the good pictures that were held out."""
    card = registry.read_card(bank.folder)
    return {name: card[name] for name in ("data", "pictures", "limit", "limit_is") if name in card}

"""What people do with models, each checked against what must hold before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from time import time_ns
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.approvals import export, gate_record, keys
from engine.approvals.chain import Chain
from engine.approvals.entry import ANY, Deed, Entry
from engine.approvals.errors import ApprovalError
from engine.approvals.ledger import Approvals, Use
from engine.paths import Home
from engine.plant import Judging
from engine.station_models import choose, misfit
from vision import registry
from vision.registry import Model, ModelError


@dataclass(frozen=True, slots=True)
class Person:
    """Who does it, and the key that proves it."""

    name: str
    key: Ed25519PrivateKey


def enrol(home: Home, by: Person, name: str, public: str) -> Entry:
    """Let a person sign from now on; the first of a home enrols himself.

    Raises
    ------
    ApprovalError
        The name or key is none, the person is enrolled, or ``by`` is not.
    """
    keys.place(name)
    if not keys.is_public(public):
        raise ApprovalError(f"{public!r} is no public key; seamline models key prints it, 44 letters.")
    if name in Approvals.read(home).people:
        raise ApprovalError(f"{name} is enrolled already; retire the old key first: seamline models retire.")
    return write(home, by, Deed.ENROL, "", name=name, key=public)


def retire(home: Home, by: Person, name: str, reason: str) -> Entry:
    """End that a person may sign; what was signed stays signed.

    Raises
    ------
    ApprovalError
        The person is not enrolled, or is the last who is.
    """
    known = Approvals.read(home).people
    if name not in known:
        raise ApprovalError(f"{name} is not enrolled; those who are: {', '.join(known) or 'nobody'}.")
    if len(known) == 1:
        raise ApprovalError(f"{name} is the last who may sign; enrol another first.")
    return write(home, by, Deed.RETIRE, reason, name=name)


def sign(
    home: Home, by: Person, model: Model, part_number: str, station: str = ANY, reason: str = ""
) -> Entry:
    """Let a model decide for a part number, at one station or at all.

    Raises
    ------
    ApprovalError
        It failed on a frozen set or was not measured on one for this part number and station, its
        export is off the trained model or nobody compared them, or it is none that judges.
    """
    if not part_number.strip() or "*" in part_number:
        raise ApprovalError(f"{part_number!r} is no part number; a model is signed for one at a time.")
    return write(
        home, by, Deed.SIGN, reason, **named(model), part_number=part_number, station=station,
        gate=grounds(home, model, part_number, station),
    )  # fmt: skip


def grounds(home: Home, model: Model, part_number: str, station: str) -> dict[str, Any]:
    """Return what a signature rests on: a record of the gate.

    Raises
    ------
    ApprovalError
        There is none, or the model may not be put into use at all.
    """
    if model.task not in ("detect", "anomaly"):
        raise ApprovalError(f"{registry.title(model)} judges nothing by itself; sign what rests on it.")
    export.check(model)
    return gate_record.grounds(home, model, part_number, station)


def withdraw(home: Home, by: Person, which: str, part_number: str, station: str, reason: str) -> Entry:
    """Take a signature back; stations that judge by it send their parts to review at once.

    Parameters
    ----------
    which
        The model as it was signed: its name, ``name@`` and the beginning of its hash, or the hash. Its files
        need not be there, or whole.

    Raises
    ------
    ApprovalError
        There is none, or several models of the name are signed.
    """
    found = {
        entry.hash: {"name": entry.name, "hash": entry.hash, "task": entry.task}
        for scope, entry in Approvals.read(home).signed.items()
        if scope.part_number == part_number and station in (ANY, scope.station) and is_called(entry, which)
    }
    if not found:
        raise ApprovalError(f"Nobody signed {which} for part number {part_number}.")
    if len(found) > 1:
        known = ", ".join(f"{model['name']}@{model['hash'][: registry.SHOWN]}" for model in found.values())
        raise ApprovalError(f"Several are signed for part number {part_number}: {known}; name one of them.")
    (model,) = found.values()
    return write(home, by, Deed.WITHDRAW, reason, **model, part_number=part_number, station=station)


def is_called(entry: Entry, which: str) -> bool:
    """Say whether a signed model is meant: by its name, by the beginning of its hash or by both."""
    name, _, digits = which.rpartition("@")
    by_hash = len(digits) >= registry.SHORTEST and entry.hash.startswith(digits)
    return which == entry.name or (by_hash and name in ("", entry.name))


def promote(home: Home, by: Person, model: Model, station: str, recipe: Judging, reason: str = "") -> Entry:
    """Put a signed model into use for a recipe of a station, which takes it between two parts.

    Raises
    ------
    ApprovalError
        It is in use already, not signed for the part number, a bank that would judge alone and was never
        measured, or knows other classes.
    """
    approvals = Approvals.read(home)
    export.check(model)
    pair = (model.name, model.hash)
    if why := approvals.refusal([pair], recipe.part_number, station):
        raise ApprovalError(why)
    known, used = choose(station, recipe, home, Approvals()), choose(station, recipe, home, approvals)
    if (known.bank if model.task == "anomaly" else known.detector) is None:
        raise ApprovalError(f"Station {station} has no model of the kind; name one in the plant file.")
    if known.detector is None and (why := approvals.unmeasured(pair, recipe.part_number, station)):
        raise ApprovalError(why)
    if known.detector and model.task == "detect" and (why := misfit(model, known.detector)):
        raise ApprovalError(why)
    if pair in used.named:
        raise ApprovalError(f"Station {station} has {registry.title(model)} in use already.")
    place = {"station": station, "part_number": recipe.part_number}
    return write(home, by, Deed.PROMOTE, reason, **named(model), **place)


def rollback(home: Home, by: Person, station: str, recipe: Judging, task: str, reason: str) -> Entry:
    """Put the last signed model that was in use for a recipe before the present one into use again.

    Raises
    ------
    ApprovalError
        There is none, or it is not here any more.
    """
    model = last_signed(home, station, recipe, task)
    place = {"station": station, "part_number": recipe.part_number}
    return write(home, by, Deed.ROLLBACK, reason, **named(model), **place)


def last_signed(home: Home, station: str, recipe: Judging, task: str) -> Model:
    """Return what a rollback brings back: what was promoted before, or else what the plant file names."""
    approvals, use = Approvals.read(home), Use(station, recipe.part_number, task)
    if not approvals.in_use(use):
        raise ApprovalError(f"Nothing was put into use at station {station} that could be rolled back.")
    if entry := approvals.before(use):
        try:
            return registry.find(f"{entry.name}@{entry.hash}", (home.models,))
        except ModelError as exc:
            raise ApprovalError(f"The last signed model is not here: {exc}") from exc
    known = choose(station, recipe, home, Approvals())
    model = known.bank if task == "anomaly" else known.detector
    if model is None or not approvals.signature(model.hash, recipe.part_number, station):
        raise ApprovalError(f"No model that {station} had before is signed; sign one and promote it.")
    return model


def named(model: Model) -> dict[str, str]:
    """Return what an entry says of a model."""
    return {"name": model.name, "hash": model.hash, "task": model.task}


def write(home: Home, by: Person, deed: Deed, reason: str, **fields: Any) -> Entry:
    """Write a deed, whatever it is: those above have looked whether it may be."""
    draft = Entry(0, "", deed, by.name, time_ns() // 1000, reason, **fields)
    return Chain(home).append(draft, by.key)

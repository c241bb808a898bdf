"""Signatures for tests: a person with a key of their own, who signs what a test needs."""

from __future__ import annotations

from time import time_ns
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.approvals import keys
from engine.approvals.chain import Chain
from engine.approvals.deeds import Person, enrol
from engine.approvals.entry import ANY, Deed, Entry
from engine.approvals.ledger import Approvals
from engine.paths import Home
from vision.registry import Model

TESTER = Person("Tester", Ed25519PrivateKey.from_private_bytes(bytes(32)))
"""Signs nothing that leaves a test."""


def person(home: Home, name: str = "Wang Fang", by: Person | None = None) -> Person:
    """Return somebody who may sign in a home."""
    made = Person(name, Ed25519PrivateKey.generate())
    enrol(home, by or made, name, keys.public_of(made.key))
    return made


def sign(
    home: Home,
    by: Person,
    model: Model,
    part_number: str = "demo",
    station: str = ANY,
    gate: dict[str, Any] | None = None,
) -> Entry:
    """Sign a model as it is: what a test's tiny model is worth nobody measures."""
    draft = Entry(
        0, "", Deed.SIGN, by.name, time_ns() // 1000, "for a test", model.name, hash=model.hash,
        task=model.task, part_number=part_number, station=station, gate=gate or {},
    )  # fmt: skip
    return Chain(home).append(draft, by.key)


def vouch(home: Home, model: Model, part_number: str = "demo") -> None:
    """See that a station may judge by a model: one and the same tester signs it unless somebody did."""
    approvals = Approvals.read(home)
    if TESTER.name not in approvals.people:
        enrol(home, TESTER, TESTER.name, keys.public_of(TESTER.key))
    if not approvals.signature(model.hash, part_number, ANY):
        sign(home, TESTER, model, part_number, gate={"set": "for a test"})

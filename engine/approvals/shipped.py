"""Signatures for the models that ship: valid for part numbers of the demo, and for no other.

The key that signs was made for it and forgotten; nobody can sign with it again. After a model that ships
was exported anew, sign all of them anew by a key of their own:

    python -m engine.approvals.shipped
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from time import time_ns
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.approvals import keys
from engine.approvals.entry import ANY, FIRST, Deed, Entry
from vision import registry

FILE = Path(__file__).with_name("shipped.json")
DEMO = "demo"
"""How part numbers of the demo begin."""
PERSON = "Seamline demo"
REASON = "It ships for the demo's rendered parts and for trying things out; it is proven for no real part."


def signature(model: str, part_number: str) -> Entry | None:
    """Return the signature of a model that ships, None where the part number is no demo's."""
    return signatures().get(model) if part_number.startswith(DEMO) else None


@cache
def signatures() -> dict[str, Entry]:
    """Return the signatures that ship, by the model's hash; one that is not right is none."""
    told = orjson.loads(FILE.read_bytes())
    entries = [Entry.from_line(orjson.dumps(line, option=orjson.OPT_SORT_KEYS)) for line in told["entries"]]
    return {
        entry.hash: entry
        for entry in entries
        if entry.part_number == f"{DEMO}*" and keys.verify(told["key"], entry.content, entry.signature)
    }


def sign_all() -> dict[str, Any]:
    """Return signatures of every model that ships and judges, with the public key of whom made them."""
    key = Ed25519PrivateKey.generate()
    models = [item.model for item in registry.shelf() if item.model and item.model.task != "embed"]
    drafts = [
        Entry(
            number, FIRST, Deed.SIGN, PERSON, time_ns() // 1000, REASON, name=model.name, hash=model.hash,
            task=model.task, part_number=f"{DEMO}*", station=ANY,
        )
        for number, model in enumerate(models, 1)
    ]  # fmt: skip
    signed = [replace(draft, signature=keys.sign(key, draft.content)) for draft in drafts]
    return {"key": keys.public_of(key), "entries": [orjson.loads(entry.line) for entry in signed]}


if __name__ == "__main__":
    FILE.write_bytes(orjson.dumps(sign_all(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")

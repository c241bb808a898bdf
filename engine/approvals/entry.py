"""One line of the file of approvals: what a person did, signed, and tied to the line before it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import orjson

ANY = "*"
"""Stands for every station."""
FIRST = "0" * 64
"""What the first line names as the one before it."""


class Deed(StrEnum):
    """What a person did."""

    ENROL = "enrol"
    """Let a person in: whoever signs from now on by the key that is named. The first one enrols himself."""
    RETIRE = "retire"
    """End that; what the person signed before stays signed."""
    SIGN = "sign"
    """Let a model decide for a part number."""
    WITHDRAW = "withdraw"
    """Take a signature back."""
    PROMOTE = "promote"
    """Put a model into use at a station."""
    ROLLBACK = "rollback"
    """Put the one before back into use."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. Fields that do not belong to it are empty."""

    number: int
    """From 1."""
    before: str
    """SHA-256 of the line before."""
    deed: Deed
    person: str
    """Whose deed it is, and whose key signs it."""
    at: int
    """Microseconds UTC, by the clock of the machine."""
    reason: str = ""
    name: str = ""
    """Of the model; of the person who is enrolled or retires."""
    key: str = ""
    """The public key of who is enrolled."""
    hash: str = ""
    """Of the model."""
    task: str = ""
    """Of the model: ``detect`` or ``anomaly``."""
    part_number: str = ""
    station: str = ""
    """``*`` stands for every station."""
    gate: dict[str, Any] = field(default_factory=dict)
    """What the model was measured on, and with what figures."""
    signature: str = ""

    @property
    def content(self) -> bytes:
        """What is signed: everything but the signature, as canonical JSON."""
        return replace(self, signature="").line

    @property
    def line(self) -> bytes:
        """The line, without its end."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read a line.

        Raises
        ------
        ValueError
            It is none.
        """
        try:
            fields = orjson.loads(line)
            entry = cls(**(fields | {"deed": Deed(fields["deed"])}))
        except (TypeError, KeyError) as exc:
            raise ValueError(f"no entry: {exc}") from exc
        if entry.line != line or not entry.sound:
            raise ValueError("no entry as it is written")
        return entry

    @property
    def measured(self) -> bool:
        """Whether it rests on what a frozen set showed."""
        return "set" in self.gate

    @property
    def sound(self) -> bool:
        """Whether every field is of its kind."""
        told = asdict(self)
        kinds = {"number": int, "at": int, "gate": dict}
        return all(type(value) is kinds.get(name, str) for name, value in told.items() if name != "deed")

    def plain(self) -> dict[str, Any]:
        """Return its fields, the empty ones left out."""
        return {name: value for name, value in asdict(self).items() if value not in ("", {})}


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line."""
    return hashlib.sha256(line).hexdigest()

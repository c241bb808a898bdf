"""What a survey says of one set, and what each kind of set brings to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

SHOWN = 3
"""Names that are given as examples of a trap."""


class SurveyError(Exception):
    """There is nothing to look at; the message says what to name instead."""


@dataclass
class DataSet:
    """One set: what there is, and what must not be taken at its face."""

    kind: str
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    traps: dict[str, list[str]] = field(default_factory=dict)
    """By what is wrong: where."""

    def trap(self, what: str, where: str) -> None:
        """Note that something is not as it seems."""
        self.traps.setdefault(what, []).append(where)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the first few places of each trap."""
        traps = {what: {"count": len(where), "first": where[:SHOWN]} for what, where in self.traps.items()}
        return {"kind": self.kind, "folder": str(self.folder), "counts": dict(self.counts), "traps": traps}


class Kind(Protocol):
    """A shape of data."""

    def find(self, folder: Path) -> bool:
        """Return whether a folder itself has the shape."""

    def look(self, folder: Path) -> DataSet:
        """Count what is in such a folder."""

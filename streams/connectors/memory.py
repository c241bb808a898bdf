"""What is remembered of a source when its gateway dies: until when each contact stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contact stood.

    It was ``heard`` last (NULL where it never was); ``until`` then that is known, or since then it was
    away, and ``why``; ``told`` are the (machine, tag) by which it tells of a machine's state. It is ``lossy``
    when some of what it says is kept by nobody while nobody listens.
    """

    heard: int
    until: int
    why: str = ""
    told: tuple[tuple[str, str], ...] = ()
    lossy: bool = False

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> Standing:
        """Return what `asdict` made of one, and JSON of that.

        Raises
        ------
        ValueError, TypeError, KeyError
            It is none.
        """
        told = tuple((str(machine), str(tag)) for machine, tag in saved["told"])
        lossy = bool(saved.get("lossy", False))
        return cls(int(saved["heard"]), int(saved["until"]), str(saved["why"]), told, lossy)


class Witness(Protocol):
    """Whoever knows how a contact stood."""

    def standing(self, by: int) -> Standing | None:
        """Return how it stood at a time; None when it has changed since, or nothing is known."""


class Memory:
    """The standing of each of a source's contacts, by name: from before, and as it is noted now."""

    def __init__(self, before: Mapping[str, Standing] | None = None) -> None:
        self._standings = dict(before or {})
        self._witnesses: dict[str, Witness] = {}

    @property
    def names(self) -> set[str]:
        """Return whose standing is known."""
        return set(self._standings)

    def recall(self, name: str) -> Standing | None:
        """Return how a contact stood when that was noted last."""
        return self._standings.get(name)

    def keep(self, name: str, witness: Witness) -> None:
        """Ask a witness from now on."""
        self._witnesses[name] = witness

    def note(self, by: int) -> None:
        """Note how all stood at a time up to which everything that was heard is on disk."""
        for name, witness in list(self._witnesses.items()):
            if (found := witness.standing(by)) is not None:
                self._standings[name] = found

    def saved(self) -> dict[str, Any]:
        """Return all standings as JSON has them."""
        return {name: asdict(standing) for name, standing in list(self._standings.items())}

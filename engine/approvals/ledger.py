"""What follows from all approvals: which models may decide what, and which one a station has in use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from engine.approvals import shipped
from engine.approvals.chain import Chain, people
from engine.approvals.entry import ANY, Deed, Entry
from engine.paths import Home
from vision.registry import SHOWN

USES = (Deed.PROMOTE, Deed.ROLLBACK)


class Scope(NamedTuple):
    """What a signature is for."""

    hash: str
    part_number: str
    station: str


class Use(NamedTuple):
    """What a station can have in use one of for a part number: a detector, a bank of good parts."""

    station: str
    part_number: str
    task: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """The state after all entries.

    ``uses`` has the models of a station in the order in which they came into use; the last is in use now,
    and none stands for what the plant file names.
    """

    entries: tuple[Entry, ...] = ()
    people: dict[str, str] = field(default_factory=dict)
    """Public keys of those who may sign, by name."""
    signed: dict[Scope, Entry] = field(default_factory=dict)
    uses: dict[Use, tuple[Entry, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Home) -> Self:
        """Return what holds in a home.

        Raises
        ------
        ApprovalError
            Its file cannot be trusted.
        """
        return cls.of(Chain(home).read())

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Self:
        """Return what follows from entries that were checked."""
        signed: dict[Scope, Entry] = {}
        uses: dict[Use, tuple[Entry, ...]] = {}
        for entry in entries:
            if entry.deed is Deed.SIGN:
                signed[_scope(entry)] = entry
            if entry.deed is Deed.WITHDRAW:
                signed = {scope: by for scope, by in signed.items() if not _covers(entry, scope)}
            if entry.deed in USES:
                use = Use(entry.station, entry.part_number, entry.task)
                uses[use] = _used(uses.get(use, ()), entry)
        return cls(tuple(entries), people(tuple(entries)), signed, uses)

    def signature(self, model: str, part_number: str, station: str) -> Entry | None:
        """Return who lets a model (its hash) decide for a part number at a station; None: nobody does."""
        for place in (station, ANY):
            if found := self.signed.get(Scope(model, part_number, place)):
                return found
        return shipped.signature(model, part_number)

    def in_use(self, use: Use) -> Entry | None:
        """Return what put the model into use; None: it is the plant file's."""
        return next(iter(self.uses.get(use, ())[-1:]), None)

    def before(self, use: Use) -> Entry | None:
        """Return what put the last signed model into use that came before the one in use; None: none did."""
        signed = (
            entry
            for entry in reversed(self.uses.get(use, ())[:-1])
            if self.signature(entry.hash, use.part_number, use.station)
        )
        return next(signed, None)

    def refusal(self, models: Iterable[tuple[str, str]], part_number: str, station: str) -> str:
        """Return in one sentence which of some models (name, hash) nobody signed; empty: all are."""
        for name, model in models:
            if not self.signature(model, part_number, station):
                return (
                    f"Nobody signed the model {name} ({model[:SHOWN]}) for part number {part_number}: run"
                    f" seamline models sign {name}@{model[:SHOWN]} --part-number {part_number} --by NAME."
                )
        return ""

    def unmeasured(self, bank: tuple[str, str], part_number: str, station: str) -> str:
        """Return in one sentence why a bank (name, hash) may not judge alone; empty: it may.

        It was learned from good parts alone: what it passes only a frozen set with defective parts tells.
        """
        name, model = bank
        scopes = (Scope(model, part_number, place) for place in (station, ANY))
        if any(scope in self.signed and self.signed[scope].measured for scope in scopes):
            return ""
        which = f"{name}@{model[:SHOWN]}"
        return (
            f"The bank {which} judges alone and was signed unmeasured for part number {part_number}: run"
            f" seamline models gate {which} --set FOLDER --part-number {part_number}, then sign it again."
        )


def _scope(entry: Entry) -> Scope:
    return Scope(entry.hash, entry.part_number, entry.station)


def _covers(withdrawn: Entry, scope: Scope) -> bool:
    """Say whether a signature is taken back: that of every station takes those of each along."""
    same = (withdrawn.hash, withdrawn.part_number) == (scope.hash, scope.part_number)
    return same and withdrawn.station in (ANY, scope.station)


def _used(uses: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    """Return a station's uses after one more; a rollback forgets those that came after its model."""
    if entry.deed is Deed.PROMOTE:
        return (*uses, entry)
    kept = uses[:-1]
    while kept and kept[-1].hash != entry.hash:
        kept = kept[:-1]
    return kept or (entry,)

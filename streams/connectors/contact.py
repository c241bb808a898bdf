"""Contact with a source that cannot repeat: whenever nobody heard it, a gap is put on record."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import Clock
from streams.connectors.stamps import iso
from streams.records import NULL, Readings, Rejects, Text

GAP = "gap"
BEFORE = "nobody listened before"
STOPPED = "the gateway stopped"


def gap(machines: Sequence[str], since: int, until: int, why: str, lost: int | None = None) -> Rejects:
    """Return the record that readings are missing: one reject for each machine, at the begin of the span.

    ``raw`` is JSON: ``from`` (null where nobody knows), ``to``, ``why``, and how many were ``lost`` where
    that is known.

    >>> gap(["press"], 0, 1_500_000, "the cable was out").raw.to_list()
    ['{"from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:01.500000Z", "why": "the cable was out"}']
    """
    told = {"from": None if since == NULL else iso(since), "to": iso(until), "why": why}
    raw = json.dumps(told if lost is None else told | {"lost": lost}, ensure_ascii=False)
    size = len(machines)
    return Rejects(
        machine=Text.of(machines),
        tag=Text.constant(None, size),
        ts=np.full(size, since, dtype=np.int64),
        reason=Text.constant(GAP, size),
        raw=Text.constant(raw, size),
    )


class Contact:
    """Whether a source is heard, and the record of when it was not.

    While it is away, nothing is known of the machines whose execution it tells: their availability tag
    reads UNAVAILABLE, as an MTConnect adapter would have it. It reads AVAILABLE when the source is back,
    unless the source tells that tag itself.

    Parameters
    ----------
    machines
        Whose readings it brings.
    tags
        Which: (machine, tag) of each.
    """

    def __init__(self, machines: Sequence[Machine], tags: Collection[tuple[str, str]], clock: Clock) -> None:
        self._machines = [machine.name for machine in machines]
        self._vouched = [pair for machine in machines for pair in _availability(machine, tags)]
        self._answered = [pair for pair in self._vouched if pair not in tags]
        self._clock = clock
        self._last = NULL
        self._why = BEFORE
        self._kept: bool | None = None

    def heard(self, outlet: Outlet, whole: bool = False) -> bool:
        """Note that the source is heard now; True when it was not before, which is now on record.

        It is ``whole`` when somebody kept what it said meanwhile: then there is no gap.
        """
        now, back = self._clock.now(), not self._kept
        if back:
            if not whole:
                outlet.rejects(gap(self._machines, self._last, now, self._why))
            self._tell(outlet, self._answered, "AVAILABLE", now)
        self._kept, self._last = True, now
        return back

    def lost(self, outlet: Outlet, why: str) -> None:
        """Note that the source is away, once for each absence; the gap begins when it was heard last."""
        if self._kept is not False:
            self._why = why if self._kept else BEFORE
            self._kept = False
            self._tell(outlet, self._vouched, "UNAVAILABLE", self._clock.now())

    def skipped(self, outlet: Outlet, why: str, lost: int | None = None) -> None:
        """Put on record that readings were lost since the source was heard last, though it is there."""
        outlet.rejects(gap(self._machines, self._last, self._clock.now(), why, lost))

    @staticmethod
    def _tell(outlet: Outlet, pairs: Sequence[tuple[str, str]], word: str, now: int) -> None:
        if pairs:
            machines, tags = zip(*pairs, strict=True)
            outlet.readings(Readings.texts(machines, tags, [now] * len(pairs), [word] * len(pairs)))


def _availability(machine: Machine, tags: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the machine's availability tag, if it has one and its execution is among the tags."""
    rule = machine.state_rule
    known = {tag.name for tag in machine.tags}
    vouches = rule.availability in known and (machine.name, rule.execution) in tags
    return [(machine.name, rule.availability)] if vouches else []

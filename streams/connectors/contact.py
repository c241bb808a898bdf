"""Contact with a source that cannot repeat: whenever nobody heard it, a gap is put on record."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np

from streams.abc import Outlet
from streams.catalog import Machine
from streams.clock import DAY, HOUR, Clock
from streams.connectors.memory import Standing
from streams.connectors.stamps import iso
from streams.records import NULL, Readings, Rejects, Text

GAP = "gap"
UNAVAILABLE = "UNAVAILABLE"
BEFORE = "nobody listened before"
STOPPED = "the gateway stopped"
FAILED = "the connector failed"
KILLED = "the gateway was killed"
FURTHEST = DAY - HOUR
"""How far back a machine is told to have been away: what is a day old is refused."""


def gap(machines: Sequence[str | None], since: int, until: int, why: str, lost: int | None = None) -> Rejects:
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

    The outlet's memory knows how the contact stood when a gateway died that could not say goodbye: the
    next one says UNAVAILABLE at that time, and that nobody heard the source since.

    Parameters
    ----------
    machines
        Whose readings it brings.
    tags
        Which: (machine, tag) of each.
    name
        Under which it is remembered, of a source that has several.
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        tags: Collection[tuple[str, str]],
        clock: Clock,
        name: str = "",
    ) -> None:
        self._machines, self._clock, self._name = machines, clock, name
        self._told: tuple[tuple[str, str], ...] = ()
        self.tells(tags)
        self._last = NULL
        self._why = BEFORE
        self._kept: bool | None = None
        self._changed = NULL
        self.away_since = NULL
        """When it went away last; NULL: never, as far as anybody knows."""
        self.lossy = False
        """Whether some of what it says is kept by nobody: then it is never whole."""
        self._recalled = False

    def tells(self, tags: Collection[tuple[str, str]]) -> None:
        """Note that the source brings these tags, too."""
        roles = [pair for machine in self._machines for pair in _roles(machine)]
        self._told = tuple(pair for pair in roles if pair in self._told or pair in tags)
        self._vouched = [pair for machine in self._machines for pair in _availability(machine, self._told)]
        self._answered = [pair for pair in self._vouched if pair not in self._told]

    def heard(self, outlet: Outlet, whole: bool = False) -> bool:
        """Note that the source is heard now; True when it was not before, which is now on record.

        It is ``whole`` when somebody kept what it said meanwhile: then there is no gap.
        """
        self.recall(outlet)
        now, back = self._clock.now(), not self._kept
        if back:
            if self.lossy or not whole:
                outlet.rejects(gap(self._names, self._last, now, self._why))
            self._tell(outlet, self._answered, "AVAILABLE", now)
            self._changed = now
        self._kept, self._last = True, now
        return back

    def lost(self, outlet: Outlet, why: str) -> None:
        """Note that the source is away, once for each absence; the gap begins when it was heard last."""
        self.recall(outlet)
        if self._kept is not False:
            self._why = why if self._kept else BEFORE
            self._away(outlet, self._clock.now())

    def standing(self, by: int) -> Standing | None:
        """Return how it stood at a time; None when it has changed since, or nothing is known."""
        kept, last = self._kept, self._last
        if kept is None or self._changed > by:
            return None
        until, why = (by, "") if kept else (self.away_since, self._why)
        return Standing(min(last, by), until, why, self._told, self.lossy)

    def recall(self, outlet: Outlet) -> None:
        """Take over, once, how the contact stood when a former gateway ended: it is away since then."""
        if self._recalled:
            return
        self._recalled = True
        outlet.memory.keep(self._name, self)
        if (before := outlet.memory.recall(self._name)) is None:
            return
        now = self._clock.now()
        self._last, self._why = before.heard, before.why or KILLED
        self.lossy |= before.lossy
        if before.why:
            self._kept, self.away_since, self._changed = False, before.until, now
        else:
            self._away(outlet, min(max(before.until, now - FURTHEST), now))

    def _away(self, outlet: Outlet, since: int) -> None:
        self.away_since, self._changed = since, self._clock.now()
        self._kept = False
        self._tell(outlet, self._vouched, UNAVAILABLE, since)

    @property
    def _names(self) -> list[str]:
        return [machine.name for machine in self._machines]

    def skipped(self, outlet: Outlet, why: str, lost: int | None = None) -> None:
        """Put on record that readings were lost since the source was heard last, though it is there."""
        outlet.rejects(gap(self._names, self._last, self._clock.now(), why, lost))

    @staticmethod
    def _tell(outlet: Outlet, pairs: Sequence[tuple[str, str]], word: str, now: int) -> None:
        if pairs:
            machines, tags = zip(*pairs, strict=True)
            outlet.readings(Readings.texts(machines, tags, [now] * len(pairs), [word] * len(pairs)))


def _roles(machine: Machine) -> list[tuple[str, str]]:
    """Return the tags by which a machine's state is told, whether it has them or not."""
    rule = machine.state_rule
    return [(machine.name, rule.execution), (machine.name, rule.availability)]


def _availability(machine: Machine, tags: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the machine's availability tag, if it has one and its execution is among the tags."""
    rule = machine.state_rule
    known = {tag.name for tag in machine.tags}
    vouches = rule.availability in known and (machine.name, rule.execution) in tags
    return [(machine.name, rule.availability)] if vouches else []

"""Take evidence away: pictures whose every verdict is past its days, however often they were seen."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from engine.plant import EvidenceDays
from engine.retention.audit import Audit, Removal
from engine.retention.rules import NEVER, cutoff
from engine.store.levels import Connection
from vision.evidence import Shelf

DUE = """
WITH said AS (
    SELECT
        tenant_id, station, serial,
        min(CASE outcome WHEN 'OK' THEN %(ok)s WHEN 'NG' THEN %(ng)s ELSE %(review)s END) AS now,
        min(CASE outcome WHEN 'OK' THEN %(ok_then)s WHEN 'NG' THEN %(ng_then)s ELSE %(review_then)s END)
            AS then
    FROM verdicts
    GROUP BY tenant_id, station, serial
)
SELECT frame.frame_hash
FROM frame_ledger AS frame
LEFT JOIN said USING (tenant_id, station, serial)
LEFT JOIN machines AS machine ON machine.tenant_id = frame.tenant_id AND machine.name = frame.station
WHERE frame.frame_hash IS NOT NULL
GROUP BY frame.frame_hash
HAVING bool_and(
        machine.shard IS NOT DISTINCT FROM %(shard)s AND frame.tenant_id = %(tenant)s
        AND frame.ts < coalesce(said.now, %(least)s)
    )
    AND NOT bool_and(frame.ts < coalesce(said.then, %(least_then)s))
"""
"""Hashes of which every frame is due now, and was not by the cutoffs of the pass before."""
BATCH = 200
"""Pictures that are taken away together."""


class PictureSweep:
    """Find and remove the evidence of one plant's stations."""

    def __init__(self, connection: Connection, audit: Audit, evidence: Path, days: EvidenceDays) -> None:
        self._connection = connection
        self._audit = audit
        self._root = evidence
        self._days = days.model_dump()
        self._cutoffs = {outcome: cutoff(audit.clock, asked) for outcome, asked in self._days.items()}

    def due(self) -> Removal:
        """Count the pictures that may go."""
        with Shelf(self._root) as shelf:
            found = [size for name in self._hashes() if (size := shelf.size(name))]
        return self._removal(len(found), sum(found), None)

    def remove(self, archive: Path | None, stop: threading.Event) -> Removal | None:
        """Delete or move the pictures; None when there are none or it was stopped, to go on next time.

        Raises
        ------
        OSError
            The disk cannot be written.
        """
        hashes = self._hashes()
        first = next(hashes, None)
        if first is None:
            return None
        place = None if archive is None else archive / "evidence"
        with self._connection.transaction():
            begun = self._audit.enter(self._removal(0, 0, place), finished=False)
        taken: list[int | None] = []
        with Shelf(self._root) as shelf:
            for names in batched(chain([first], hashes), BATCH):
                if stop.is_set():
                    return None
                taken += shelf.take_away(names, place)
        rows, size = sum(map(bool, taken)), sum(filter(None, taken))
        if None in taken:  # kept within the last hour: the next pass begins where this one did
            return self._audit.note(begun, rows, size)
        return self._audit.finish(begun, rows, size)

    def _hashes(self) -> Iterator[str]:
        if all(moment == NEVER for moment in self._cutoffs.values()):
            return
        then = self._audit.before()
        earlier = {outcome: then.get(outcome, NEVER) for outcome in self._cutoffs}
        values = {outcome.lower(): moment for outcome, moment in self._cutoffs.items()}
        values |= {f"{outcome.lower()}_then": moment for outcome, moment in earlier.items()}
        values |= {"least": min(self._cutoffs.values()), "least_then": min(earlier.values())}
        facts = {"shard": self._audit.shard, "tenant": self._audit.tenant}
        with self._connection.transaction():
            found = self._connection.execute(DUE, {**values, **facts}).fetchall()
        yield from (name for (name,) in found)

    def _removal(self, rows: int, size: int, place: Path | None) -> Removal:
        before = {outcome: moment.isoformat() for outcome, moment in self._cutoffs.items()}
        until: datetime = max(self._cutoffs.values())
        return Removal("evidence", None, until, rows, size, place, {**self._days, "before": before})


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield lists of so many names, the last one of what is left."""
    left = iter(names)
    while batch := list(islice(left, size)):
        yield batch

"""Which rows of which tables are due when: the plant file's days as cutoffs in plant time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from engine.plant import EvidenceDays, RetentionSection
from streams.clock import HOUR, MINUTE, SECOND

FOREVER = None
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""A cutoff before everything."""
NEWEST_STATE = (
    "(tenant_id, machine, ts) NOT IN (SELECT tenant_id, machine, max(ts) FROM states_latest GROUP BY 1, 2)"
)
"""A machine's newest state may last, for months, and its end is a row of the same time."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Days that rows of one table stay, or, of ``windows``, those of each width."""

    table: str
    days: Mapping[int, int | None]
    """Width in microseconds -> days; 0 is the width of what has none."""
    owner: str = "machine"
    """The column that names a machine or station of the plant; empty where rows name none."""
    also: LiteralString = "true"
    """What else must hold of a row that goes."""

    def widths(self, end: datetime, now: datetime) -> list[int]:
        """Return the widths of which everything before ``end`` is due."""
        return [width for width, days in self.days.items() if end <= cutoff(now, days)]

    def asked(self) -> dict[str, Any]:
        """Return the days for the audit."""
        return {
            self.table if not width else f"{width // SECOND} s": days for width, days in self.days.items()
        }


def cutoff(now: datetime, days: int | None) -> datetime:
    """Return the time before which things are due."""
    return NEVER if days is FOREVER else now - timedelta(days=days)


def rules(section: RetentionSection) -> list[Rule]:
    """Return the rules of a plant file.

    What is said of pictures stays as long as the longest of them.
    """
    widths = {SECOND: section.windows_1s, MINUTE: section.windows_1min, HOUR: section.windows_1h}
    longest = longest_evidence(section.evidence)
    verdicts, frames = _longer(section.verdicts, longest), _longer(section.frame_ledger, longest)
    return [
        Rule("readings", {0: section.readings}),
        Rule("windows", widths),
        Rule("waveforms", {0: section.waveforms}),
        Rule("anomalies", {0: section.anomalies}),
        Rule("quarantine", {0: section.quarantine}, owner=""),
        Rule("states", {0: section.states}, also=NEWEST_STATE),
        Rule("runs", {0: section.states}),
        Rule("clocks", {0: section.states}),
        Rule("oee", {0: section.oee}),
        Rule("findings", {0: verdicts}, owner="station"),
        Rule("verdicts", {0: verdicts}, owner="station"),
        Rule("shadow_verdicts", {0: section.verdicts}, owner="station"),
        Rule("drift", {0: section.frame_ledger}, owner="station"),
        Rule("frame_ledger", {0: frames}, owner="station"),
    ]


def longest_evidence(evidence: EvidenceDays) -> int | None:
    """Return how long the longest-kept pictures stay, None for ever."""
    days = (evidence.OK, evidence.NG, evidence.REVIEW)
    known = [item for item in days if item is not None]
    return max(known) if len(known) == len(days) else FOREVER


def _longer(days: int | None, other: int | None) -> int | None:
    return None if days is None or other is None else max(days, other)

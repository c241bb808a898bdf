"""The outbox of the plant file: what is told to others, and where to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.plant.secrets import SecretSection
from engine.plant.section import Positive, Section
from streams.catalog import EventRule
from streams.clock import SECOND


class OutboxSection(Section):
    """An address that hears of stops, alarms and revised shifts, each at least once (`streams.events`)."""

    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
    """Where events are posted, as JSON."""
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    """Name of the header that proves who posts."""
    value: SecretSection | None = None
    """Where its value is kept; left out: no such header."""
    timeout_s: Positive = 10.0
    """So many seconds the address may take to answer."""
    give_up_after_h: Positive = 72.0
    """Hours after which an event that it never took is dead: kept, listed, tried no more."""
    keep_days: Annotated[float, Field(ge=2)] | None = None
    """Days after which a delivered event leaves the database; left out: it stays for ever."""
    stopped_after_s: Positive = 300.0
    """A machine that stands still for so many seconds is told of."""

    def rule(self, shard: str) -> EventRule:
        """Return when something is told."""
        return EventRule(shard, int(self.stopped_after_s * SECOND))

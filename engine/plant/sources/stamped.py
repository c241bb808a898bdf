"""Sources of the plant file that write times as texts, which may name no zone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from engine.plant.section import Section, Zone


class StampedSource(Section):
    """A source whose times may be local ones."""

    timezone: Zone | None = None
    """Zone of its times that name none, like Asia/Shanghai; left out: they are UTC."""

    def zone(self) -> ZoneInfo | None:
        """Return the zone; None: UTC."""
        return ZoneInfo(self.timezone) if self.timezone else None

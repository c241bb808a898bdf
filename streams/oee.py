"""The time model of a shift and its ratios: ISO 22400-2 elements, integer microseconds, one definition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Losses:
    """Where a shift's time went, microseconds; `calendar` is the sum of all, exactly.

    ``speed_loss`` is what remains of the run time when every part is given its ideal cycle time: it is
    negative where parts were made faster than the ideal, which then is too long.
    """

    unscheduled: int = 0
    no_data: int = 0
    planned_stop: int = 0
    setup: int = 0
    unplanned_stop: int = 0
    minor_stop: int = 0
    speed_loss: int = 0
    reject_loss: int = 0
    review_loss: int = 0
    effective: int = 0

    @property
    def calendar(self) -> int:
        """All time elapsed."""
        return self.unscheduled + self.no_data + self.planned_stop + self.busy

    @property
    def busy(self) -> int:
        """Planned busy time (PBT): scheduled, not stopped by plan, and known."""
        return self.setup + self.unplanned_stop + self.production

    @property
    def production(self) -> int:
        """Actual production time (APT): minor stops are inside, they cost performance."""
        return self.minor_stop + self.speed_loss + self.ideal

    @property
    def ideal(self) -> int:
        """Ideal time of all parts, whatever became of them."""
        return self.reject_loss + self.review_loss + self.effective


@dataclass(frozen=True, slots=True)
class Ratios:
    """Availability, effectiveness (performance), quality ratio and OEE index; None where undefined."""

    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None
    oee_index: float | None


def ratios(losses: Losses, good: int, total: int) -> Ratios:
    """Return the ratios of a shift, or of several whose losses and counts were added up.

    Parameters
    ----------
    losses : times in microseconds.
    good, total : parts; those under review are in ``total`` only.

    Examples
    --------
    >>> ratios(Losses(unplanned_stop=25, speed_loss=15, reject_loss=6, effective=54), good=9, total=10)
    Ratios(availability=0.75, effectiveness=0.8, quality_ratio=0.9, oee_index=0.54)
    """
    return Ratios(
        availability=_share(losses.production, losses.busy),
        effectiveness=_share(losses.ideal, losses.production),
        quality_ratio=_share(good, total),
        oee_index=_share(losses.effective, losses.busy),
    )


def teep(losses: Losses) -> float | None:
    """Return effective time as a share of all time (total effective equipment performance)."""
    return _share(losses.effective, losses.calendar)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None

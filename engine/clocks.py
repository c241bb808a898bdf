"""What a shard says of the clocks of its machines: a jump is told for an hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from engine.health import Part
from streams.calendar import EPOCH
from streams.clock import HOUR, SECOND
from streams.operators.clocks import ClockEstimate


def jumped(clocks: Iterable[ClockEstimate], now: int) -> list[Part]:
    """Return as parts in trouble those clocks that jumped within the last hour of plant time."""
    return [_part(clock, clock.jumped) for clock in clocks if clock.jumped and now - clock.jumped <= HOUR]


def _part(clock: ClockEstimate, jumped: int) -> Part:
    moment = (EPOCH + timedelta(microseconds=jumped)).isoformat(timespec="seconds")
    jump = f"{clock.jump / SECOND:+.1f} s at {moment}"
    trouble = f"The clock of {clock.source} jumped by {jump}; set it by a time server."
    return Part("clock", clock.machine, trouble)

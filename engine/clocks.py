"""What a shard says of its machines' clocks: a jump is told for an hour, an offset as long as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from engine.health import Part
from streams.calendar import EPOCH
from streams.clock import HOUR, MINUTE, SECOND
from streams.operators.clocks import ClockEstimate


def troubled(clocks: Iterable[ClockEstimate], now: int) -> list[Part]:
    """Return as parts in trouble those clocks that jumped lately (plant time), or stand off by a minute."""
    told = ((clock, _jumped(clock, now) or _off(clock)) for clock in clocks)
    return [Part("clock", clock.machine, trouble) for clock, trouble in told if trouble]


def _jumped(clock: ClockEstimate, now: int) -> str:
    if not clock.jumped or now - clock.jumped > HOUR:
        return ""
    moment = (EPOCH + timedelta(microseconds=clock.jumped)).isoformat(timespec="seconds")
    jump = f"{clock.jump / SECOND:+.1f} s at {moment}"
    return f"The clock of {clock.source} jumped by {jump}; set it by a time server."


def _off(clock: ClockEstimate) -> str:
    if abs(clock.offset) <= MINUTE:
        return ""
    seconds = round(abs(clock.offset) / SECOND)
    if clock.offset > 0:
        return (
            f"The times of {clock.source} are {seconds} s behind the plant's; set its clock by a time server,"
            " or write the timezone of its times into the plant file."
        )
    return (
        f"The times of {clock.source} are {seconds} s ahead of the plant's; set its clock by a time server,"
        " or write the timezone of its times into the plant file."
    )

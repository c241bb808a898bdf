"""What a shard says of the clocks of its machines."""

from __future__ import annotations

import pytest

from engine.clocks import troubled
from streams.clock import HOUR, MINUTE, SECOND
from streams.operators.clocks import ClockEstimate

NOW = 1_790_000_000 * SECOND


def told(**known: int | None) -> list[str]:
    estimate = {"offset": 0, "jitter": 0, "jumped": None, "jump": 0} | known
    return [part.trouble for part in troubled([ClockEstimate("mill", "adapter", **estimate)], NOW)]


@pytest.mark.parametrize(("offset", "where"), [(-8 * HOUR, "ahead of"), (8 * HOUR, "behind")])
def test_a_clock_that_stands_off_is_told_as_long_as_it_does(offset: int, where: str) -> None:
    assert told(offset=offset) == [
        f"The times of adapter are 28800 s {where} the plant's; set its clock by a time server,"
        " or write the timezone of its times into the plant file."
    ]


def test_a_clock_within_a_minute_is_well() -> None:
    assert told(offset=MINUTE) == told(offset=-MINUTE) == []


def test_a_jump_is_told_for_an_hour_and_the_offset_it_left_from_then_on() -> None:
    jumped = {"offset": 2 * MINUTE, "jump": -2 * MINUTE}
    assert told(jumped=NOW - HOUR, **jumped)[0].startswith("The clock of adapter jumped by -120.0 s")
    assert told(jumped=NOW - HOUR - 1, **jumped)[0].startswith("The times of adapter are 120 s behind")

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.log import mixed
from streams.log.abc import Kind
from streams.records import Readings, Rejects, decode, encode

GOOD = Readings.numbers(["rig"] * 3, ["x", "y", "x"], [1, 2, 3], [0.5, 1.5, 2.5])
BAD = Rejects.of("malformed_json", ["{half", "]"], "rig")
MIXED = mixed.pack(GOOD, BAD)[1]
ARROW = encode(GOOD.to_arrow())


def test_what_was_packed_comes_back():
    readings, rejects = mixed.unpack(MIXED)
    assert encode(readings.to_arrow()) == ARROW
    assert rejects.raw.to_list() == ["{half", "]"]


@pytest.mark.parametrize(
    ("readings", "rejects", "kind"),
    [
        (GOOD, Rejects.of("", []), Kind.READINGS),
        (Readings.empty(), BAD, Kind.REJECTS),
        (GOOD, BAD, Kind.MIXED),
        (Readings.empty(), Rejects.of("", []), Kind.READINGS),
    ],
)
def test_a_message_is_one_entry_whatever_it_holds(readings, rejects, kind):
    found, payload = mixed.pack(readings, rejects)
    assert found == kind
    if kind == Kind.READINGS:
        assert decode(payload).num_rows == len(readings)


@st.composite
def spoilt(draw, whole):
    """Draw what came of good bytes on a bad day: some changed, the end cut off."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.integers(0, len(raw)))])


@settings(max_examples=1000)
@given(st.one_of(st.binary(max_size=300), spoilt(MIXED)))
def test_any_bytes_are_a_mixed_entry_or_none(payload):
    with suppress(ValueError):
        readings, rejects = mixed.unpack(payload)
        assert len(readings) + len(rejects) >= 0

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.log.abc import Entry, Kind
from streams.log.segments import HEAD, decode, encode, scan, size_at

entries = st.builds(
    Entry,
    position=st.integers(1, 2**40),
    kind=st.sampled_from(Kind),
    received=st.integers(-(2**62), 2**62),
    producer=st.text(max_size=20),
    payload=st.binary(max_size=200),
)


def entry(position, payload=b"payload"):
    return Entry(position, Kind.READINGS, 1_000 + position, "shdr/1", payload)


@given(entries, st.integers(0, 2**63), st.binary(max_size=8))
def test_an_entry_comes_back_as_it_was(one, sequence, before):
    raw = encode(one, sequence)
    record = decode(memoryview(before + raw), len(before))
    assert record.entry == one
    assert record.sequence == sequence
    assert record.end == len(before) + len(raw) == len(before) + size_at(memoryview(raw), 0)


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    raw = bytearray(encode(entry(1), 7))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(memoryview(raw), 0) is None


@given(st.integers(0, 2 * len(encode(entry(1), 1)) - 1))
def test_a_torn_tail_ends_a_scan_at_the_last_whole_entry(length):
    raw = encode(entry(1), 1) + encode(entry(2), 2)
    found = list(scan(memoryview(raw[:length]), 1))
    assert len(found) == length // (len(raw) // 2)


def test_a_scan_stops_where_positions_do_not_follow():
    raw = encode(entry(1), 1) + encode(entry(3), 2)
    assert [record.entry.position for record in scan(memoryview(raw), 1)] == [1]


def test_no_size_without_a_header():
    assert size_at(memoryview(encode(entry(1), 1)[: HEAD.size - 1]), 0) == 0
    assert size_at(memoryview(bytes(100)), 0) == 0

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.log.abc import Entry, Kind
from streams.log.errors import LogDamaged
from streams.log.segments import CHECKED_FROM, HEAD, MAGIC, decode, encode, scan, size_at

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


@pytest.mark.parametrize(("kind", "name"), [(9, b"shdr/1"), (1, b"\xff")])
def test_a_whole_entry_of_another_version_is_no_torn_tail(kind, name):
    body = HEAD.pack(MAGIC, 0, 0, len(name), kind, 1, 5, 1)[CHECKED_FROM:] + name
    raw = MAGIC + crc32(body).to_bytes(4, "little") + body
    with pytest.raises(LogDamaged, match="run the one that wrote it"):
        decode(memoryview(raw), 0)


def test_no_size_without_a_header():
    assert size_at(memoryview(encode(entry(1), 1)[: HEAD.size - 1]), 0) == 0
    assert size_at(memoryview(bytes(100)), 0) == 0

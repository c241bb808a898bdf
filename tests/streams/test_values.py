import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.connectors.values import FORMATS, ValueType, reader, size, swap_bytes, swap_words


@pytest.mark.parametrize("kind", FORMATS)
@given(data=st.data())
def test_a_number_is_read_in_either_order(kind, data):
    payload = data.draw(st.binary(min_size=2 * size(kind, 0), max_size=2 * size(kind, 0)))
    (wanted,) = struct.unpack(f">{FORMATS[kind]}", payload)
    told = reader(kind, "big")(payload), reader(kind, "little")(payload[::-1])
    assert repr(told) == repr((float(wanted), float(wanted)))


def test_every_type_has_a_size():
    sizes = {kind: size(kind, 5) for kind in get_args(ValueType)}
    assert sizes == {
        "bool": 1,
        "int16": 1,
        "uint16": 1,
        "int32": 2,
        "uint32": 2,
        "int64": 4,
        "uint64": 4,
        "float32": 2,
        "float64": 4,
        "string": 5,
    }


@pytest.mark.parametrize("bit", range(16))
def test_a_bit_is_counted_from_the_least(bit):
    word = 1 << bit
    assert reader("bool", "big", bit)(word.to_bytes(2, "big")) == 1.0
    assert reader("bool", "little", bit)(word.to_bytes(2, "little")) == 1.0
    assert reader("bool", "big", bit)((0xFFFF ^ word).to_bytes(2, "big")) == 0.0


def test_a_text_ends_at_its_nul_and_keeps_no_blanks_behind():
    assert reader("string", "big")(b"O1234  \0rest") == "O1234"
    assert reader("string", "big")(b"O1234   ") == "O1234"
    assert reader("string", "big")(b"\xff\xfeA") == "\ufffd\ufffdA"


@given(st.binary(max_size=12).filter(lambda some: len(some) % 2 == 0))
def test_turning_words_and_bytes_round_twice_changes_nothing(payload):
    assert swap_words(swap_words(payload)) == payload
    assert swap_bytes(swap_bytes(payload)) == payload
    assert swap_bytes(swap_words(payload)) == payload[::-1]

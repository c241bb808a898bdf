"""What is written into a device's memory is what is read there again, and nothing beside it changes."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.connectors import modbus_places, s7_places, values
from streams.connectors.blocks import Place, plan
from streams.connectors.modbus import ModbusLink
from streams.connectors.polling import Refused
from streams.connectors.s7 import S7Link
from streams.peers.modbus import ModbusPeer
from streams.peers.s7 import S7Peer

WHOLE = {"int16": 16, "uint16": 16, "int32": 32, "uint32": 32}
ORDERS = st.sampled_from(["big", "little"])


def test_the_examples() -> None:
    assert doctest.testmod(values).failed == 0


@given(st.sampled_from(sorted(WHOLE)), ORDERS, ORDERS, st.data())
def test_whole_numbers_of_modbus(kind: Any, words: Any, letters: Any, data: st.DataObject) -> None:
    bits, low = WHOLE[kind], 0 if kind[0] == "u" else -(1 << WHOLE[kind] - 1)
    number = data.draw(st.integers(low, low + (1 << bits) - 1))
    place = modbus_places.place("holding:7", kind, 0, words, letters)
    assert place.read(place.write(bytes(2 * place.count), float(number))) == number


@given(st.sampled_from(["float32", "float64"]), ORDERS, st.floats(width=32, allow_nan=False))
def test_numbers_with_a_point(kind: Any, words: Any, number: float) -> None:
    place = modbus_places.place("holding:7", kind, 0, words)
    assert place.read(place.write(bytes(2 * place.count), number)) == number or math.isinf(number)


@given(st.integers(0, 15), st.binary(min_size=2, max_size=2), st.booleans(), ORDERS)
def test_a_bit_leaves_the_others_alone(bit: int, before: bytes, value: bool, letters: Any) -> None:
    place = modbus_places.place(f"holding:7.{bit}", byte_order=letters)
    after = place.write(before, float(value))
    assert place.read(after) == float(value)
    assert (int.from_bytes(after) ^ int.from_bytes(before)).bit_count() == (place.read(before) != value)


@given(st.text(st.characters(categories=["L", "N"]), max_size=20))
def test_texts_are_cut_where_a_letter_ends(words: str) -> None:
    place = modbus_places.place("holding:7", "string", 4)
    said = place.read(place.write(bytes(8), words))
    assert isinstance(said, str)
    assert words.startswith(said)
    assert len(said.encode()) >= min(len(words.encode()), 5)


@pytest.mark.parametrize(
    ("address", "kind", "value"),
    [
        ("DB1.DBD4", "dint", -70_000.0),
        ("DB1.DBW2", None, 12.0),
        ("DB1.DBD4", None, 2.5),
        ("DB1.DBX0.3", None, 1.0),
    ],
)
def test_values_of_an_s7(address: str, kind: Any, value: float) -> None:
    place = s7_places.place(address, kind)
    assert place.read(place.write(bytes(place.count), value)) == value


@given(st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=30))
def test_texts_of_an_s7(words: str) -> None:
    place = s7_places.place("DB1.DBB4", "string", 12)
    assert place.read(place.write(bytes(place.count), words)) == words[:12]


def test_a_counter_that_is_too_large_begins_anew() -> None:
    place = modbus_places.place("holding:7")
    assert place.read(place.write(bytes(2), 65_537.0)) == 1.0


@pytest.mark.parametrize(("said", "number"), [("17", 17.0), ("", 0.0), ("A-17", 0.0), ("nan", 0.0)])
def test_a_text_in_a_number_s_place_is_the_number_that_it_spells(said: str, number: float) -> None:
    place = modbus_places.place("holding:7", "uint32")
    assert place.read(place.write(bytes(4), said)) == number


def test_what_is_only_read_says_so() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        Place("D1", "D", 1, 1, lambda payload: 0.0).write(bytes(2), 1.0)


def test_registers_of_a_device_are_written_in_one_request() -> None:
    places = [modbus_places.place("holding:3"), modbus_places.place("holding:4", "uint32")]
    (block,) = plan(places, modbus_places.WRITABLE)
    image = bytearray(2 * block.count)
    for place, value in zip(places, (7.0, 100_000.0), strict=True):
        block.put(image, place, value)
    with ModbusPeer(16) as peer:
        link = ModbusLink("127.0.0.1", peer.port, 1, 5.0)
        link.write(block, bytes(image))
        assert dict(block.values(link.read(block))) == {"holding:3": 7.0, "holding:4": 100_000.0}
        assert peer.registers[3:6] == [7, 1, 34_464]
        with pytest.raises(Refused, match="illegal data address"):
            link.write(plan([modbus_places.place("holding:900")], modbus_places.WRITABLE)[0], bytes(2))
        link.close()


def test_coils_of_a_device_are_written() -> None:
    (block,) = plan([modbus_places.place("coil:0")], modbus_places.WRITABLE)
    with ModbusPeer(16) as peer:
        link = ModbusLink("127.0.0.1", peer.port, 1, 5.0)
        link.write(block, b"\x01")
        assert dict(block.values(link.read(block))) == {"coil:0": 1.0}
        link.close()


def test_bytes_of_a_controller_are_written() -> None:
    place = s7_places.place("DB2.DBB4", "string", 6)
    (block,) = plan([place], {"DB2": s7_places.AT_ONCE})
    image = bytearray(block.count)
    block.put(image, place, "A-17")
    memory = bytearray(16)
    with S7Peer({2: memory}) as peer:
        link = S7Link("127.0.0.1", peer.port, 0, 1, 5.0)
        link.write(block, bytes(image))
        link.close()
    assert bytes(memory[4:10]) == b"\x06\x04A-17"

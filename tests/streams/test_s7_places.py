from __future__ import annotations

import struct
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.connectors.s7_places import FORMATS, S7Type, place


@pytest.mark.parametrize(
    ("address", "kind", "where"),
    [
        ("DB1.DBX0.3", None, ("DB1", 0, 1)),
        ("DB12.DBB7", None, ("DB12", 7, 1)),
        ("DB1.DBW2", "uint", ("DB1", 2, 2)),
        ("DB1.DBD4", None, ("DB1", 4, 4)),
        ("DB1.DBD8", "lreal", ("DB1", 8, 8)),
        ("DB1.DBB8", "lint", ("DB1", 8, 8)),
        ("M10.3", None, ("M", 10, 1)),
        ("MW10", None, ("M", 10, 2)),
        ("IB4", None, ("I", 4, 1)),
        ("QD8", "dint", ("Q", 8, 4)),
    ],
)
def test_an_address_is_an_area_a_byte_and_a_number_of_bytes(address, kind, where):
    found = place(address, kind)
    assert (found.area, found.first, found.count) == where


@pytest.mark.parametrize(
    ("address", "kind", "payload", "value"),
    [
        ("DB1.DBX0.3", None, b"\x08", 1.0),
        ("DB1.DBX0.2", None, b"\x08", 0.0),
        ("DB1.DBB0", None, b"\xff", 255.0),
        ("DB1.DBB0", "sint", b"\xff", -1.0),
        ("DB1.DBW0", None, b"\xff\xfe", -2.0),
        ("DB1.DBW0", "word", b"\xff\xfe", 65534.0),
        ("DB1.DBD0", None, struct.pack(">f", 1.5), 1.5),
        ("DB1.DBD0", "dint", b"\xff\xff\xff\xff", -1.0),
        ("DB1.DBD0", "udint", b"\xff\xff\xff\xff", 4294967295.0),
        ("DB1.DBD0", "lreal", struct.pack(">d", -2.25), -2.25),
    ],
)
def test_bytes_are_read_as_their_type(address, kind, payload, value):
    assert place(address, kind).read(payload) == value


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"\x08\x04O123....", "O123"),
        (b"\x08\x00O123....", ""),
        (b"\x08\xffO1234567", "O1234567"),
        (b"\x08\x02\xe4\xb0......", "ä°"),
    ],
)
def test_a_string_tells_how_long_it_is_and_is_never_longer_than_declared(payload, text):
    found = place("DB1.DBB0", "string", 8)
    assert found.count == 10
    assert found.read(payload) == text


@pytest.mark.parametrize(
    ("address", "kind", "length", "says"),
    [
        ("40001", None, 0, "is no address of an S7; write it like DB1.DBD4"),
        ("DB1.DBX0.8", None, 0, "is no address of an S7"),
        ("DB1.0.3", None, 0, "is no address of an S7"),
        ("DB1.DBX0", None, 0, "only a bit ends with a number behind a dot"),
        ("DB1.DBD4.1", None, 0, "only a bit ends with a number behind a dot"),
        ("DB1.DBX0.3", "int", 0, "cannot be a int; a bit is a bool"),
        ("DB1.DBW0", "bool", 0, "cannot be a bool"),
        ("DB1.DBW0", "real", 0, "has not the bytes of a real"),
        ("DB1.DBB0", "string", 0, "a string has a length"),
        ("DB1.DBW0", None, 4, "a string has a length, and nothing else has one"),
        ("DB1.DBW0", "string", 4, "write it by its first byte, with a B"),
        ("DB1.DBD65533", None, 0, "ends behind the last byte, 65535"),
    ],
)
def test_what_cannot_lie_there_is_refused(address, kind, length, says):
    with pytest.raises(ValueError, match=r"(?s).*") as refused:
        place(address, kind, length)
    assert says in str(refused.value)


@settings(max_examples=1000)
@given(
    st.sampled_from(["DB1.DBX3.4", "DB1.DBB3", "DB1.DBW3", "DB1.DBD3"]),
    st.sampled_from([None, *get_args(S7Type)]),
    st.data(),
)
def test_whatever_bytes_lie_there_they_are_a_number_or_a_text(address, kind, data):
    length = data.draw(st.integers(1, 254)) if kind == "string" else 0
    try:
        found = place(address, kind, length)
    except ValueError:
        return
    payload = data.draw(st.binary(min_size=found.count, max_size=found.count))
    value = found.read(payload)
    assert isinstance(value, str if kind == "string" else float)
    if isinstance(value, str):
        assert len(value) <= length


def test_every_type_is_known():
    assert set(FORMATS) | {"bool", "string"} == set(get_args(S7Type))

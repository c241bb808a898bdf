"""A payload whose form is known reads as Arrow reads it, whatever stands in it."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import payloads
from streams.payloads import MANY, Payloads
from streams.records import UNCERTAIN, Readings, Text, decode, encode

TAGS = tuple(f"tag-{number}" for number in range(MANY))
FIRST = Readings.numbers(["rig"] * 2 * MANY, TAGS * 2, np.arange(2 * MANY), np.arange(2 * MANY) / 8)
PAYLOAD = encode(FIRST.to_arrow())


def by_arrow(payload):
    return Readings.from_arrow(decode(payload))


def told(read):
    """Call a reader; return its columns in a form that compares bit for bit, None where it refused."""
    try:
        columns = [getattr(found, item.name) for found in [read()] for item in fields(found)]
    except ValueError:
        return None
    return [item.to_list() if isinstance(item, Text) else item.tobytes() for item in columns]


def knowing(payload=PAYLOAD):
    reader = Payloads()
    reader.readings(payload, "gw")
    return reader


def test_what_comes_again_is_read_without_arrow(monkeypatch):
    other = encode(replace(FIRST, ts=FIRST.ts + 5, value=-FIRST.value).to_arrow())
    reader, expected = knowing(), told(lambda: by_arrow(other))
    monkeypatch.setattr(payloads, "decode", pytest.fail)
    found = reader.readings(other, "gw")
    assert told(lambda: found) == expected
    assert found.tag.codes is reader.readings(PAYLOAD, "gw").tag.codes


@given(st.lists(st.tuples(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_bytes_are_read_as_arrow_reads_them(changes):
    payload = bytearray(PAYLOAD)
    for at, byte in changes:
        payload[at] = byte
    payload = bytes(payload)
    assert told(lambda: knowing().readings(payload, "gw")) == told(lambda: by_arrow(payload))


@pytest.mark.parametrize(
    "other",
    [
        replace(FIRST, tag=FIRST.tag[::-1]),
        replace(FIRST, machine=Text(("mill",), FIRST.machine.codes)),
        FIRST[:MANY],
        FIRST[:3],
        replace(FIRST, quality=np.full(len(FIRST), UNCERTAIN, np.int16)),
        replace(FIRST, value=np.full(len(FIRST), np.nan), text=Text.constant("on", len(FIRST))),
    ],
)
def test_another_form_is_read_too_and_known_then(other):
    payload, reader = encode(other.to_arrow()), knowing()
    assert told(lambda: reader.readings(payload, "gw")) == told(lambda: other)
    assert told(lambda: reader.readings(payload, "gw")) == told(lambda: other)
    assert told(lambda: reader.readings(PAYLOAD, "gw")) == told(lambda: FIRST)


def test_a_column_in_which_some_may_be_absent_has_no_form(monkeypatch):
    words = Text(("on",), np.where(np.arange(len(FIRST)) % 2, 0, -1).astype(np.int32))
    mixed = replace(FIRST, value=np.where(np.arange(len(FIRST)) % 2, np.nan, 1.0), text=words)
    payload = encode(mixed.to_arrow())
    asked = []
    monkeypatch.setattr(payloads, "decode", lambda raw: asked.append(raw) or decode(raw))
    reader = knowing(payload)
    assert told(lambda: reader.readings(payload, "gw")) == told(lambda: mixed)
    assert len(asked) == 2


def test_forms_of_so_many_sources_are_remembered():
    reader = Payloads()
    for number in range(payloads.SOURCES + 1):
        reader.readings(PAYLOAD, f"gw-{number}")
    assert told(lambda: reader.readings(PAYLOAD, "gw-0")) == told(lambda: FIRST)

"""What a device offers becomes a part of a plant file that can be read, whatever the device calls things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.discover import DiscoverError, Discovery, Found, described, discover, fragment, write
from engine.plant.document import Document
from engine.plant.file import parse

SOURCE = {"kind": "udp", "name": "boards", "port": 5557}
HEAT = Found("1", "oven", "heat", unit="°C")
PROGRAM = Found("2", "oven", "program", numeric=False)


def test_machines_have_their_tags_and_the_source_its_points():
    assert fragment(SOURCE, [HEAT, PROGRAM, Found("3", "mill", "load")]) == {
        "machines": [
            {"name": "oven", "tags": [{"name": "heat", "unit": "°C"}, {"name": "program", "type": "text"}]},
            {"name": "mill", "tags": [{"name": "load"}]},
        ],
        "sources": [
            SOURCE
            | {
                "points": [
                    {"address": "1", "machine": "oven", "tag": "heat"},
                    {"address": "2", "machine": "oven", "tag": "program"},
                    {"address": "3", "machine": "mill", "tag": "load"},
                ]
            }
        ],
    }


def test_what_is_written_has_a_value_in_a_line_and_says_what_was_left_out():
    text = write("Looked at today.", SOURCE, Discovery((HEAT,), (("9", "an array"), ("8", "an array"))))
    assert text == (
        "# Looked at today.\n# left out: 2 (an array)\n#   9\n#   8\n"
        "machines:\n- name: oven\n  tags:\n  - {name: heat, unit: °C}\n"
        "sources:\n- kind: udp\n  name: boards\n  port: 5557\n  points:\n"
        "  - {address: '1', machine: oven, tag: heat}\n"
    )


names = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["1e5", "0x1f", "yes", "12:30", "~", "null", "- a", "#", "a: b", "\n", "2026-01-01", "<<", "=", "\u2028"]
)


@given(st.lists(st.builds(Found, names, names, names, st.booleans(), st.text(max_size=3)), min_size=1))
def test_whatever_a_device_calls_its_values_the_file_is_read_as_it_was_meant(found):
    left_out = tuple((one.address, one.tag) for one in found)
    text = write("title\nmachines: []", SOURCE, Discovery(tuple(found), left_out))
    assert Document(text).value == fragment(SOURCE, found)
    assert parse("name: x\n" + text.split("sources:\n- kind")[0], "x").name == "x"


def test_a_source_is_described_by_words():
    assert described("opcua", ["endpoint=opc.tcp://a:1/x=y", "password.env=PW", "sampling_ms=250"]) == {
        "kind": "opcua",
        "name": "opcua",
        "endpoint": "opc.tcp://a:1/x=y",
        "password": {"env": "PW"},
        "sampling_ms": 250,
    }


@pytest.mark.parametrize(
    ("kind", "words", "says"),
    [
        ("udp", [], "'udp' cannot be looked at"),
        ("opcua", ["endpoint"], "'endpoint' is no key=value; write it like host=10.0.0.5."),
        ("opcua", ["endpint=x"], "there is no key endpint here; did you mean endpoint?"),
    ],
)
def test_a_source_that_is_not_described_well_is_one_sentence(kind, words, says):
    with pytest.raises(DiscoverError) as refused:
        discover(described(kind, words), "", 1.0)
    assert says in str(refused.value)

"""What is remembered has a bound in bytes, whoever says what there is to remember."""

import gc
import json
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from streams import arrow as arrow_columns
from streams import payloads
from streams.connectors import sparkplug_decoder
from streams.connectors.messages import read
from streams.connectors.stamps import stamp
from streams.connectors.zones import ZoneInfo, zoned
from streams.operators.admit import Admit, Arrival
from streams.operators.testing import NOON, keys, machine
from streams.payloads import Payloads
from streams.records import NULL, Readings, Text, encode
from streams.remembered import ITEM, Remembered, of_short_texts

MANY = 200
MIB = 1 << 20
ZONE = ZoneInfo("Asia/Shanghai")


def kept(ask, first, last):
    """Return by how many bytes memory grows over calls with the numbers from first to last."""
    ask(first)
    gc.collect()
    pa.default_memory_pool().release_unused()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    for number in range(first, last):
        ask(number)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    return grown


def arrow(columns):
    """Return a packed message."""
    batch, sink = pa.RecordBatch.from_pydict(columns), pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_what_was_kept_last_is_there_and_what_takes_too_much_is_not():
    some = Remembered(2, 1 << 20)
    for name in "abc":
        some.keep(name, name.upper(), 1)
    assert [some.get(name) for name in "abc"] == [None, "B", "C"]
    assert some.get("b") == "B"
    some.keep("d", "D", 1)
    assert [some.get(name) for name in "bcd"] == ["B", None, "D"]
    some.keep("b", "much", 1 << 19)
    assert some.get("b") is None
    assert (len(some), some.taken) == (1, 1 + ITEM)


def test_room_is_made_by_what_was_not_asked_for_longest():
    some = Remembered(99, 10 * ITEM)
    for number in range(5):
        some.keep(number, number, 3 * ITEM)
    assert [some.get(number) for number in range(5)] == [None, None, None, 3, 4]
    assert some.taken == 8 * ITEM


def test_a_function_remembers_what_it_said_of_short_texts_alone():
    asked = []

    @of_short_texts(8, letters=3)
    def said(text, more=""):
        asked.append(text)
        return text + more

    assert [said("abc", "d"), said("abc", "d"), said("long"), said("long")] == [
        "abcd",
        "abcd",
        "long",
        "long",
    ]
    assert asked == ["abc", "long", "long"]


def address(text):
    return sparkplug_decoder.address(f"spBv1.0/{text}/NDATA/node")


@pytest.mark.parametrize("ask", [stamp, lambda text: zoned(text, ZONE), address])
def test_long_texts_are_not_kept(ask):
    assert kept(lambda number: ask(f"{number:0>99999}"), 0, MANY) < MIB


def lines(number):
    """Read a time, a name and a text that are long, and another each time."""
    long = f"{number:0>99999}"
    read(b"json", json.dumps({"machine": "m", "tag": "t", "ts": long, "value": 1}).encode(), 1, ZONE)
    read(b"json", json.dumps({"machine": long, "tag": long, "ts": 1, "text": long}).encode(), 1)


def packed(number):
    """Read a few bytes of long names, and write them as the log has them."""
    word = pa.array([f"{number}" + "a" * 20 * MIB]).dictionary_encode()
    said = read(b"arrow", arrow({"machine": word, "tag": word, "ts": [1], "value": [1.0]}), 1)
    encode(said.readings.to_arrow())


@pytest.mark.parametrize(("ask", "last"), [(lines, MANY), (packed, 4)])
def test_what_decoders_read_of_messages_is_not_kept(ask, last):
    assert kept(ask, 0, last) < MIB


def sweep(number, size, tag="a"):
    """Return plain readings of one tag; among their words is a long one, another each time."""
    words = Text((tag, f"{number}" + "a" * MIB), np.zeros(size, np.int32))
    names, absent = Text(("m",), np.zeros(size, np.int32)), np.full(size, NULL)
    rest = Text.constant(None, size), np.zeros(size, np.int16), absent
    return Readings(names, words, np.full(size, NOON), np.arange(size, dtype=float), *rest)


def test_forms_of_payloads_are_bounded_by_bytes():
    reader = Payloads()

    def take(number):
        reader.readings(encode(sweep(number, 20_000).to_arrow()), f"gw/{number}")

    assert kept(take, 0, MANY) < payloads.ROOM + 2 * arrow_columns.ROOM


def test_a_form_and_a_layout_keep_no_payload():
    reader, admit = Payloads(), Admit(keys(machine("m", ("a",))))

    def take(number):
        producer, payload = f"gw/{number}", encode(sweep(0, 100_000).to_arrow())
        readings = reader.readings(payload, producer)
        assert len(admit.update(Arrival(readings, NOON, producer)).admitted) == len(readings)

    head, codes_and_keys = 1.1 * MIB, 3 * 4 * 100_000
    assert kept(take, 0, 20) < 20 * (head + codes_and_keys)


def test_layouts_of_sources_are_bounded_by_bytes():
    admit = Admit(keys(machine("m", ("a",))))

    def take(number):
        admit.update(Arrival(sweep(number, 300_000), NOON, f"gw/{number}"))

    assert kept(take, 0, 50) < 80 * MIB

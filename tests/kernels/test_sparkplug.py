import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sparkplug_proto import Payload
from kernels import _select
from kernels import sparkplug as kernel

NULL = np.iinfo(np.int64).min
TWINS = ("c", "python")
NOTHING = np.empty((3, 0), dtype=np.int64)
KNOWN = np.array([[3, 7, 1 << 40], [0, -2, 1], [1, 10, 0]], dtype=np.int64)


def decode(data, twin, known=NOTHING, capacity=64):
    """Return the fault, the head and the rows that one twin makes of a payload."""
    (head,), rows = decode_all([data], twin, known, capacity)
    return head[kernel.FAULT], head, rows[:, : head[kernel.METRICS]]


def decode_all(payloads, twin, known=NOTHING, capacity=64, first=0):
    """Return the heads and the rows that one twin makes of payloads."""
    heads = np.zeros((len(payloads), kernel.HEAD), dtype=np.int64)
    rows = np.zeros((kernel.COLUMNS, capacity), dtype=np.int64)
    data = np.frombuffer(b"".join(payloads), dtype=np.uint8)
    bounds = np.cumsum([0, *map(len, payloads)])
    _select.load("sparkplug", twin).decode(data, bounds, known, heads, rows, first)
    return heads, rows


def metric(**fields):
    payload = Payload(timestamp=5, seq=1)
    quality = fields.pop("quality", None)
    made = payload.metrics.add(**fields)
    if quality is not None:
        made.properties.keys.extend(["unit", "Quality"])
        made.properties.values.add(type=12, string_value="bar")
        made.properties.values.add(type=3, int_value=quality)
    return payload.SerializeToString()


def only(data, twin="c", known=NOTHING):
    fault, _, rows = decode(data, twin, known)
    assert (fault, rows.shape[1]) == (0, 1)
    return rows[:, 0]


def number(row):
    return row[kernel.VALUE : kernel.VALUE + 1].view(np.float64)[0]


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"datatype": 10, "double_value": -2.5}, -2.5),
        ({"datatype": 9, "float_value": 0.1}, struct.unpack("<f", struct.pack("<f", 0.1))[0]),
        ({"datatype": 11, "boolean_value": True}, 1.0),
        ({"datatype": 1, "int_value": 0xFFFFFFFF}, -1.0),
        ({"datatype": 1, "int_value": 0xFF}, -1.0),
        ({"datatype": 2, "int_value": 0xFFFE}, -2.0),
        ({"datatype": 3, "int_value": 0xFFFFFFFD}, -3.0),
        ({"datatype": 7, "int_value": 0xFFFFFFFD}, 4294967293.0),
        ({"datatype": 4, "long_value": (1 << 64) - 4}, -4.0),
        ({"datatype": 4, "int_value": 0xFFFFFFFC}, -4.0),
        ({"datatype": 8, "long_value": 1 << 63}, float(1 << 63)),
        ({"datatype": 13, "long_value": 1_700_000_000_000}, 1.7e12),
    ],
)
def test_a_number_is_what_its_type_says(twin, fields, value):
    row = only(metric(**fields), twin)
    assert number(row) == value
    assert row[kernel.TYPE] == fields["datatype"]


@pytest.mark.parametrize("twin", TWINS)
def test_an_alias_brings_slot_and_type_and_the_payload_brings_the_time(twin):
    row = only(metric(alias=3, int_value=0xFF), twin, KNOWN)
    assert (row[kernel.SLOT], row[kernel.TYPE], row[kernel.TIME], number(row)) == (0, 1, 5, -1.0)
    row = only(metric(alias=7, timestamp=9, double_value=1), twin, KNOWN)
    assert (row[kernel.SLOT], row[kernel.TYPE], row[kernel.TIME]) == (kernel.NOT_WANTED, 10, 9)
    assert only(metric(alias=4, double_value=1), twin, KNOWN)[kernel.SLOT] == kernel.UNKNOWN
    assert decode(metric(alias=4), twin, KNOWN)[1][kernel.STRANGE] == 1
    assert decode(metric(alias=7), twin, KNOWN)[1][kernel.STRANGE] == 0
    assert only(metric(name="x", double_value=1), twin, KNOWN)[kernel.SLOT] == kernel.UNKNOWN


@pytest.mark.parametrize("twin", TWINS)
def test_names_and_texts_are_told_by_their_place(twin):
    data = metric(name="Größe", datatype=12, string_value="heiß", is_historical=True, is_null=False)
    row = only(data, twin)
    assert data[row[kernel.NAME] : row[kernel.NAME_END]].decode() == "Größe"
    assert data[row[kernel.TEXT] : row[kernel.TEXT_END]].decode() == "heiß"
    assert (row[kernel.KIND], row[kernel.FLAGS]) == (kernel.STRING, kernel.HISTORICAL)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("quality", [0, 192, 500])
def test_the_quality_stands_where_its_key_stands(twin, quality):
    assert only(metric(alias=3, double_value=1, quality=quality), twin)[kernel.QUALITY] == quality
    assert only(metric(alias=3, double_value=1), twin)[kernel.QUALITY] == -1


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # a tag without its varint
        b"\x08" + b"\xff" * 10 + b"\x01",  # a varint of eleven bytes
        b"\x08" + b"\xff" * 9 + b"\x02",  # one of more than 64 bits
        b"\x12\x05\x0a",  # a metric that ends early
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of 2^64
        b"\x12\x02\x0a\x05",  # a name longer than its metric
        b"\x00\x00",  # field 0
        b"\x0b\x0c",  # a group
        b"\x0f",  # a wire type that there is not
        b"\x12\x04\x4a\x02\x0a\x09",  # a property longer than its set
        b"\xff\xff\xff\xff\xff\x01\x00",  # a field number of more than 32 bits
    ],
)
def test_malformed_bytes_are_refused(twin, data):
    assert decode(data, twin)[0] == 1


@pytest.mark.parametrize("twin", TWINS)
def test_more_metrics_than_rows_are_refused(twin):
    payload = Payload()
    for _ in range(3):
        payload.metrics.add(alias=1)
    assert decode(payload.SerializeToString(), twin, capacity=3)[0] == 0
    assert decode(payload.SerializeToString(), twin, capacity=2)[0] == 2


@pytest.mark.parametrize("twin", TWINS)
def test_payloads_that_follow_one_another_are_read_each_by_itself(twin):
    one, two = metric(alias=3, int_value=1), metric(alias=7, double_value=2.0)
    heads, rows = decode_all([one, b"\x08", two, one], twin, KNOWN, capacity=4, first=2)
    assert heads[:, kernel.FAULT].tolist() == [0, 1, 0, 2]
    assert heads[:, kernel.METRICS].tolist() == [1, 0, 1, 0]
    assert rows[kernel.SLOT].tolist() == [0, 0, 0, kernel.NOT_WANTED]
    assert rows[kernel.VALUE].view(np.float64).tolist() == [0.0, 0.0, 1.0, 2.0]


def test_what_does_not_fit_is_refused():
    data, heads = np.zeros(2, np.uint8), np.zeros((1, kernel.HEAD), dtype=np.int64)
    rows = np.zeros((kernel.COLUMNS, 3), dtype=np.int64)
    kernel.decode(data, np.array([0, 0]), NOTHING, heads, rows)
    for bounds, says in (([0, 3], "do not cut 2 bytes"), ([0], "1 bounds"), ([2, 1], "do not ascend")):
        with pytest.raises(ValueError, match=says):
            kernel.decode(data, np.array(bounds), NOTHING, heads, rows)
    with pytest.raises(ValueError, match="shapes"):
        kernel.decode(data, np.array([0, 2]), NOTHING, heads, rows[:5])


whole, word = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
values = st.one_of(
    st.fixed_dictionaries({"int_value": whole}),
    st.fixed_dictionaries({"long_value": word}),
    st.fixed_dictionaries({"float_value": st.floats(width=32)}),
    st.fixed_dictionaries({"double_value": st.floats()}),
    st.fixed_dictionaries({"boolean_value": st.booleans()}),
    st.fixed_dictionaries({"string_value": st.text(max_size=9)}),
    st.fixed_dictionaries({"dataset_value": st.binary(max_size=9)}),
    st.just({}),
)
aliases = st.sampled_from([0, 3, 7, 8, 1 << 40]) | word
metrics = st.builds(
    lambda fields, value: fields | value,
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.text(max_size=9),
            "alias": aliases,
            "timestamp": word,
            "datatype": st.integers(0, 40) | whole,
            "is_historical": st.booleans(),
            "is_null": st.booleans(),
        },
    ),
    values,
)
payloads = st.builds(
    lambda metrics, head: Payload(metrics=metrics, **head),
    st.lists(metrics, max_size=20),
    st.fixed_dictionaries({}, optional={"timestamp": word, "seq": st.integers(0, 255), "uuid": st.text()}),
)


@given(payloads)
def test_what_protobuf_wrote_is_read_as_protobuf_reads_it(payload):
    data = payload.SerializeToString()
    fault, head, rows = decode(data, "c", KNOWN)
    assert (fault, head[2]) == (0, len(payload.metrics))
    assert head[1] == (payload.seq if payload.HasField("seq") else NULL)
    for row, wrote in zip(rows.T, payload.metrics, strict=True):
        kind = wrote.WhichOneof("value")
        field = wrote.DESCRIPTOR.fields_by_name[kind].number if kind else 0
        assert row[kernel.KIND] == field
        assert bool(row[kernel.FLAGS] & kernel.HISTORICAL) == wrote.is_historical
        assert bool(row[kernel.FLAGS] & kernel.HAS_ALIAS) == wrote.HasField("alias")
        assert np.int64(row[kernel.ALIAS]).view(np.uint64) == wrote.alias
        if kind in {"double_value", "float_value"}:
            read = getattr(wrote, kind)
            assert number(row) == read or (math.isnan(number(row)) and math.isnan(read))
        if kind == "string_value":
            assert data[row[kernel.TEXT] : row[kernel.TEXT_END]].decode() == wrote.string_value


@settings(max_examples=1000)
@given(payloads.map(lambda payload: payload.SerializeToString()), st.data())
def test_both_twins_make_the_same_of_torn_and_bent_bytes(data, draw):
    bent = bytearray(data or b"\x12")
    for _ in range(draw.draw(st.integers(0, 4))):
        bent[draw.draw(st.integers(0, len(bent) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(bent[: draw.draw(st.integers(0, len(bent)))])
    compiled, pure = (decode(cut, twin, KNOWN) for twin in TWINS)
    assert compiled[0] == pure[0]
    if not compiled[0]:
        assert compiled[1].tolist() == pure[1].tolist()
        assert compiled[2].tolist() == pure[2].tolist()


@settings(max_examples=1000)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_both_alike(data):
    compiled, pure = (decode(data, twin, KNOWN, 4) for twin in TWINS)
    assert compiled[0] == pure[0]
    if not compiled[0]:
        assert compiled[2].tolist() == pure[2].tolist()

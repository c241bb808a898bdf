from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import SECOND
from streams.connectors import opcua_wire
from streams.connectors.batch import Batch
from streams.connectors.opcua_values import Decoder, Told, overflowed
from streams.connectors.points import Binding, Point
from streams.connectors.stamps import EPOCH
from streams.records import GOOD, SNAPSHOT, UNCERTAIN, UNTIMED
from streams.testing import rows, source_times

NOW = 1_795_000_000 * SECOND
THEN = EPOCH + timedelta(microseconds=NOW - 3)
BAD, DOUBTED = (
    ua.StatusCode(ua.StatusCodes.BadSensorFailure),
    ua.StatusCode(ua.StatusCodes.UncertainInitialValue),
)


def decode(*values, opened=NOW, scale=1.0):
    """Decode values of one address, one after another."""
    decoder = Decoder(Binding([Point("a", "press", "force", scale)]), opened)
    batch = Batch()
    for value in values:
        decoder.add(batch, Told("a", value), NOW)
    return batch.build()


def said(value, **more):
    return ua.DataValue(
        value if isinstance(value, ua.Variant) else ua.Variant(value), SourceTimestamp=THEN, **more
    )


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        (1.5, 1.5),
        (ua.Variant(7, ua.VariantType.Byte), 7.0),
        (ua.Variant(2**64 - 1, ua.VariantType.UInt64), 2.0**64),
        (True, 1.0),
        ("O123", "O123"),
        ("", ""),
        (ua.LocalizedText("läuft"), "läuft"),
        (THEN, "2026-11-18T11:06:39.999997Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("h\udcffalf", "h?alf"),
    ],
)
def test_a_value_is_a_number_or_a_text(value, reading):
    assert rows(decode(said(value)).readings) == [("force", NOW - 3, reading, GOOD)]


@pytest.mark.parametrize(
    ("value", "reason", "raw"),
    [
        (said([1.0, 2.0]), "array_value", "Good: 2 items"),
        (said(ua.Variant([], ua.VariantType.Double, is_array=True)), "array_value", "Good: 0 items"),
        (said(b"\x00\xff"), "unsupported_type", r"Good: b'\x00\xff'"),
        (said(ua.NodeId.from_string("ns=1;s=x")), "unsupported_type", "Good: NodeId("),
        (said(None), "empty_value", "Good: None"),
        (said(1.5, StatusCode=BAD), "bad_quality", "BadSensorFailure: 1.5"),
        (said("x" * 5000), "oversized_value", "Good: 'xxxx"),
    ],
)
def test_what_is_no_reading_is_rejected_with_its_machine_tag_and_time(value, reason, raw):
    readings, rejects = decode(value)
    assert len(readings) == 0
    assert rejects.reason.to_list() == [reason]
    assert (rejects.machine.to_list(), rejects.tag.to_list()) == (["press"], ["force"])
    assert rejects.ts.tolist() == [NOW - 3]
    (kept,) = rejects.raw.to_list()
    assert kept.startswith(raw)
    assert len(kept) <= 4096


def test_a_doubted_value_is_a_reading_of_that_quality():
    assert rows(decode(said(1.5, StatusCode=DOUBTED)).readings) == [("force", NOW - 3, 1.5, UNCERTAIN)]


def test_the_time_is_the_sources_else_the_servers_else_that_of_receipt():
    of_server = ua.DataValue(ua.Variant(1.0), ServerTimestamp=THEN)
    zero = ua.DataValue(ua.Variant(1.0), SourceTimestamp=datetime(1601, 1, 1, tzinfo=UTC))
    untimed = ua.DataValue(ua.Variant(1.0))
    assert [row[1::2] for row in rows(decode(of_server, zero, untimed).readings)] == [
        (NOW - 3, GOOD),
        (NOW, UNTIMED),
        (NOW, UNTIMED),
    ]


def test_an_old_value_found_at_connection_is_a_snapshot_an_old_one_later_is_not():
    readings = decode(said(1.0), said(1.0), opened=NOW + 3600 * SECOND).readings
    assert rows(readings) == [("force", NOW + 3600 * SECOND, 1.0, SNAPSHOT), ("force", NOW - 3, 1.0, GOOD)]
    assert source_times(readings) == [NOW - 3, None]


def test_a_server_says_when_its_queue_overflowed():
    assert overflowed(said(1.0, StatusCode=ua.StatusCode(0x0480)))
    assert not overflowed(said(1.0))
    assert not overflowed(said(1.0, StatusCode=BAD))


scalars = st.one_of(
    st.floats(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.binary(), st.text(), st.datetimes(),
    st.uuids(), st.builds(ua.LocalizedText, st.none() | st.text()), st.none(),
)  # fmt: skip
variants = st.one_of(scalars.map(ua.Variant), st.lists(st.floats(), min_size=1, max_size=5).map(ua.Variant))
values = st.builds(
    ua.DataValue,
    variants,
    st.none() | st.integers(0, 2**32 - 1).map(ua.StatusCode),
    st.none() | st.datetimes(),
    st.none() | st.datetimes(),
)


@settings(max_examples=1000)
@given(st.lists(values, max_size=4))
def test_whatever_a_server_says_ends_as_a_reading_or_with_a_reason(given_values):
    readings, rejects = decode(*given_values)
    assert len(readings) + len(rejects) == len(given_values)
    readings.to_arrow().validate(full=True)
    rejects.to_arrow().validate(full=True)


def test_a_server_lifts_no_limit_of_ours():
    limits = opcua_wire.Limits()
    limits.update_client_limits(ua.Acknowledge(0, 1 << 30, 1 << 30, 0, 0))
    assert limits == opcua_wire.Limits()
    limits.update_client_limits(ua.Acknowledge(0, 8192, 8192, 0, 0))
    assert (limits.max_recv_buffer, limits.max_message_size) == (8192, opcua_wire.MESSAGE_BYTES)


NULLS = bytes([0x01, 0x80, 0xFF, 0xFF, 0xFF, 0x7F])
"""A value that is an array of two billion nulls."""


def test_an_array_that_does_not_fit_in_its_message_is_not_built():
    with pytest.raises(ua.UaError, match="2147483647 items does not fit"):
        struct_from_binary(ua.DataValue, Buffer(NULLS))


def test_a_length_that_leads_backwards_is_refused():
    with pytest.raises(ua.UaError, match="-2 is no length"):
        opcua_wire.bounded_bytes(Buffer(b"\xfe\xff\xff\xff"))


@settings(max_examples=1000)
@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: NULLS[:2] + rest))
def test_whatever_bytes_a_value_is_they_are_read_or_refused(payload):
    try:
        value = struct_from_binary(ua.DataValue, Buffer(payload))
    except Exception:  # the client counts the message as lost
        return
    readings, rejects = decode(value)
    assert len(readings) + len(rejects) == 1
    readings.to_arrow().validate(full=True)
    rejects.to_arrow().validate(full=True)

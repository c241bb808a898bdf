"""Sparkplug's births, data and deaths, decoded; nothing that a birth did not tell enters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.sparkplug_proto import Payload
from streams.connectors.mqtt_session import Message
from streams.connectors.points import Point
from streams.connectors.sparkplug_decoder import LARGEST, News, SparkplugDecoder
from streams.records import GOOD, SNAPSHOT, UNCERTAIN, UNTIMED
from streams.testing import rows, source_times

NOW = 1_700_000_000_000_000
MS = NOW // 1000
EDGE = ("plant", "edge")
POINTS = (
    Point("plant/edge/press/Force", "press", "force", 2.0, 1.0),
    Point("plant/edge/press/Mode/Name", "press", "mode"),
    Point("plant/edge/press/Count", "press", "count"),
    Point("plant/edge//Temperature", "cabinet", "temperature", deadband=1.0),
)
INT8, DOUBLE, STRING, DATASET, TEMPLATE = 1, 10, 12, 16, 19
NODE_BIRTH = [
    {"name": "bdSeq", "datatype": 8, "long_value": 4},
    {"name": "Temperature", "alias": 1, "datatype": DOUBLE, "double_value": 20.0},
]
PRESS_BIRTH = [
    {"name": "Force", "alias": 10, "datatype": DOUBLE, "double_value": 1.0},
    {"name": "Mode/Name", "alias": 11, "datatype": STRING, "string_value": "AUTO"},
    {"name": "Count", "alias": 12, "datatype": INT8, "int_value": 5},
    {"name": "Other", "alias": 13, "datatype": DOUBLE, "double_value": 9.0},
]


def message(kind, metrics=(), seq=None, at=MS, **how):
    payload = Payload(metrics=metrics)
    if at is not None:
        payload.timestamp = at
    if seq is not None:
        payload.seq = seq
    device = "/press" if kind.startswith("D") else ""
    return Message(f"spBv1.0/plant/{kind}/edge{device}", payload.SerializeToString(), **how)


BORN = (message("NBIRTH", NODE_BIRTH, 0), message("DBIRTH", PRESS_BIRTH, 1))


@pytest.fixture
def decoder():
    return SparkplugDecoder(POINTS)


@pytest.fixture
def born(decoder):
    decoder.decode(BORN, NOW)
    return decoder


def readings(told):
    return [row for decoded in told.decoded for row in rows(decoded.readings)]


def reasons(told):
    return [reason for decoded in told.decoded for reason in decoded.rejects.reason.to_list()]


def test_a_birth_tells_the_state_and_data_go_by_alias(decoder):
    told = decoder.decode(
        [
            *BORN,
            message("DDATA", [{"alias": 10, "double_value": 5.0, "timestamp": MS + 7}], 2),
            message("DDATA", [{"alias": 12, "int_value": 0xFF}, {"alias": 11, "string_value": "ÄÖ"}], 3),
        ],
        NOW,
    )
    assert readings(told) == [
        ("temperature", NOW, 20.0, GOOD),
        ("force", NOW, 3.0, GOOD),
        ("mode", NOW, "AUTO", GOOD),
        ("count", NOW, 5.0, GOOD),
        ("force", NOW + 7000, 11.0, GOOD),
        ("count", NOW, -1.0, GOOD),
        ("mode", NOW, "ÄÖ", GOOD),
    ]
    assert reasons(told) == []
    assert told.unborn == set()
    assert told.news[:2] == [News(EDGE, ""), News(EDGE, "press")]


def test_data_may_go_by_name_with_or_without_their_type(born):
    told = born.decode(
        [
            message("DDATA", [{"name": "Force", "datatype": DOUBLE, "double_value": 1.0}], 2),
            message("DDATA", [{"name": "Count", "int_value": 0xFE}, {"name": "Other", "int_value": 1}], 3),
        ],
        NOW,
    )
    assert [row[:3:2] for row in readings(told)] == [("force", 3.0), ("count", -2.0)]
    assert reasons(told) == []


def test_what_is_old_in_a_birth_is_a_state_found(decoder):
    old = [{"name": "Temperature", "timestamp": 5, "datatype": DOUBLE, "double_value": 20.0}]
    told = decoder.decode([message("NBIRTH", old, 0)], NOW)
    assert readings(told) == [("temperature", NOW, 20.0, SNAPSHOT)]
    assert source_times(told.decoded[0].readings) == [5000]


def test_what_has_no_time_says_so(born):
    told = born.decode([message("DDATA", [{"alias": 10, "double_value": 5.0}], 2, at=None)], NOW)
    assert readings(told) == [("force", NOW, 11.0, UNTIMED)]


def test_the_past_is_told_at_its_own_time_and_moves_no_deadband(born):
    def temperature(seq, value, **how):
        return message("NDATA", [{"alias": 1, "double_value": value, "timestamp": MS + seq, **how}], seq)

    told = born.decode(
        [
            temperature(2, 20.5),
            temperature(3, 5.0, is_historical=True),
            temperature(4, 20.9),
            temperature(5, 21.5),
        ],
        NOW,
    )
    assert [row[2] for row in readings(told)] == [5.0, 21.5]


@pytest.mark.parametrize(
    ("quality", "told"),
    [(192, GOOD), (500, UNCERTAIN), (64, UNCERTAIN), (0, "bad_quality"), (4, "bad_quality")],
)
def test_a_quality_is_believed(born, quality, told):
    payload = Payload(timestamp=MS, seq=2)
    metric = payload.metrics.add(alias=10, double_value=1.0)
    metric.properties.keys.append("Quality")
    metric.properties.values.add(type=3, int_value=quality)
    result = born.decode([Message("spBv1.0/plant/DDATA/edge/press", payload.SerializeToString())], NOW)
    assert [row[3] for row in readings(result)] + reasons(result) == [told]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"alias": 10, "is_null": True}, "null_value"),
        ({"alias": 10}, "no_value"),
        ({"alias": 10, "string_value": "x"}, "type_mismatch"),
        ({"alias": 11, "double_value": 1}, "type_mismatch"),
        ({"alias": 10, "datatype": DATASET, "dataset_value": b""}, "dataset"),
        ({"alias": 10, "datatype": TEMPLATE, "template_value": b""}, "template"),
        ({"alias": 10, "datatype": 22, "bytes_value": b"12"}, "array_value"),
        ({"alias": 10, "datatype": 17, "bytes_value": b"12"}, "bytes"),
        ({"alias": 10, "datatype": 77, "double_value": 1}, "unsupported_type"),
        ({"alias": 10, "double_value": 1, "timestamp": 1 << 63}, "bad_time"),
        ({"alias": 10, "double_value": 1, "timestamp": 1 << 61}, "bad_time"),
        ({"alias": 99, "double_value": 1}, "unknown_alias"),
        ({"double_value": 1}, "unknown_alias"),
    ],
)
def test_what_is_no_reading_is_refused_with_a_reason(born, metric, reason):
    told = born.decode([message("DDATA", [metric, {"alias": 10, "double_value": 5.0}], 2)], NOW)
    assert reasons(told) == [reason]
    assert [row[2] for row in readings(told)] == [11.0]


def test_nothing_enters_before_its_birth_and_the_node_is_asked(decoder):
    data = message("DDATA", [{"alias": 10, "double_value": 1.0}], 5)
    told = decoder.decode([data], NOW)
    assert (readings(told), reasons(told), told.unborn) == ([], ["before_birth"], {EDGE})
    told = decoder.decode([message("NBIRTH", NODE_BIRTH, 0), message("DDATA", [{"alias": 10}], 1)], NOW)
    assert (reasons(told), told.unborn) == (["before_birth"], {EDGE})


def test_a_lost_message_takes_the_births_along(born):
    told = born.decode([message("DDATA", [{"alias": 10, "double_value": 1.0}], 3)], NOW)
    assert (readings(told), reasons(told), told.unborn) == ([], ["seq_gap"], {EDGE})
    why = "a message of its node was lost"
    assert told.news == [News(EDGE, "", why), News(EDGE, "press", why)]
    told = born.decode([message("DDATA", [{"alias": 10, "double_value": 1.0}], 4)], NOW)
    assert reasons(told) == ["before_birth"]
    told = born.decode([*BORN, message("DDATA", [{"alias": 10, "double_value": 1.0}], 2)], NOW)
    assert len(readings(told)) == 5


def test_numbers_go_round_and_a_repeat_is_dropped(born):
    one = [message("NDATA", [{"alias": 1, "double_value": 100.0 * seq}], seq % 256) for seq in range(2, 260)]
    assert len(readings(born.decode(one, NOW))) == 258
    again = born.decode(one[-1:], NOW)
    assert (readings(again), reasons(again)) == ([], ["duplicate_message"])


def test_a_message_without_a_number_is_refused(born):
    assert reasons(born.decode([message("NDATA", [{"alias": 1, "double_value": 1.0}])], NOW)) == ["no_seq"]


def test_a_death_is_believed_of_the_session_that_was_born(born):
    def death(session):
        return message("NDEATH", [{"name": "bdSeq", "datatype": 8, "long_value": session}])

    assert born.decode([death(3)], NOW).news == []
    told = born.decode([death(4)], NOW)
    assert [news.gone for news in told.news] == ["its last will came: NDEATH"] * 2
    assert reasons(born.decode([message("NDATA", [], 2)], NOW)) == ["before_birth"]


def test_a_device_dies_alone(born):
    told = born.decode([message("DDEATH", [], 2), message("DDATA", [{"alias": 10}], 3)], NOW)
    assert told.news == [News(EDGE, "press", "it died: DDEATH")]
    assert reasons(told) == ["before_birth"]
    told = born.decode([message("NDATA", [{"alias": 1, "double_value": 50.0}], 4)], NOW)
    assert [row[2] for row in readings(told)] == [50.0]


def test_a_new_birth_of_the_node_needs_new_births_of_its_devices(born):
    told = born.decode([BORN[0], message("DDATA", [{"alias": 10, "double_value": 1.0}], 1)], NOW)
    assert (reasons(told), told.news) == (["before_birth"], [News(EDGE, "")])
    told = born.decode([message("NDATA", [], 2)], NOW)
    assert told.news == [News(EDGE, "press", "its node was born again without it"), News(EDGE, "")]


def test_a_device_that_is_born_again_with_its_node_was_never_away(born):
    told = born.decode([*BORN, message("DDATA", [{"alias": 10, "double_value": 1.0}], 2)], NOW)
    assert told.news == [News(EDGE, ""), News(EDGE, "press")]
    assert (told.born, told.unborn) == ({EDGE}, set())


def test_an_alias_that_stands_for_two_metrics_stands_for_none(born):
    twice = [*PRESS_BIRTH, {"name": "More", "alias": 10, "datatype": DOUBLE, "double_value": 3.0}]
    told = born.decode([message("DBIRTH", twice, 2)], NOW)
    assert reasons(told) == ["alias_twice"]
    told = born.decode(
        [message("DDATA", [{"alias": 10, "double_value": 1.0}, {"alias": 12, "int_value": 7}], 3)], NOW
    )
    assert (reasons(told), [row[2] for row in readings(told)]) == (["unknown_alias"], [7.0])


def test_a_device_may_not_take_its_nodes_alias(born):
    told = born.decode([message("DBIRTH", [{"name": "Force", "alias": 1, "datatype": DOUBLE}], 2)], NOW)
    assert "alias_twice" in reasons(told)
    told = born.decode([message("NDATA", [{"alias": 1, "double_value": 1.0}], 3)], NOW)
    assert reasons(told) == ["unknown_alias"]


def test_a_hundred_thousand_metrics_that_nobody_asked_for_are_known_and_let_pass(born):
    many = [{"name": f"m{at}", "alias": at + 1000, "datatype": DOUBLE} for at in range(100_000)]
    data = [{"alias": at + 1000, "double_value": 1.0} for at in range(100_000)]
    strange = [{"alias": at + 500_000, "double_value": 1.0} for at in range(100_000)]
    told = born.decode(
        [
            message("DBIRTH", PRESS_BIRTH + many, 2),
            message("DDATA", [*data, {"alias": 10, "double_value": 5.0}], 3),
            message("DDATA", [*strange, {"alias": 10, "double_value": 6.0}], 4),
        ],
        NOW,
    )
    assert [row[2] for row in readings(told) if row[0] == "force"] == [3.0, 11.0, 13.0]
    assert reasons(told) == ["unknown_alias"]
    assert "100000 metrics, the first of alias [500000" in told.decoded[-1].rejects.raw.to_list()[0]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (Message("spBv1.0/plant/DDATA/edge/press", b"\x08"), "malformed_payload"),
        (Message("spBv1.0/plant/NBIRTH/edge", b"\x12\xff"), "malformed_payload"),
        (Message("spBv1.0/plant/DDATA/edge/press", b"x" * (LARGEST + 1)), "too_long"),
        (Message("spBv1.0/plant/DDATA/edge/press", b"\x12\x00" * 200_000), "too_many_metrics"),
        (Message("spBv1.0/plant/DDATA/edge", b""), "unasked_topic"),
        (Message("spBv1.0/plant/DDATA/edge/", b""), "unasked_topic"),
        (Message("spBv1.0/plant/NDATA/edge/press", b""), "unasked_topic"),
        (Message("spBv1.0/plant/NDATA/stranger", b""), "unasked_topic"),
        (Message("spAv1.0/plant/NDATA/edge", b""), "unasked_topic"),
        (Message("", b""), "unasked_topic"),
        (Message("spBv1.0/plant/NBIRTH/edge", b"", retained=True), "retained_message"),
    ],
)
def test_what_is_no_message_is_refused_and_the_next_is_read(born, sent, reason):
    told = born.decode([sent, message("DDATA", [{"alias": 10, "double_value": 5.0}], 2)], NOW)
    assert reasons(told) == [reason]
    assert [row[2] for row in readings(told)] == [11.0]


kinds = st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "NCMD", "STATE"])
metrics = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Force", "Mode/Name", "Count", "Temperature", "bdSeq", ""]),
        "alias": st.integers(0, 3) | st.integers(0, (1 << 64) - 1),
        "timestamp": st.integers(0, (1 << 64) - 1),
        "datatype": st.integers(0, (1 << 32) - 1) | st.integers(0, 36),
        "is_null": st.booleans(),
        "is_historical": st.booleans(),
        "int_value": st.integers(0, (1 << 32) - 1),
    },
) | st.fixed_dictionaries({"alias": st.integers(0, 3)}, optional={"double_value": st.floats()})


@st.composite
def messages(draw):
    sent = message(draw(kinds), draw(st.lists(metrics, max_size=4)), draw(st.none() | st.integers(0, 5)))
    bent = bytearray(sent.payload)
    if bent and draw(st.booleans()):
        bent[draw(st.integers(0, len(bent) - 1))] = draw(st.integers(0, 255))
    return Message(sent.topic, bytes(bent))


def test_a_birth_tells_the_state_again_also_beside_what_came_before(decoder):
    warm = message("NBIRTH", [{"name": "Temperature", "datatype": DOUBLE, "double_value": 20.0}], 0)
    still = message("NDATA", [{"name": "Temperature", "double_value": 20.5}], 1)
    told = decoder.decode([warm, warm, still, warm], NOW)
    assert [row[2] for row in readings(told)] == [20.0, 20.0, 20.0]


@settings(max_examples=1000)
@example([message("NBIRTH", [{"name": "Temperature", "double_value": 0.0}], 0)] * 2)
@given(st.lists(messages(), max_size=8))
def test_whatever_nodes_say_becomes_readings_or_rejects(sent):
    decoder = SparkplugDecoder(POINTS)
    together = decoder.decode(sent, NOW).decoded
    for readings, rejects in together:
        readings.to_arrow()
        rejects.to_arrow()
        assert np.all(readings.machine.codes >= 0)
    one_by_one = SparkplugDecoder(POINTS)
    apart = [row for one in sent for row in all_rows(one_by_one.decode([one], NOW))]
    assert apart == [row for decoded in together for row in plain(decoded.readings)]


def all_rows(told):
    return [row for decoded in told.decoded for row in plain(decoded.readings)]


def plain(batch):
    return [
        (tag, ts, "nan" if isinstance(value, float) and math.isnan(value) else value, quality)
        for tag, ts, value, quality in rows(batch)
    ]

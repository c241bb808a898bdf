"""Whatever a topic brings is a reading or refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.connectors.mqtt_session import Message
from streams.connectors.mqtt_values import TimeRule, TopicDecoder
from streams.connectors.mqtt_window import Window
from streams.connectors.points import Point
from streams.records import GOOD, SNAPSHOT, UNTIMED
from streams.testing import rows

LOAD = Point("mill/load", "mill", "load", 2.0, 1.0)
PROGRAM = Point("mill/program", "mill", "program")
DEEP = Point("mill/all#axes.1.load", "mill", "deep")
MODE = Point("mill/all#mode", "mill", "mode")


def decode(*messages, time=None):
    decoder = TopicDecoder([LOAD, PROGRAM, DEEP, MODE], {PROGRAM.address, MODE.address}, time or TimeRule())
    return decoder.decode(messages, 9)


def told(*messages, **how):
    readings, rejects = decode(*messages, **how)[0]
    texts = readings.text.to_list()
    values = [
        number if text is None else text for number, text in zip(readings.value.tolist(), texts, strict=True)
    ]
    return values, rejects.reason.to_list()


@pytest.mark.parametrize(
    ("topic", "payload", "values", "reasons"),
    [
        ("mill/load", b"20", [41.0], []),
        ("mill/load", b" 2e1 \n", [41.0], []),
        ("mill/load", b"true", [3.0], []),
        ("mill/load", b"", [], ["empty_value"]),
        ("mill/load", b"warm", ["warm"], []),  # a text in a number: admission refuses it by name
        ("mill/load", b"\xff", ["\ufffd"], []),
        ("mill/program", b"0042", ["0042"], []),
        ("mill/program", b"", [""], []),
        ("mill/all", b'{"axes": [{}, {"load": 7}], "mode": "AUTO"}', [7.0, "AUTO"], []),
        ("mill/all", b'{"axes": [{}, {"load": true}]}', [1.0], []),
        ("mill/all", b'{"mode": 5}', ["5"], []),
        ("mill/all", rb'{"mode": "\ud83d\ude00"}', ["\U0001f600"], []),
        ("mill/all", rb'{"mode": "\ud83d"}', [], ["not_a_text"]),
        ("mill/all", rb'{"axes": [0, {"load": "\udfff"}]}', [], ["not_a_text"]),
        ("mill/all", b'{"axes": {"1": {"load": null}}}', [], ["null_value"]),
        ("mill/all", b'{"axes": [0, {"load": [1]}]}', [], ["not_a_value"]),
        ("mill/all", b'{"axes": [0]}', [], ["no_value"]),
        ("mill/all", b"7", [], ["no_value"]),
        ("mill/all", b"{", [], ["malformed_json"]),
        ("mill/all", b"\xff", [], ["malformed_json"]),
        ("mill/all", b"[" * 100_000, [], ["malformed_json"]),
        ("mill/all", b'{"axes": [0, {"load": 1' + b"0" * 400 + b"}]}", [], ["not_a_number"]),
    ],
)
def test_a_payload_is_a_value_or_refused(topic, payload, values, reasons):
    assert told(Message(topic, payload)) == (values, reasons)


@pytest.mark.parametrize("at", [True, "noon", 1e300, float("nan"), [], {}])
def test_a_time_that_is_none_is_refused(at):
    payload = json.dumps({"axes": [0, {"load": 1}], "at": at}).encode()
    assert told(Message("mill/all", payload), time=TimeRule("at", "s")) == ([], ["bad_time"])


def test_a_reject_names_machine_tag_and_topic():
    rejects = decode(Message("mill/load", b""))[0].rejects
    assert (rejects.machine.to_list(), rejects.tag.to_list()) == (["mill"], ["load"])
    assert rejects.raw.to_list() == ["mill/load "]


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize("payload", [b"", b" \n\t"])
def test_a_message_of_lines_in_which_nothing_stands_is_refused_by_its_topic(payload, retained):
    line = Message("hall/x", b'{"machine": "m", "tag": "t", "value": 1}\n\n')
    bound, lines = decode(Message("hall/x", payload, retained=retained), line)
    assert bound.rejects.reason.to_list() == ["empty_value"]
    assert bound.rejects.raw.to_list() == [f"hall/x {payload.decode()}"]
    assert (len(lines.readings), len(lines.rejects)) == (1, 0)


topics = st.sampled_from(["mill/load", "mill/program", "mill/all", "other"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["axes", "1", "load", "mode", "at"]), inner, max_size=3)
    ),
)
payloads = st.binary(max_size=60) | values.map(json.dumps).map(str.encode)


@settings(max_examples=1000)
@given(st.lists(st.tuples(topics, payloads), max_size=4), st.booleans())
@example([("mill/all", b'{"axes": [0, {"load": 1e999}], "at": 1e18}')], True)
def test_any_payload_becomes_readings_or_rejects(sent, retained):
    messages = [Message(topic, payload, retained=retained) for topic, payload in sent]
    for readings, rejects in decode(*messages, time=TimeRule("at", "ms")):
        assert len(rejects) <= len(messages) * 61
        for machine in readings.machine.values:
            assert machine == "mill" or b"machine" in b"".join(payload for _, payload in sent)
        readings.to_arrow()
        rejects.to_arrow()


def test_a_value_without_a_time_says_so():
    assert decode(Message("mill/load", b"1"))[0].readings.quality.tolist() == [UNTIMED]


def test_lines_without_a_time_have_that_of_their_receipt_and_those_kept_are_a_state_found():
    line = b'{"machine": "mill", "tag": "load", "value": 1}'
    timed = b'{"machine": "mill", "tag": "load", "ts": 5, "value": 2}'
    sent = [
        Message("lines", line, retained=True),
        Message("lines", timed, retained=True),
        Message("lines", line),
    ]
    _, kept, lines = decode(*sent)
    assert rows(kept.readings) == [("load", 9, 1.0, SNAPSHOT), ("load", 5, 2.0, GOOD)]
    assert rows(lines.readings) == [("load", 9, 1.0, UNTIMED)]


class Ticket:
    def __init__(self):
        self.safe = False

    def wait(self, timeout):
        return self.safe


def settled(window):
    told = []
    window.settle(told.append)
    return told


def test_acknowledgements_keep_the_order_of_arrival():
    window, slow, fast = Window(), Ticket(), Ticket()
    window.hold([Message("a", b"1", 1, mid=5), Message("a", b"2", 0)], [slow])
    window.hold([Message("a", b"3", 1, mid=6)], [fast])
    fast.safe = True
    assert settled(window) == []
    slow.safe = True
    assert settled(window) == [5, 6]
    assert len(window) == 0


def test_only_what_is_held_and_the_same_is_a_repeat():
    window, ticket = Window(), Ticket()
    window.hold([Message("a", b"1", 1, mid=5)], [ticket])
    window.renew(kept=True)
    again = Message("a", b"1", 1, repeated=True, mid=5)
    assert window.is_repeat(again)
    assert not window.is_repeat(Message("a", b"2", 1, repeated=True, mid=5))
    assert not window.is_repeat(Message("a", b"1", 1, repeated=False, mid=5))
    assert settled(window) == []
    window.hold([again], [])
    assert settled(window) == []
    ticket.safe = True
    assert settled(window) == [5]
    assert not window.is_repeat(again)


def test_a_session_that_is_lost_takes_its_numbers_along():
    window = Window()
    window.hold([Message("a", b"1", 1, mid=5)], [Ticket()])
    window.renew(kept=False)
    assert not window.is_repeat(Message("a", b"1", 1, repeated=True, mid=5))

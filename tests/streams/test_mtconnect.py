"""MTConnect over HTTP: nothing that an agent's buffer still has is missed, nothing it sends is trusted."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.mqtt_peer import until
from bench.mtconnect_peer import Item, PeerAgent
from streams.catalog import Machine, Tag
from streams.clock import ManualClock
from streams.connectors import mtconnect, mtconnect_http
from streams.connectors.contact import Contact
from streams.connectors.mtconnect import MTConnectConnector
from streams.connectors.mtconnect_http import Agent, Parts, TooLong
from streams.connectors.mtconnect_items import Items
from streams.connectors.mtconnect_xml import DocumentError, parse
from streams.connectors.points import Point
from streams.connectors.stamps import stamp
from streams.records import GOOD, SNAPSHOT
from streams.testing import MemoryOutlet, rows, running

OLD, EARLY, T, LATER = (
    "2026-01-01T00:00:00Z",
    "2026-05-11T10:18:28Z",
    "2026-05-11T10:18:29Z",
    "2026-05-11T10:18:30Z",
)
NOW = stamp(T)
ITEMS = (
    Item("mill", "x1", "SAMPLE", "Xload"),
    Item("mill", "e1", "EVENT", "execution"),
    Item("mill", "c1", "CONDITION"),
    Item("mill", "s1", "SAMPLE", "series", representation="TIME_SERIES"),
    Item("mill", "d1", "EVENT", "set", representation="DATA_SET"),
    Item("lathe", "x2", "SAMPLE", "Xload"),
    Item("lathe", "other", "EVENT"),
)
POINTS = (
    Point("mill/Xload", "mill-1", "load"),
    Point("mill/execution", "mill-1", "execution"),
    Point("mill-uuid/c1", "mill-1", "servo"),
    Point("mill/s1", "mill-1", "series"),
    Point("mill/set", "mill-1", "set"),
    Point("lathe/x2", "lathe-1", "load"),
)
TEXTS = {"mill/execution", "mill-uuid/c1"}
MILL = Machine("mill-1", (Tag("avail", numeric=False), Tag("execution", numeric=False), Tag("load")))
LATHE = Machine("lathe-1", (Tag("load"),))


@pytest.fixture
def agent():
    agent = PeerAgent(ITEMS)
    yield agent
    agent.stop()


@contextmanager
def following(agent, clock=None):
    clock = clock or ManualClock(NOW)
    tags = {(point.machine, point.tag) for point in POINTS}
    contact = Contact([MILL, LATHE], tags, clock)
    made = MTConnectConnector(Agent(agent.url), POINTS, TEXTS, contact, 0.01, clock)
    outlet = MemoryOutlet()
    with running(lambda stop: made.run(outlet, stop)):
        until(lambda: made.connections == 1, "the connection")
        yield made, outlet


def told(outlet, tag):
    return [value for name, _, value, _ in outlet.rows() if name == tag]


def gaps(outlet):
    return [
        json.loads(raw)["why"]
        for batch in outlet.refused
        for reason, raw in zip(batch.reason.to_list(), batch.raw.to_list(), strict=True)
        if reason == "gap"
    ][::2]


def reasons(outlet):
    return [reason for reason in outlet.reasons() if reason != "gap"]


@pytest.mark.parametrize("streams", [True, False])
def test_the_state_comes_once_and_every_event_after_it(agent, streams):
    agent.streams = streams
    agent.say("x1", "5", T)
    with following(agent) as (_, outlet):
        outlet.wait_for(lambda kept: told(kept, "load"))
        agent.say("x1", "7.5", LATER)
        agent.say("x2", "8", LATER)
        agent.say("e1", "ACTIVE", LATER)
        agent.say("c1", "Fault", LATER)
        outlet.wait_for(lambda kept: "FAULT" in told(kept, "servo"))
    assert [row for row in outlet.rows() if row[0] in {"load", "servo"}] == [
        ("servo", NOW, "UNAVAILABLE", SNAPSHOT),
        ("load", NOW, 5.0, GOOD),
        ("load", NOW + 1_000_000, 7.5, GOOD),
        ("load", NOW + 1_000_000, 8.0, GOOD),
        ("servo", NOW + 1_000_000, "FAULT", GOOD),
    ]
    assert told(outlet, "load") == [5.0, 7.5, 8.0]
    assert told(outlet, "execution") == ["UNAVAILABLE", "ACTIVE"]
    assert {name for batch in outlet.batches for name in batch.machine.to_list()} == {"mill-1", "lathe-1"}


def test_what_came_while_the_line_was_cut_is_fetched(agent):
    with following(agent) as (made, outlet):
        agent.say("x1", "1", T)
        outlet.wait_for(lambda kept: 1.0 in told(kept, "load"))
        agent.stop()
        until(lambda: made.trouble, "the trouble")
        for value in range(2, 6):
            agent.say("x1", str(value), LATER)
        agent.start()
        outlet.wait_for(lambda kept: 5.0 in told(kept, "load"))
    assert told(outlet, "load") == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert gaps(outlet) == ["nobody listened before"]
    assert told(outlet, "avail") == ["AVAILABLE", "UNAVAILABLE", "AVAILABLE", "UNAVAILABLE"]


def test_what_did_not_change_meanwhile_is_told_again_as_it_is(agent):
    agent.say("e1", "ACTIVE", OLD)
    with following(agent) as (made, outlet):
        agent.stop()
        until(lambda: made.trouble, "the trouble")
        agent.start()
        until(lambda: made.connections == 2, "the second connection")
    assert [row for row in outlet.rows() if row[0] == "execution"] == [
        ("execution", NOW, "ACTIVE", SNAPSHOT)
    ] * 2


def test_a_buffer_that_ran_over_is_a_gap(agent):
    with following(agent) as (made, outlet):
        agent.stop()
        until(lambda: made.trouble, "the trouble")
        for value in range(100):
            agent.say("x1", str(value), LATER)
        agent.start()
        outlet.wait_for(lambda kept: 99.0 in told(kept, "load"))
    assert told(outlet, "load") == [99.0]
    assert "nobody listened before" not in gaps(outlet)[1:] and len(gaps(outlet)) == 2


def test_an_agent_that_was_started_anew_is_a_gap(agent):
    with following(agent) as (made, outlet):
        agent.say("x1", "1", T)
        outlet.wait_for(lambda kept: told(kept, "load"))
        agent.stop()
        until(lambda: made.trouble, "the trouble")
        agent.instance += 1
        agent.forget()
        agent.say("x1", "2", LATER)
        agent.start()
        outlet.wait_for(lambda kept: 2.0 in told(kept, "load"))
        agent.say("x1", "3", LATER)
        outlet.wait_for(lambda kept: 3.0 in told(kept, "load"))
    assert len(gaps(outlet)) == 2


def test_an_instance_that_changes_within_a_stream_is_noticed(agent):
    with following(agent) as (made, outlet):
        agent.instance += 1
        agent.say("x1", "2", LATER)
        until(lambda: made.connections == 2, "the second connection")
        outlet.wait_for(lambda kept: 2.0 in told(kept, "load"))
    assert len(gaps(outlet)) == 2
    assert told(outlet, "load") == [2.0]


def test_what_is_no_single_value_is_refused_with_a_reason(agent):
    with following(agent) as (_, outlet):
        agent.say("s1", "1 2", T)
        agent.say("d1", "1", T)
        agent.say("x1", "", T)
        agent.say("x1", "4", "yesterday")
        agent.say("x1", "5", T)
        outlet.wait_for(lambda kept: 5.0 in told(kept, "load"))
    assert reasons(outlet)[-4:] == ["time_series", "data_set", "empty_value", "bad_time"]
    assert outlet.refused[-1].machine.to_list()[-1] == "mill-1"


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><MTConnectStreams>&c;</MTConnectStreams>'
)
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><MTConnectStreams>&e;'
    b"</MTConnectStreams>"
)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (LAUGHS, "hostile_xml"),
        (OUTSIDE, "hostile_xml"),
        (b"<a>" * 100_000, "hostile_xml"),
        (b"<a><b>", "malformed_xml"),
        (b"\x00\xff", "malformed_xml"),
        (b"", "malformed_xml"),
        (b'<MTConnectStreams><Header instanceId="-1"/></MTConnectStreams>', "no_header"),
        (b'<MTConnectStreams><Header nextSequence="' + b"9" * 400 + b'"/></MTConnectStreams>', "no_header"),
        (
            b'<Samples><X dataItemId="a">' + b"x" * 100_000 + b"</X></Samples>",
            "hostile_xml",
        ),
    ],
)
def test_hostile_documents_are_refused(document, reason):
    with pytest.raises(DocumentError, match=reason):
        parse(document)


def test_a_hostile_agent_is_a_trouble_and_on_record_until_it_behaves(agent):
    with following(agent) as (made, outlet):
        agent.answer = (200, "text/xml", LAUGHS)
        agent.stop()
        agent.start()
        outlet.wait_for(lambda kept: "hostile_xml" in kept.reasons())
        until(lambda: "is refused: hostile_xml" in made.trouble, "the trouble")
        agent.answer = None
        until(lambda: made.trouble == "", "the end of the trouble")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((200, "text/xml", b"x" * 3000), "too long"),
        ((404, "text/html", b"<html>"), "refuses current: 404"),
        ((500, "text/xml", b'<E><Errors><Error errorCode="INTERNAL_ERROR"/></Errors></E>'), "INTERNAL_ERROR"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(agent, monkeypatch, answer, says):
    monkeypatch.setattr(mtconnect_http, "LARGEST", 2000)
    with following(agent) as (made, _):
        agent.answer = answer
        agent.stop()
        agent.start()
        until(lambda: says in made.trouble, says)


def test_a_failure_that_nobody_foresaw_is_a_gap_of_what_the_agent_no_longer_has(agent, monkeypatch):
    outlet, clock = MemoryOutlet(), ManualClock(NOW)
    tags = {(point.machine, point.tag) for point in POINTS}
    contact = Contact([MILL, LATHE], tags, clock)
    made = MTConnectConnector(Agent(agent.url), POINTS, TEXTS, contact, 0.01, clock)
    with monkeypatch.context() as broken, pytest.raises(TypeError):
        broken.setattr(made, "_follow", lambda document, outlet: TEXTS.pop(document))
        made.run(outlet, threading.Event())
    assert told(outlet, "avail") == ["AVAILABLE", "UNAVAILABLE"]
    assert contact.standing(NOW).why == "the connector failed"


def test_an_agent_that_goes_silent_is_left(agent, monkeypatch):
    monkeypatch.setattr(mtconnect, "MISSED", 0.1)
    monkeypatch.setattr(mtconnect, "HEARTBEAT", 2.0)
    with following(agent) as (made, _):
        until(lambda: "was silent for" in made.trouble, "the silence")


def test_parts_come_whole_however_they_are_cut():
    stream = b"".join(
        b"--b\r\nContent-type: text/xml\r\nContent-length: %d\r\n\r\n%s\r\n" % (len(one), one)
        for one in (b"<a/>", b"", b"--b is no end", b"<c/>")
    )
    for step in (1, 3, 1000):
        parts = Parts(b"b")
        chunks = (stream[at : at + step] for at in range(0, len(stream), step))
        assert [one for chunk in chunks for one in parts.feed(chunk)] == [
            b"<a/>",
            b"",
            b"--b is no end",
            b"<c/>",
        ]
    assert Parts(b"b").feed(b"--b\r\nX: y\r\n\r\n<a/>\r\n--b\r\n") == [b"<a/>"]
    assert Parts(b"b").feed(b"what nobody asked for" * 9 + b"--b\r\n\r\n<a/>\r\n--b") == [b"<a/>"]
    with pytest.raises(TooLong):
        Parts(b"b").feed(b"--b\r\nContent-length: 999999999\r\n\r\n")
    with pytest.raises(TooLong):
        Parts(b"b").feed(b"--b\r\n" + b"X: y\r\n" * 9000)


@pytest.mark.parametrize("begin", [b"", b"--b\r\n\r\n", b"--b\r\nContent-length: 8000000\r\n\r\n"])
def test_a_document_in_many_pieces_is_looked_through_once(begin):
    parts, begun = Parts(b"b"), time.process_time()
    assert parts.feed(begin) == []
    for _ in range(8000):
        assert parts.feed(b"x" * 999) == []
    assert time.process_time() - begun < 2


attributes = st.dictionaries(
    st.sampled_from(["dataItemId", "name", "timestamp", "sequence", "uuid", "errorCode", "sampleCount"]),
    st.sampled_from(["x1", "Xload", "mill", T, "7", "-7", "UNAVAILABLE", "&amp;"]),
)
names = st.sampled_from(
    ["Header", "DeviceStream", "Samples", "Condition", "X", "Fault", "Device", "DataItem"]
)


def element(name, told, inside):
    words = "".join(f' {key}="{value}"' for key, value in told.items())
    return f"<{name}{words}>{inside}</{name}>"


documents = st.recursive(
    st.sampled_from(["7", "UNAVAILABLE", "", "ä", "&lt;"]),
    lambda inner: st.builds(element, names, attributes, st.lists(inner, max_size=3).map("".join)),
    max_leaves=12,
)


@settings(max_examples=1000)
@given(documents.map(str.encode) | st.binary(max_size=80))
@example(
    b'<DeviceStream name="mill"><Samples><X dataItemId="x1" timestamp="'
    + T.encode()
    + b'">7</X></Samples></DeviceStream>'
)
def test_any_document_is_read_or_refused(data):
    try:
        document = parse(data)
    except DocumentError as exc:
        assert str(exc) in {"hostile_xml", "malformed_xml", "no_header"}
        return
    items = Items(POINTS, TEXTS)
    for readings, rejects in (items.decode(document), items.snapshot(document, NOW, 0, 0)):
        assert len(readings) + len(rejects) <= len(document.observations) * 2
        readings.to_arrow()
        rejects.to_arrow()
        rows(readings)


@settings(max_examples=1000)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"--b", b"\r\n\r\n", b"Content-length: 3\r\n"])))
def test_any_stream_of_parts_is_cut_or_kept(chunks):
    parts, fed = Parts(b"b"), 0
    for chunk in chunks:
        fed += len(chunk)
        try:
            assert sum(map(len, parts.feed(chunk))) <= fed
        except TooLong:
            return

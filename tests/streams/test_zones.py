"""Local times without a zone, from every source that writes times as texts."""

from __future__ import annotations

import json
import socket
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalog import Machine, Tag
from streams.clock import HOUR, ManualClock
from streams.connectors.messages import read
from streams.connectors.mqtt_session import Message
from streams.connectors.mqtt_values import TimeRule, TopicDecoder
from streams.connectors.mtconnect_items import Items
from streams.connectors.mtconnect_xml import Document, Observation
from streams.connectors.points import Point
from streams.connectors.shdr import ShdrConnector
from streams.connectors.stamps import stamp
from streams.connectors.udp import UdpConnector
from streams.connectors.zones import zoned, zoned_json, zoned_line
from streams.peers.ports import free_port
from streams.testing import MemoryOutlet, heard, running, until

SHANGHAI = ZoneInfo("Asia/Shanghai")
LOCAL, TRUE = "2026-03-02T18:00:00.5", stamp("2026-03-02T10:00:00.5Z")
MACHINE = Machine("rig", (Tag("load"),))


def lines(*times):
    return "\n".join(
        json.dumps({"machine": "rig", "tag": "load", "ts": ts, "value": 1}) for ts in times
    ).encode()


def test_a_time_that_names_its_zone_keeps_it():
    for text in ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00+02:00", "noon", "", "0001-01-01T00:00:00"):
        assert zoned(text, SHANGHAI) == text
    assert zoned(LOCAL, None) == LOCAL


def test_the_hour_that_comes_twice_is_the_first():
    berlin = ZoneInfo("Europe/Berlin")
    assert zoned("2026-10-25T02:30:00", berlin) == "2026-10-25T00:30:00Z"
    assert zoned("2026-10-25T03:30:00", berlin) == "2026-10-25T02:30:00Z"


def test_json_lines_of_a_message():
    said = read(b"json", lines(LOCAL, "2026-03-02T10:00:00.5Z", TRUE), zone=SHANGHAI)
    assert said.readings.ts.tolist() == [TRUE] * 3
    assert read(b"json", lines(LOCAL)).readings.ts.tolist() == [TRUE + 8 * HOUR]


def test_a_waveform():
    told = {"machine": "rig", "sensor": "a", "ts": LOCAL, "rate_hz": 100, "samples": [1]}
    said = read(b"waveform-json", json.dumps(told).encode(), zone=SHANGHAI)
    assert said.waveforms.ts.tolist() == [TRUE]


def test_what_only_looks_like_a_time_stays():
    text = 'he said "ts": "2026-03-02T18:00:00"'
    payload = json.dumps({"machine": "rig", "tag": "note", "ts": 1, "text": text}).encode()
    assert zoned_json(payload, SHANGHAI) == payload
    assert zoned_line(b"* 2026-03-02T18:00:00|load|1", SHANGHAI) == b"* 2026-03-02T18:00:00|load|1"


@given(st.text(alphabet='{}":,\\ts1 ', max_size=40))
def test_json_that_is_whole_stays_whole(text):
    payload = json.dumps({"ts": LOCAL, "text": text}).encode()
    assert json.loads(zoned_json(payload, SHANGHAI)) == {"ts": "2026-03-02T10:00:00.500000Z", "text": text}


def test_datagrams():
    port = free_port()
    board = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with heard(UdpConnector("127.0.0.1", port, [MACHINE], ManualClock(TRUE), SHANGHAI)) as outlet, board:

        def arrived():
            board.sendto(lines(LOCAL), ("127.0.0.1", port))
            return bool(outlet.rows())

        until(arrived)
    assert {ts for _, ts, *_ in outlet.rows()} == {TRUE}


@pytest.mark.parametrize("said", [LOCAL, LOCAL + "@100.0", "2026-03-02T10:00:00.5Z"])
def test_lines_of_an_adapter(said):
    outlet = MemoryOutlet()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connector = ShdrConnector(MACHINE, "127.0.0.1", port, ManualClock(TRUE), zone=SHANGHAI)
        with running(lambda stop: connector.run(outlet, stop)):
            link, _ = server.accept()
            with link:
                link.sendall(f"{said}|load|1\n".encode())
                outlet.wait_for(lambda told: told.rows())
    assert [ts for _, ts, *_ in outlet.rows()] == [TRUE]


def test_payloads_of_a_topic():
    rule = TimeRule("at", zone=SHANGHAI)
    decoder = TopicDecoder([Point("oven#load", "rig", "load")], (), rule)
    messages = [
        Message("oven", json.dumps({"load": 1, "at": LOCAL}).encode()),
        Message("lines", lines(LOCAL)),
    ]
    assert [ts for item in decoder.decode(messages, 0) for ts in item.readings.ts.tolist()] == [TRUE, TRUE]


def test_observations_of_an_agent():
    items = Items([Point("mill/load", "rig", "load")], (), SHANGHAI)
    told = Observation("mill", "", "x1", "load", LOCAL, 1, "5")
    assert items.decode(Document(observations=[told])).readings.ts.tolist() == [TRUE]

"""What edge nodes and agents offer, asked of real ones."""

from __future__ import annotations

import threading

import pytest

from bench.mqtt_peer import Mosquitto, Sender
from bench.mtconnect_peer import Item, PeerAgent
from bench.sparkplug_proto import Payload
from engine.discover import DiscoverError, Found, described, discover

BIRTH = Payload(
    seq=1,
    metrics=[
        {"name": "Pressure/Inlet", "alias": 1, "datatype": 10},
        {"name": "Mode", "datatype": 12},
        {"name": "Table", "datatype": 16},
        {"name": "Samples", "datatype": 31},
        {"name": "Device Control/Reboot", "datatype": 11},
    ],
).SerializeToString()


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


def speak(sender, stop):
    """Be an edge node that speaks, and is born when it is asked."""
    sender.subscribe(
        "spBv1.0/hall/NCMD/edge", lambda *_: sender.begin("spBv1.0/hall/DBIRTH/edge/pump", BIRTH, 0)
    )
    while not stop.wait(0.05):
        sender.begin("spBv1.0/hall/NDATA/edge", b"", 0)


@pytest.mark.parametrize("below", ["", "hall", "hall/edge/pump"])
def test_nodes_that_speak_are_asked_for_their_births(mosquitto, below):
    sender, stop = Sender(mosquitto.port), threading.Event()
    thread = threading.Thread(target=speak, args=(sender, stop))
    thread.start()
    try:
        found = discover(described("sparkplug", [f"port={mosquitto.port}"]), below, 1.0)
    finally:
        stop.set()
        thread.join()
        sender.close()
    assert found.found == (
        Found("hall/edge/pump/Pressure/Inlet", "pump", "Pressure/Inlet"),
        Found("hall/edge/pump/Mode", "pump", "Mode", numeric=False),
    )
    assert dict(found.left_out) == {
        "hall/edge/pump/Table": "a data set",
        "hall/edge/pump/Samples": "an array or of no known type",
        "hall/edge/pump/Device Control/Reboot": "a control",
    }


def test_a_broker_that_is_not_there_is_one_sentence():
    with pytest.raises(DiscoverError, match=r"The broker at 127.0.0.1:1 does not answer: .*\."):
        discover(described("sparkplug", ["port=1"]), "", 1.0)


ITEMS = (
    Item("mill", "x1", "SAMPLE", "Xload", "PERCENT"),
    Item("mill", "e1", "EVENT", "execution"),
    Item("mill", "n1", "EVENT", "", "COUNT"),
    Item("mill", "c1", "CONDITION"),
    Item("mill", "p1", "SAMPLE", "position", "MILLIMETER_3D"),
    Item("mill", "s1", "SAMPLE", "sound", "DECIBEL", "TIME_SERIES"),
    Item("lathe", "x2", "SAMPLE", "Xload"),
)


@pytest.fixture
def agent():
    agent = PeerAgent(ITEMS)
    yield agent
    agent.stop()


def test_an_agent_is_probed(agent):
    found = discover(described("mtconnect", [f"url={agent.url}"]), "mill", 5.0)
    assert found.found == (
        Found("mill/Xload", "mill", "Xload", unit="%"),
        Found("mill/execution", "mill", "execution", numeric=False),
        Found("mill/n1", "mill", "n1", unit="COUNT"),
        Found("mill/c1", "mill", "c1", numeric=False),
    )
    assert found.left_out == (("mill/position", "three numbers"), ("mill/sound", "a time series"))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, "text/plain", b"no"), "refuses probe: 404"),
        ((200, "text/xml", b"<!DOCTYPE x><x/>"), "hostile_xml"),
    ],
)
def test_an_answer_that_is_no_probe_is_one_sentence(agent, answer, says):
    agent.answer = answer
    with pytest.raises(DiscoverError, match=says):
        discover(described("mtconnect", [f"url={agent.url}"]), "", 5.0)

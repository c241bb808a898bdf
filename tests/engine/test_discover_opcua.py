"""What an OPC UA server offers becomes a part of a plant file that is valid, and whose points are heard."""

from __future__ import annotations

import pytest
from asyncua import ua

from engine.discover import DiscoverError, Found, described, discover, write
from engine.plant.file import parse
from engine.sources import build_connector
from streams.peers.opcua import NAMESPACE, OpcUaPeer
from streams.testing import MemoryOutlet, running

VALUES = {
    "Press.Hydraulics.Pressure": 120.5,
    "Press.Clamped": True,
    "Press.Program": "O123",
    "Press.Force": ua.Variant(7, ua.VariantType.UInt16),
    "Press.Profile": [1.0, 2.0],
    "Press.Picture": b"\x00",
    "Oven.Temperature": 21.0,
    "Ambient": 19.0,
}


@pytest.fixture(scope="module")
def peer():
    with OpcUaPeer() as peer:
        for name, value in VALUES.items():
            peer.set(name, value)
        peer.do(unit(peer, "Press.Hydraulics.Pressure", "bar"))
        yield peer


async def unit(peer, name, text):
    node = peer.server.get_node(f"ns={peer.namespace};s={name}")
    told = ua.EUInformation(DisplayName=ua.LocalizedText(text))
    await node.add_property(
        ua.NodeId(f"{name}.unit", peer.namespace), ua.QualifiedName("EngineeringUnits", 0), told
    )


def at(name):
    return f"nsu={NAMESPACE};s={name}"


def look(peer, below=""):
    return discover(described("opcua", [f"endpoint={peer.endpoint}"]), below, 20.0)


def test_values_are_found_by_machine_with_type_and_unit(peer):
    discovery = look(peer)
    assert set(discovery.found) == {
        Found(at("Press.Hydraulics.Pressure"), "Press", "Hydraulics.Pressure", unit="bar"),
        Found(at("Press.Clamped"), "Press", "Clamped"),
        Found(at("Press.Program"), "Press", "Program", numeric=False),
        Found(at("Press.Force"), "Press", "Force"),
        Found(at("Oven.Temperature"), "Oven", "Temperature"),
        Found(at("Ambient"), "opcua", "Ambient"),
    }
    assert set(discovery.left_out) == {
        (at("Press.Profile"), "an array"),
        (at("Press.Picture"), "no number, no text"),
    }


def test_only_what_lies_below_an_address_is_found(peer):
    (found,) = look(peer, at("Press.Hydraulics")).found
    assert (found.machine, found.tag) == ("Hydraulics", "Pressure")


def test_more_than_a_person_could_read_is_left_out(peer, monkeypatch):
    monkeypatch.setattr("engine.discover.opcua.MOST", 3)
    monkeypatch.setattr("engine.discover.opcua.TOGETHER", 2)
    discovery = look(peer)
    assert len(discovery.found) + len(discovery.left_out) == len(VALUES)
    assert [why for _, why in discovery.left_out].count("more than 3") == len(VALUES) - 3


def test_what_is_written_is_a_plant_whose_points_are_heard(peer):
    source = described("opcua", [f"endpoint={peer.endpoint}", "name=press"])
    plant = parse("name: Hall\n" + write("Looked.", source, look(peer)), "found.yaml")
    connector, outlet = build_connector(plant.sources[0], plant), MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda outlet: len(outlet.rows()) == 6)
    assert {row[::2] for row in outlet.rows()} == {
        ("Hydraulics.Pressure", 120.5),
        ("Clamped", 1.0),
        ("Program", "O123"),
        ("Force", 7.0),
        ("Temperature", 21.0),
        ("Ambient", 19.0),
    }


@pytest.mark.parametrize(
    ("words", "below", "says"),
    [
        (["endpoint=opc.tcp://127.0.0.1:1"], "", "does not answer: Connection refused."),
        (["endpoint=http://x"], "", "'http://x' is no OPC UA server; write it like opc.tcp://"),
        (
            ["endpoint=opc.tcp://x", "user=a", "password.env=NO_SUCH_VARIABLE"],
            "",
            "NO_SUCH_VARIABLE is not set",
        ),
        (None, "Press", "'Press' is no address on this server; write it like ns=2;s=Press."),
        (None, "ns=2;s=None", "BadNodeIdUnknown"),
        (None, "ns=0;i=2258", "Nothing was found that could be a tag; look below another address."),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(peer, words, below, says):
    with pytest.raises(DiscoverError) as refused:
        discover(described("opcua", words or [f"endpoint={peer.endpoint}"]), below, 20.0)
    assert says in str(refused.value)


def test_a_server_that_takes_too_long_is_left(peer):
    with pytest.raises(DiscoverError, match=r"more to tell than 0\.001 s allow; name"):
        discover(described("opcua", [f"endpoint={peer.endpoint}"]), "", 0.001)

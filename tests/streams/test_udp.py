import json
import socket
import threading

import pytest

from streams.catalog import Machine, Tag
from streams.clock import SECOND, ManualClock
from streams.connectors import udp
from streams.connectors.contact import UNAVAILABLE
from streams.connectors.memory import Memory, Standing
from streams.connectors.speakers import Speakers
from streams.connectors.udp import UdpConnector
from streams.records import UNTIMED
from streams.testing import MemoryOutlet, running

NOW = 100 * SECOND
OVEN = Machine(
    "oven", (Tag("temperature"), Tag("avail", numeric=False), Tag("execution", numeric=False), Tag("hello"))
)
LINE = {"machine": "oven", "tag": "temperature", "ts": 7, "value": 21.5}


@pytest.fixture
def port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listener(port):
    return UdpConnector("127.0.0.1", port, [OVEN], ManualClock(NOW))


@pytest.fixture
def sender(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        yield sender


@pytest.fixture
def outlet(port, sender):
    """What a running connector hands over to; it has been heard already."""
    outlet, heard = MemoryOutlet(), threading.Event()
    with running(lambda stop: listener(port).run(outlet, stop)):
        while not outlet.rows():
            greet(sender)
            heard.wait(0.02)
        yield outlet


def greet(sender):
    """Send a line, to nobody perhaps: a sender is not told when a socket is bound."""
    try:
        sender.send(json.dumps(LINE | {"tag": "hello"}).encode())
    except ConnectionRefusedError:
        return


def test_a_datagram_is_a_reading(outlet, sender):
    sender.send(json.dumps(LINE).encode())
    outlet.wait_for(lambda told: ("temperature", 7, 21.5, 0) in told.rows())


def test_a_sender_without_a_clock_leaves_the_time_out(outlet, sender):
    sender.send(b'{"machine": "oven", "tag": "temperature", "value": 21.5}')
    outlet.wait_for(lambda told: ("temperature", NOW, 21.5, UNTIMED) in told.rows())


def test_a_datagram_may_hold_several_lines_and_garbage_is_rejected_alone(outlet, sender):
    sender.send("\n".join(json.dumps(LINE | {"ts": ts}) for ts in (7, 8)).encode())
    sender.send(b"\xff\x00 no line")
    outlet.wait_for(lambda told: told.reasons() == ["gap", "malformed_json"] and len(told.rows()) > 2)
    assert [row[1] for row in outlet.rows() if row[0] == "temperature"] == [7, 8]


def test_datagrams_that_found_no_room_are_put_on_record(port, sender, monkeypatch):
    """The receiver is held up while more is sent than its socket can keep."""
    outlet, held, go = MemoryOutlet(), threading.Event(), threading.Event()

    def hold(lines, received, zone, decode=udp.decode_lines):
        if lines and not held.is_set():
            held.set()
            assert go.wait(10)
        return decode(lines, received, zone)

    monkeypatch.setattr(udp, "decode_lines", hold)
    with running(lambda stop: listener(port).run(outlet, stop)):
        while not held.wait(0.02):
            greet(sender)
        for _ in range(400):
            sender.send(b" " * 9000)
        go.set()
        while len(outlet.reasons()) < 2:
            greet(sender)
            held.wait(0.02)
    assert outlet.reasons() == ["gap", "gap"]
    told = [(*batch.machine.to_list(), json.loads(batch.raw.to_list()[0])) for batch in outlet.refused]
    (first, before), (second, dropped) = told
    assert (first, before["why"], second) == ("oven", "nobody listened before", "oven")
    assert (dropped["from"], dropped["lost"] > 100) == ("1970-01-01T00:01:40Z", True)


def test_a_busy_address_ends_the_run_so_that_the_gateway_tries_again(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        with pytest.raises(OSError, match="in use"):
            listener(port).run(MemoryOutlet(), threading.Event())


def test_a_killed_gateway_is_a_gap_of_every_machine_that_spoke_here(port, sender):
    """What it tells of its state is known from before: nobody says what a machine tells over UDP."""
    told = (("oven", "execution"),)
    outlet, heard = MemoryOutlet(), threading.Event()
    outlet.memory = Memory({"oven": Standing(heard=NOW - 9, until=NOW - 5, told=told)})
    with running(lambda stop: listener(port).run(outlet, stop)):
        outlet.wait_for(lambda kept: kept.rows() == [("avail", NOW - 5, UNAVAILABLE, 0)])
        while not outlet.reasons():
            greet(sender)
            heard.wait(0.02)
    (raw,) = outlet.refused[0].raw.to_list()
    assert json.loads(raw) == {
        "from": "1970-01-01T00:01:39.999991Z",
        "to": "1970-01-01T00:01:40Z",
        "why": "the gateway was killed",
    }
    assert outlet.refused[0].machine.to_list() == ["oven"]
    avail = [value for tag, _, value, _ in outlet.rows() if tag == "avail"]
    assert avail == [UNAVAILABLE, "AVAILABLE", UNAVAILABLE]


def test_who_sends_but_numbers_vouches_for_no_state(outlet):
    assert [tag for tag, *_ in outlet.rows() if tag == "avail"] == []
    assert outlet.memory.saved() == {}


def test_drops_before_anybody_spoke_are_of_no_machine(port):
    outlet = MemoryOutlet()
    Speakers([OVEN], ManualClock(NOW)).skipped(outlet, "no room", 3)
    assert (outlet.refused[0].machine.to_list(), outlet.reasons()) == ([None], ["gap"])

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import defaultdict
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.catalog import Machine, Tag
from streams.clock import WallClock
from streams.connectors.blocks import plan
from streams.connectors.contact import Contact
from streams.connectors.points import Binding, Point
from streams.connectors.polling import Lost, PollingConnector, Refused
from streams.connectors.s7 import S7Link
from streams.connectors.s7_places import AT_ONCE, place
from streams.peers.s7 import S7Peer
from streams.records import UNTIMED
from streams.testing import heard, running, until

OVEN = Machine("oven", (Tag("heat"), Tag("count"), Tag("open"), Tag("program", numeric=False)))
HEAT = place("DB1.DBD4")
(HEAT_BLOCK,) = plan([HEAT], {"DB1": AT_ONCE})


def memory(heat=21.5, count=7, program=b"O123"):
    """Return a data block as a controller keeps it."""
    block = bytearray(64)
    block[0] = 0b1000
    struct.pack_into(">h", block, 2, count)
    struct.pack_into(">f", block, 4, heat)
    block[8 : 10 + len(program)] = bytes([16, len(program)]) + program
    return block


@pytest.fixture
def peer():
    with S7Peer({1: memory(), 7: bytearray(1000)}, bytearray(b"\x00\x2a" * 8)) as peer:
        yield peer


def connector(port, *places, interval=0.02, timeout=2.0):
    tags = dict(zip((one.address for one in places), ("heat", "count", "open", "program"), strict=False))
    points = [Point(address, "oven", tag) for address, tag in tags.items()]
    contact = Contact([OVEN], {("oven", tag) for tag in tags.values()}, WallClock())
    blocks = plan(places, defaultdict(lambda: AT_ONCE))
    return PollingConnector(
        "The S7",
        lambda: S7Link("127.0.0.1", port, 0, 1, timeout),
        blocks,
        Binding(points),
        contact,
        WallClock(),
        interval,
    )


def told(outlet):
    return {row[::2] for row in outlet.rows()}


def test_numbers_bits_and_strings_are_read_with_the_time_of_receipt(peer):
    places = (HEAT, place("DB1.DBW2"), place("DB1.DBX0.3"), place("DB1.DBB8", "string", 16))
    before = WallClock().now()
    with heard(connector(peer.port, *places)) as outlet:
        outlet.wait_for(lambda outlet: len(outlet.rows()) >= 4)
        struct.pack_into(">f", peer.blocks[1], 4, 22.5)
        outlet.wait_for(lambda outlet: ("heat", 22.5) in told(outlet))
    assert told(outlet) >= {("heat", 21.5), ("count", 7.0), ("open", 1.0), ("program", "O123")}
    assert {row[3] for row in outlet.rows()} == {UNTIMED}
    assert all(before <= row[1] <= WallClock().now() for row in outlet.rows())


def test_neighbours_are_read_in_one_request_and_far_ones_in_others(peer):
    source = connector(peer.port, HEAT, place("DB1.DBW2"), place("DB7.DBW900"), place("MW2"))
    assert [str(block) for block in source.blocks] == ["DB1.DBW2 to DB1.DBD4", "DB7.DBW900", "MW2"]
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: ("program", 42.0) in told(outlet))


def test_a_gateway_that_stops_leaves_its_machine_unavailable():
    mill = Machine("mill", (Tag("execution", numeric=False), Tag("avail", numeric=False)))
    contact = Contact([mill], {("mill", "execution")}, WallClock())
    points = [Point("DB1.DBB8", "mill", "execution")]
    blocks = plan([place("DB1.DBB8", "string", 16)], {"DB1": AT_ONCE})
    with S7Peer({1: memory(program=b"ACTIVE")}) as peer:
        link = partial(S7Link, "127.0.0.1", peer.port, 0, 1, 2.0)
        with heard(
            PollingConnector("S7", link, blocks, Binding(points), contact, WallClock(), 0.02)
        ) as outlet:
            outlet.wait_for(lambda outlet: ("execution", "ACTIVE") in told(outlet))
    assert outlet.rows()[-1][::2] == ("avail", "UNAVAILABLE")


def test_what_is_longer_than_an_answer_is_read_in_several(peer):
    link = S7Link("127.0.0.1", peer.port, 0, 1, 2.0)
    peer.blocks[7][:] = bytes(range(250)) * 4
    (block,) = plan([place("DB7.DBW0"), place("DB7.DBW996")], {"DB7": 1000}, gap=1000)
    assert link.read(block) == bytes(peer.blocks[7][:998])
    link.close()


def test_a_block_that_is_not_there_is_rejected_and_the_others_are_read(peer):
    source = connector(peer.port, HEAT, place("DB9.DBW2"), place("DB1.DBW100"))
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: outlet.reasons().count("refused_by_device") == 2 and outlet.rows())
        until(lambda: "The S7 refuses" in source.trouble)
    raws = [raw for batch in outlet.refused for raw in batch.raw.to_list()]
    assert any(raw.startswith("DB9.DBW2, read with DB9.DBW2: ") for raw in raws)


def test_a_controller_that_was_away_is_found_again_and_the_gap_is_on_record(peer):
    source = connector(peer.port, HEAT)
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: outlet.rows())
        peer.stop()
        until(lambda: "cannot be read" in source.trouble)
        before = len(outlet.rows())
        peer.start()
        outlet.wait_for(lambda outlet: len(outlet.rows()) > before)
    gaps = [json.loads(raw) for batch in outlet.refused for raw in batch.raw.to_list()]
    assert gaps[0]["from"] is None
    assert gaps[1]["from"] < gaps[1]["to"]
    assert "cannot be read" in gaps[1]["why"]


CONFIRM = bytes.fromhex("0300001611d00001000100c0010ac1020100c2020101")
SETUP = bytes.fromhex("0300001b02f080320300000001000800000000f0000001000100f0")


@contextmanager
def imposter(answer):
    """A controller that connects as one, and then answers as a test has it."""

    def talk(link):
        with link:
            for said in (CONFIRM, SETUP):
                if not link.recv(1000):
                    return
                link.sendall(said)
            try:
                while asked := link.recv(1000):
                    answer(link, asked)
            except OSError:
                return

    def serve(stop):
        server.settimeout(0.05)
        while not stop.is_set():
            try:
                link, _ = server.accept()
            except TimeoutError:
                continue
            link.settimeout(10)
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server, running(serve):
        yield server.getsockname()[1]


def test_a_controller_that_never_answers_is_given_up():
    with imposter(lambda link, asked: None) as port:
        source = connector(port, HEAT, timeout=0.2)
        with heard(source):
            until(lambda: source.trouble == "The S7 cannot be read: no answer within 0.2 s.")


def test_a_host_that_accepts_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = connector(server.getsockname()[1], HEAT, timeout=0.2)
        with heard(source):
            until(lambda: source.trouble == "The S7 cannot be read: no answer within 0.2 s.")


def test_nobody_there_is_told_as_the_system_says_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with heard(source := connector(port, HEAT)):
        until(lambda: source.trouble == "The S7 cannot be read: Connection refused.")


def test_an_answer_that_trickles_is_given_up_too():
    def trickle(link, _asked):
        link.sendall(b"\x03\x00\xff\xff")
        for _ in range(100):
            link.sendall(b"\x00")
            threading.Event().wait(0.05)

    with imposter(trickle) as port:
        link = S7Link("127.0.0.1", port, 0, 1, 0.3)
        with pytest.raises(Lost, match=r"no answer within 0\.3 s"):
            link.read(HEAT_BLOCK)
        link.close()


def framed(answer):
    """Return an answer as it goes over the wire."""
    return b"\x03\x00" + struct.pack(">H", len(answer) + 7) + b"\x02\xf0\x80" + answer


@pytest.mark.parametrize(
    ("error", "item", "raised"),
    [(b"\x00\x00", b"\x03\x00\x00\x00", Refused), (b"\x81\x04", b"", Lost)],
)
def test_a_controller_that_permits_nothing_is_told_with_what_to_set(error, item, raised):
    def answer(link, asked):
        head = b"\x32\x03\x00\x00" + asked[11:13] + struct.pack(">HH", 2, len(item))
        link.sendall(framed(head + error + b"\x04\x01" + item))

    with imposter(answer) as port:
        link = S7Link("127.0.0.1", port, 0, 1, 2.0)
        with pytest.raises(raised, match="is PUT/GET permitted in its settings"):
            link.read(HEAT_BLOCK)
        link.close()


@pytest.fixture(scope="module")
def babbler():
    """A controller that answers with what a test puts here."""
    said = [b""]
    with imposter(lambda link, _: (link.sendall(said[0]), link.shutdown(socket.SHUT_WR))) as port:
        yield port, said


ANSWER = b"\x32\x03\x00\x00\x00\x02\x00\x02"
"""How the answer to the first question begins."""
garbage = st.binary(max_size=60)
answers = garbage | garbage.map(framed) | garbage.map(lambda rest: framed(ANSWER + rest))


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(answers)
def test_whatever_is_answered_the_link_is_lost_or_the_block_refused(babbler, payload):
    port, said = babbler
    said[0] = payload
    link = S7Link("127.0.0.1", port, 0, 1, 10.0)
    try:
        link.read(HEAT_BLOCK)
    except (Lost, Refused):
        pass
    finally:
        link.close()

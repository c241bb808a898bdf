import asyncio
import contextlib
import queue
import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus import ModbusException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from streams.catalog import Machine, Tag
from streams.clock import WallClock
from streams.connectors.blocks import plan
from streams.connectors.contact import Contact
from streams.connectors.modbus import ModbusLink, payload
from streams.connectors.modbus_places import LIMITS, place
from streams.connectors.points import Binding, Point
from streams.connectors.polling import Lost, PollingConnector, Refused
from streams.records import UNTIMED
from streams.testing import MemoryOutlet, running

REGISTERS = [
    SimData(0, values=[-5, 1000], datatype=DataType.INT16),
    SimData(100, values=21.5, datatype=DataType.FLOAT32),
    SimData(102, values=-123456, datatype=DataType.INT32),
    SimData(104, values=1234567890123, datatype=DataType.UINT64),
    SimData(108, values=0.1, datatype=DataType.FLOAT64),
    SimData(112, values="O1234 ", datatype=DataType.STRING),
    SimData(115, values=[0x0008, 0x41AC, 0x0000], datatype=DataType.REGISTERS),
]
BITS = [SimData(10, values=[True, False, True, True], datatype=DataType.BITS)]
MACHINE = Machine("oven", (Tag("a"),))


@contextlib.contextmanager
def device(port=0, asked=lambda _sending, data: data):
    """Run pymodbus' own server in a thread; yield its port."""
    told = queue.SimpleQueue()

    async def serve():
        sim = SimDevice(1, simdata=(BITS, BITS, REGISTERS, REGISTERS))
        server = ModbusTcpServer([sim], address=("127.0.0.1", port), trace_packet=asked)
        await server.serve_forever(background=True)
        enough = asyncio.Event()
        told.put((server.transport.sockets[0].getsockname()[1], asyncio.get_running_loop(), enough))
        await enough.wait()
        await server.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    found, loop, enough = told.get(timeout=10)
    yield found
    loop.call_soon_threadsafe(enough.set)
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def port():
    with device() as port:
        yield port


def connector(port, points, interval=0.02, gap=0, timeout=2.0, **orders):
    """Build what reads (address, type) pairs; each is a tag named like its address."""
    places = [place(address, kind, length=3 if kind == "string" else 0, **orders) for address, kind in points]
    bound = [Point(address, "oven", address) for address, _ in points]
    contact = Contact([MACHINE], {("oven", address) for address, _ in points}, WallClock())
    return PollingConnector(
        "The oven",
        lambda: ModbusLink("127.0.0.1", port, 1, timeout),
        plan(places, LIMITS, gap),
        Binding(bound),
        contact,
        WallClock(),
        interval,
    )


def read(port, points, **options):
    """Return what one round of reading tells, by address."""
    outlet = MemoryOutlet()
    with running(lambda stop: connector(port, points, **options).run(outlet, stop)):
        outlet.wait_for(lambda told: told.batches)
    return {tag: value for tag, _, value, quality in outlet.rows() if quality == UNTIMED}


def test_every_type_of_every_table_is_read(port):
    points = [
        ("holding:0", "int16"),
        ("holding:0", "uint16"),
        ("input:1", None),
        ("holding:100", "float32"),
        ("holding:102", "int32"),
        ("holding:104", "uint64"),
        ("holding:108", "float64"),
        ("holding:112", "string"),
        ("holding:115.3", None),
        ("input:115.2", None),
        ("coil:10", None),
        ("coil:11", None),
        ("discrete:12", "bool"),
    ]
    told = read(port, points[1:])
    assert told == {
        "holding:0": 65531.0,
        "input:1": 1000.0,
        "holding:100": 21.5,
        "holding:102": -123456.0,
        "holding:104": 1234567890123.0,
        "holding:108": 0.1,
        "holding:112": "O1234",
        "holding:115.3": 1.0,
        "input:115.2": 0.0,
        "coil:10": 1.0,
        "coil:11": 0.0,
        "discrete:12": 1.0,
    }
    assert read(port, points[:1]) == {"holding:0": -5.0}


def test_the_order_of_words_and_bytes_is_the_devices():
    raw = struct.pack(">f", 21.5)
    orders = {
        ("big", "big"): raw,
        ("little", "big"): raw[2:] + raw[:2],
        ("big", "little"): raw[1::-1] + raw[:1:-1],
        ("little", "little"): raw[::-1],
    }
    for (words, octets), stored in orders.items():
        assert place("holding:1", "float32", 0, words, octets).read(stored) == 21.5
    assert place("holding:1", "string", 2, "little", "big").read(b"ABCD") == "ABCD"
    assert place("holding:1", "string", 2, "little", "little").read(b"BADC") == "ABCD"
    assert place("holding:1.0", None, 0, "big", "little").read(b"\x01\x00") == 1.0


def test_neighbours_travel_in_one_request():
    asked = []

    def listen(sending, data):
        if not sending:
            asked.append(data)
        return data

    with device(asked=listen) as port:
        read(port, [("holding:100", "float32"), ("holding:104", "uint64")], gap=2, interval=60)
    (request,) = asked
    assert request[7:] == struct.pack(">BHH", 3, 100, 8)


def test_an_address_that_does_not_exist_refuses_its_own_group_alone(port):
    outlet = MemoryOutlet()
    oven = connector(port, [("holding:0", None), ("holding:5000", None), ("holding:5001", None)])
    with running(lambda stop: oven.run(outlet, stop)):
        outlet.wait_for(lambda told: len(told.rows()) > 2)
        assert (
            oven.trouble
            == "The oven refuses holding:5000 to holding:5001 (illegal data address (exception 2))."
        )
    refused = [raw for some in outlet.refused for raw in some.raw.to_list() if "holding" in raw]
    assert [raw.split(",")[0] for raw in refused] == ["holding:5000", "holding:5001"]
    assert {tag for tag, *_ in outlet.rows()} == {"holding:0"}


def test_a_device_that_went_away_is_read_again_and_the_gap_is_on_record():
    outlet = MemoryOutlet()
    with device() as port:
        pass
    oven = connector(port, [("holding:0", None)], timeout=0.5)
    with running(lambda stop: oven.run(outlet, stop)):
        with device(port):
            outlet.wait_for(lambda told: told.rows())
        pause = threading.Event()
        while not oven.trouble:
            pause.wait(0.01)
        heard = len(outlet.rows())
        with device(port):
            outlet.wait_for(lambda told: len(told.rows()) > heard)
    assert outlet.reasons() == ["gap", "gap"]


class Hostile:
    """A peer that answers each request with bytes of a test's choice."""

    def __init__(self, answer):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self._answer = answer

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._link.close()
        self._thread.join(10)
        self.server.close()

    def _serve(self):
        self._link, _ = self.server.accept()
        with contextlib.suppress(OSError):
            while request := self._link.recv(300):
                for piece in self._answer(request):
                    self._link.sendall(piece)


def told_by(answer, address="holding:7", count=1, timeout=0.3):
    """Return what reading a block of a hostile peer ends in."""
    (block,) = plan([place(f"{address.split(':')[0]}:{7 + at}") for at in range(count)], LIMITS)
    with Hostile(answer) as peer, contextlib.closing(ModbusLink("127.0.0.1", peer.port, 1, timeout)) as link:
        try:
            return link.read(block)
        except (Lost, Refused) as exc:
            return type(exc), str(exc)


def framed(request, pdu, **changes):
    head = {"transaction": request[:2], "protocol": b"\0\0", "unit": request[6:7]} | changes
    length = changes.get("length", len(pdu) + 1)
    return head["transaction"] + head["protocol"] + struct.pack(">H", length) + head["unit"] + pdu


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: [],
        lambda request: [b"\0"],
        lambda request: [framed(request, b"\x03\x02\0\1", transaction=b"\xee\xee")],
        lambda request: [framed(request, b"\x03\x02\0\1", unit=b"\x09")],
        lambda request: [framed(request, b"\x03\x02\0\1", protocol=b"\0\1")],
        lambda request: [framed(request, b"\x03\x02\0\1", length=900)],
        lambda request: [framed(request, b"\x03\xff\0\1")],
        lambda request: [framed(request, b"\x7b\xff\0\1")],
        lambda request: [framed(request, b"\x03")],
        lambda request: [b"\xff" * 5000],
    ],
)
def test_what_is_no_answer_is_a_lost_connection_in_time(answer):
    kind, why = told_by(answer)
    assert kind is Lost
    assert why == "no answer to holding:7 within 0.3 s"


def test_an_answer_of_another_length_or_to_another_question_is_none():
    assert told_by(lambda request: [framed(request, b"\x03\x02\0\1")], count=2) == (
        Lost,
        "the answer to holding:7 to holding:8 holds 1 values, not 2",
    )
    assert told_by(lambda request: [framed(request, b"\x01\x02\0\1")], "coil:7") == (
        Lost,
        "the answer to coil:7 holds 16 values, not 8",
    )
    assert told_by(lambda request: [framed(request, b"\x04\x02\0\1")]) == (
        Lost,
        "the answer to holding:7 is one to another question, 4",
    )


def test_exceptions_are_refusals_but_for_those_of_a_gateway():
    assert told_by(lambda request: [framed(request, b"\x83\x06")]) == (Refused, "device busy (exception 6)")
    assert told_by(lambda request: [framed(request, b"\x83\x7e")]) == (Refused, "exception 126")
    assert told_by(lambda request: [framed(request, b"\x83\x0b")]) == (
        Lost,
        "its gateway cannot reach the device (exception 11) that has holding:7",
    )


def test_an_answer_in_small_pieces_is_read_and_one_that_never_ends_is_given_up():
    def pieces(request):
        return [bytes([one]) for one in framed(request, b"\x03\x02\0\x2a")]

    assert told_by(pieces) == b"\0\x2a"
    pause = threading.Event()

    def slow(request):
        for one in framed(request, b"\x03\x02\0\x2a"):
            pause.wait(0.1)
            yield bytes([one])

    assert told_by(slow) == (Lost, "no answer to holding:7 within 0.3 s")


@settings(max_examples=1000)
@given(
    st.binary(max_size=300), st.sampled_from(["coil", "discrete", "holding", "input"]), st.integers(1, 125)
)
def test_any_bytes_are_an_answer_a_refusal_or_none(frame, area, count):
    """What the client does with the bytes of an answer, without the socket."""
    (block,) = plan([place(f"{area}:{at}") for at in range(count)], LIMITS)
    framer = FramerSocket(DecodePDU(False))
    for received in (frame, b"\0\1\0\0" + struct.pack(">HB", len(frame) + 1, 1) + frame):
        with contextlib.suppress(ModbusException, Lost, Refused):
            _, answer = framer.handleFrame(received, 1, 1)
            if answer is not None:
                assert len(payload(answer, block)) in {count, 2 * count}


@pytest.mark.parametrize(
    ("address", "kind", "length", "says"),
    [
        ("40101", None, 0, "'40101' is no address of Modbus; write the table and the number, as holding:100"),
        (
            "holding:٣",
            None,
            0,
            "'holding:٣' is no address of Modbus; write the table and the number, as holding:100",
        ),
        ("holding:70000", None, 0, "holding:70000 ends behind the table's last number, 65535"),
        ("holding:65535", "int32", 0, "holding:65535 ends behind the table's last number, 65535"),
        ("holding:1.16", None, 0, "holding:1.16 is no bit of a register; they are .0 to .15"),
        ("coil:1.2", None, 0, "coil:1.2 is a bit of a bit; write coil:1"),
        ("coil:1", "int16", 0, "coil:1 is one bit, which is a bool and no int16"),
        ("holding:1", "bool", 0, "holding:1 is a register; write which of its bits, as holding:1.0"),
        (
            "holding:1",
            "string",
            0,
            "holding:1 is of type string: a string has a length, and nothing else has one",
        ),
        (
            "holding:1",
            "int16",
            2,
            "holding:1 is of type int16: a string has a length, and nothing else has one",
        ),
    ],
)
def test_an_address_that_is_none_says_what_to_write(address, kind, length, says):
    with pytest.raises(ValueError, match="^" + says.replace("(", r"\(").replace(".", r"\.") + "$"):
        place(address, kind, length)


@settings(max_examples=1000)
@given(st.text(max_size=20))
def test_any_text_is_an_address_or_a_sentence(address):
    with contextlib.suppress(ValueError):
        assert place(address).count == 1

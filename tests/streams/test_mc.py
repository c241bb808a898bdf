"""The peer is a server built from the published frames: no controller was ever there."""

import contextlib
import itertools
import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import Machine, Tag
from streams.clock import WallClock
from streams.connectors import mc_frames
from streams.connectors.blocks import plan
from streams.connectors.contact import Contact
from streams.connectors.mc import McLink
from streams.connectors.mc_frames import Route
from streams.connectors.mc_places import DEVICES, LIMITS, place
from streams.connectors.points import Binding, Point
from streams.connectors.polling import Lost, PollingConnector, Refused
from streams.records import UNTIMED
from streams.testing import MemoryOutlet, running

MACHINE = Machine("press", (Tag("a"),))


class Controller:
    """Answer batch reads of words and bits as the manual has it; ``spoil`` changes the bytes of an answer."""

    def __init__(self, words=None, bits=None, spoil=lambda answer: [answer]):
        self.words, self.bits, self.spoil = words or {}, bits or {}, spoil
        self.requests = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._links = []

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._thread.join(10)
        self._server.close()

    def hang_up(self):
        """End all connections."""
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                self._links.append(link)
                with link, contextlib.suppress(OSError, struct.error):
                    self._talk(link)

    def _talk(self, link):
        while head := link.recv(9, socket.MSG_WAITALL):
            subheader, route, length = head[:2], head[2:7], int.from_bytes(head[7:], "little")
            body = link.recv(length, socket.MSG_WAITALL)
            self.requests.append(head + body)
            end, data = (0xC059, b"") if subheader != b"P\0" else self._read(body)
            rest = end.to_bytes(2, "little") + (data if not end else route + body[2:6])
            for piece in self.spoil(b"\xd0\x00" + route + len(rest).to_bytes(2, "little") + rest):
                link.sendall(piece)

    def _read(self, body):
        _timer, command, sub = struct.unpack("<HHH", body[:6])
        first, code, count = int.from_bytes(body[6:9], "little"), body[9], int.from_bytes(body[10:], "little")
        if command != 0x0401 or sub not in {0, 1}:
            return 0xC059, b""
        memory = (self.bits if sub else self.words).get(code)
        if memory is None:
            return 0xC05B, b""
        if first + count > len(memory):
            return 0xC056, b""
        found = memory[first : first + count]
        if not sub:
            return 0, b"".join((one & 0xFFFF).to_bytes(2, "little") for one in found)
        pairs = itertools.zip_longest(found[::2], found[1::2], fillvalue=0)
        return 0, bytes(high << 4 | low for high, low in pairs)


def words(*stored):
    """Return words as they lie in a controller: the least significant first."""
    raw = b"".join(stored)
    return list(struct.unpack(f"<{len(raw) // 2}H", raw))


D = words(
    struct.pack("<hh", -5, 1000), struct.pack("<f", 21.5), struct.pack("<i", -123456), b"O1234 ", b"\x08\0"
)
CONTROLLER = {"words": {0xA8: D, 0xB4: [7] * 0x20}, "bits": {0x90: [1, 0, 1, 1], 0x9C: [0] * 15 + [1] * 3}}


def connector(port, points, inputs):
    places = [place(address, kind, 3 if kind == "string" else 0, inputs) for address, kind in points]
    contact = Contact([MACHINE], {("press", address) for address, _ in points}, WallClock())
    return PollingConnector(
        "The controller",
        lambda: McLink("127.0.0.1", port, Route(), 2.0),
        plan(places, LIMITS),
        Binding([Point(address, "press", address) for address, _ in points]),
        contact,
        WallClock(),
        0.02,
    )


@contextlib.contextmanager
def controlled(points, outlet, inputs="hex"):
    """Have a controller read; yield both ends."""
    with Controller(**CONTROLLER) as controller:
        press = connector(controller.port, points, inputs)
        with running(lambda stop: press.run(outlet, stop)):
            yield controller, press


def test_every_type_is_read():
    points = {
        ("D0", None): -5.0,
        ("D1", "uint16"): 1000.0,
        ("D2", "float32"): 21.5,
        ("D4", "int32"): -123456.0,
        ("D6", "string"): "O1234",
        ("D9.3", None): 1.0,
        ("D9.2", None): 0.0,
        ("W1F", "uint16"): 7.0,
        ("M0", None): 1.0,
        ("M1", None): 0.0,
        ("M2", None): 1.0,
        ("XF", None): 1.0,
        ("XE", None): 0.0,
    }
    outlet = MemoryOutlet()
    with controlled(list(points), outlet):
        outlet.wait_for(lambda told: told.batches)
    told = {tag: value for tag, _, value, quality in outlet.rows() if quality == UNTIMED}
    assert told == {address: value for (address, _), value in points.items()}


def test_a_request_is_what_the_manual_shows():
    """The manual's examples of batch read: M100 to M107 in bits, T100 to T102 in words (TN here)."""
    (bits,) = plan([place(f"M{number}") for number in range(100, 108)], LIMITS)
    (values,) = plan([place(f"TN{number}") for number in range(100, 103)], LIMITS)
    assert (
        mc_frames.ask(bits, Route(), 0x10).hex(" ")
        == "50 00 00 ff ff 03 00 0c 00 10 00 01 04 01 00 64 00 00 90 08 00"
    )
    assert mc_frames.ask(values, Route(), 0x10)[11:].hex(" ") == "01 04 00 00 64 00 00 c2 03 00"
    assert mc_frames.payload(bytes.fromhex("0000 0001 0011"), bits) == bytes([0, 0, 0, 1, 0, 0, 1, 1])
    assert mc_frames.payload(bytes.fromhex("0000 3412 0200 ef1d"), values) == bytes.fromhex("3412 0200 ef1d")


def test_octal_inputs_are_the_ones_that_are_meant():
    outlet = MemoryOutlet()
    with controlled([("X17", None)], outlet, "octal"):
        outlet.wait_for(lambda told: told.batches)
    assert outlet.rows()[0][2] == 1.0


def test_what_the_controller_refuses_is_rejected_and_the_rest_goes_on():
    outlet = MemoryOutlet()
    with controlled([("D0", None), ("D9000", None), ("R5", None)], outlet) as (_, press):
        outlet.wait_for(lambda told: len(told.rows()) > 2)
        assert press.trouble == (
            "The controller refuses D9000 (beyond its range (end code C056)), "
            "R5 (that device cannot be read (end code C05B))."
        )
    assert {tag for tag, *_ in outlet.rows()} == {"D0"}
    assert outlet.reasons() == ["gap", "refused_by_device", "refused_by_device"]


def test_a_connection_that_ends_is_made_again_and_the_gap_is_on_record():
    outlet = MemoryOutlet()
    with controlled([("D0", None)], outlet) as (controller, _):
        outlet.wait_for(lambda told: told.rows())
        controller.hang_up()
        outlet.wait_for(lambda told: told.reasons() == ["gap", "gap"])


def spoiled(spoil):
    """Return what it ends in to read a word of a controller whose answers are spoiled."""
    (block,) = plan([place("D0")], LIMITS)
    with contextlib.ExitStack() as both:
        peer = both.enter_context(Controller(**CONTROLLER, spoil=spoil))
        link = both.enter_context(contextlib.closing(McLink("127.0.0.1", peer.port, Route(), 0.3)))
        try:
            return link.read(block)
        except (Lost, Refused) as exc:
            return type(exc), str(exc)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda answer: [], "no whole answer within 0.3 s"),
        (lambda answer: [answer[:5]], "no whole answer within 0.3 s"),
        (lambda answer: [answer[:-1]], "no whole answer within 0.3 s"),
        (
            lambda answer: [b"\xd4" + answer[1:]],
            "the answer begins with d4 00 00 ff ff 03 00 04 00, which is no answer in 3E frames and binary",
        ),
        (
            lambda answer: [answer[:3] + b"\x07" + answer[4:]],
            "the answer begins with d0 00 00 07 ff 03 00 04 00, which is no answer in 3E frames and binary",
        ),
        (
            lambda answer: [answer[:7] + b"\xff\xff"],
            "the answer says to have 65535 bytes more, which none can have",
        ),
        (
            lambda answer: [answer[:7] + b"\x01\x00\x00"],
            "the answer says to have 1 bytes more, which none can have",
        ),
        (lambda answer: [answer[:7] + b"\x02\x00\x00\x00"], "the answer to D0 holds 0 bytes, not 2"),
        (lambda answer: [answer[:7] + b"\x05\x00" + bytes(5)], "the answer to D0 holds 3 bytes, not 2"),
    ],
)
def test_what_is_no_answer_is_a_lost_connection_in_time(spoil, says):
    assert spoiled(spoil) == (Lost, says)


def test_an_answer_in_small_pieces_is_read_and_one_that_comes_too_slowly_is_given_up():
    assert spoiled(lambda answer: [bytes([one]) for one in answer]) == b"\xfb\xff"
    pause = threading.Event()

    def slow(answer):
        for one in answer:
            pause.wait(0.1)
            yield bytes([one])

    assert spoiled(slow) == (Lost, "no whole answer within 0.3 s")


def test_an_end_code_that_nobody_knows_is_told_as_it_is():
    assert spoiled(lambda answer: [answer[:9] + b"\x34\x12" + answer[11:]]) == (Refused, "end code 1234")


@settings(max_examples=1000)
@given(
    st.binary(min_size=9, max_size=9),
    st.binary(min_size=2, max_size=2000),
    st.sampled_from(sorted(DEVICES)),
    st.data(),
)
def test_any_bytes_are_an_answer_a_refusal_or_none(head, rest, name, data):
    count = data.draw(st.integers(1, LIMITS[name]))
    last = f"{count - 1:X}" if DEVICES[name].base == 16 else str(count - 1)
    (block,) = plan([place(f"{name}0"), place(name + last)], LIMITS, gap=4000)
    with contextlib.suppress(Lost):
        assert 2 <= mc_frames.rest_of(head, Route()) <= mc_frames.LARGEST
    for told in (rest, b"\0\0" + rest):
        with contextlib.suppress(Lost, Refused):
            assert len(mc_frames.payload(told, block)) == count * (1 if DEVICES[name].is_bit else 2)


@pytest.mark.parametrize(
    ("address", "kind", "inputs", "says"),
    [
        ("Q1", None, "hex", "'Q1' is no device that can be read; write it as D100, M8, X1F or D100.F"),
        ("d100", None, "hex", "'d100' is no device that can be read; write it as D100, M8, X1F or D100.F"),
        ("D1F", None, "hex", "D1F is not numbered in decimal digits, as its device is"),
        ("X8", None, "octal", "X8 is not numbered in octal digits, as its device is"),
        ("M1.2", None, "hex", "M1.2 is a bit of a bit; write M1"),
        ("M1", "int16", "hex", "M1 is one bit, which is a bool and no int16"),
        ("D1", "bool", "hex", "D1 is a word; write which of its bits, as D1.0"),
        ("D1", "string", "hex", "D1 is of type string: a string has a length, and nothing else has one"),
    ],
)
def test_an_address_that_is_none_says_what_to_write(address, kind, inputs, says):
    with pytest.raises(ValueError) as told:
        place(address, kind, 0, inputs)
    assert str(told.value) == says


@settings(max_examples=1000)
@given(
    st.one_of(st.text(max_size=12), st.from_regex(r"[A-Z]{1,2}[0-9A-F]{1,7}(\.[0-9A-F])?", fullmatch=True))
)
def test_any_text_is_an_address_or_a_sentence(address):
    with contextlib.suppress(ValueError):
        assert 0 <= place(address).first <= 0xFFFFFF

from __future__ import annotations

import json
import stat
import threading
from contextlib import suppress

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.connectors import numbered
from streams.connectors.curve import (
    ClientKeys,
    Doorman,
    KeyFileError,
    ServerKeys,
    judge,
    read_secret,
    write_secret,
)
from streams.connectors.numbered import MESSAGE_LIMIT, Numbered, Reply
from streams.connectors.zeromq import Refusals, ZmqConnector
from streams.connectors.zeromq_sender import NameTaken, ZmqSender
from streams.log.wire import unpack, unpack_answer
from streams.peers.ports import free_port
from streams.testing import MemoryOutlet, running

TIMEOUT = 60


@pytest.fixture
def outlet():
    return MemoryOutlet()


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/sensors.sock"


def line(value):
    return json.dumps({"machine": "rig", "tag": "x", "ts": 1, "value": value}).encode()


def values(outlet):
    return [value for _, _, value, _ in outlet.rows()]


def test_numbered_messages_are_taken_in_order_and_known_to_be_safe(endpoint, outlet):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), ZmqSender(endpoint, "rig") as sender:
        assert [sender.add(b"json", line(value)) for value in range(5)] == [1, 2, 3, 4, 5]
        assert sender.flush(TIMEOUT)
        assert (sender.floor, sender.waiting, sender.trouble) == (5, 0, "")
    assert values(outlet) == [0, 1, 2, 3, 4]


def test_a_numbered_waveform_is_one_entry_and_its_repeat_none(endpoint, outlet):
    told = {"machine": "rig", "sensor": "bearing", "ts": 1, "rate_hz": 100, "samples": [1, 2]}
    message = numbered.pack(Numbered(b"waveform-json", "rig", 1, 0, json.dumps(told).encode()))
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), asking(endpoint) as socket:
        for _ in range(2):
            socket.send_multipart(message)
            assert numbered.unpack_reply(socket.recv_multipart()) == Reply(1, b"ok")
    assert [found.samples.tolist() for found in outlet.recorded] == [[[1.0, 2.0]]]


def test_a_repeat_after_the_gateway_died_is_taken_once(endpoint, outlet):
    """The log knows the message, the gateway that answers the repeat does not."""
    message = numbered.pack(Numbered(b"json", "pump-7", 1, 0, line(1)))
    for _ in range(2):
        with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), asking(endpoint) as socket:
            socket.send_multipart(message)
            assert numbered.unpack_reply(socket.recv_multipart()) == Reply(1, b"ok")
    assert values(outlet) == [1]


def test_a_message_that_overtook_others_is_not_taken_before_them(endpoint, outlet):
    first, second = (numbered.pack(Numbered(b"json", "p", number, 0, line(number))) for number in (1, 2))
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), asking(endpoint) as socket:
        for message in (second, first, second):
            socket.send_multipart(message)
        answered = [numbered.unpack_reply(socket.recv_multipart()).number for _ in range(2)]
    assert answered == [1, 2]
    assert values(outlet) == [1, 2]


def asking(endpoint):
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 1000 * TIMEOUT)
    socket.connect(endpoint)
    return Asking(context, socket)


class Asking:
    """A bare socket that is gone at the end of the block."""

    def __init__(self, context, socket):
        self._context, self._socket = context, socket

    def __enter__(self):
        return self._socket

    def __exit__(self, *_):
        self._socket.close()
        self._context.term()


def test_a_message_that_cannot_be_read_keeps_its_number_and_is_told(endpoint, outlet):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), ZmqSender(endpoint, "rig") as sender:
        sender.add(b"arrow", b"no arrow")
        sender.add(b"json", line(2))
        assert sender.flush(TIMEOUT)
    assert list(sender.refused) == [1]
    assert sender.refused[1].startswith("the bytes are not Arrow batches")
    assert outlet.reasons() == ["unreadable"]
    assert values(outlet) == [2]


def test_good_and_bad_lines_of_one_message_are_one_entry(endpoint, outlet):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), ZmqSender(endpoint, "rig") as sender:
        sender.add(b"json", b"{half a li\n" + line(3))
        assert sender.flush(TIMEOUT)
    assert (values(outlet), outlet.reasons(), outlet.numbers) == ([3], ["malformed_json"], {sender.name: 1})


def test_a_name_that_another_sender_has_used_is_given_up(endpoint, outlet):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        for count in (2, 1):
            with ZmqSender(endpoint, "pump", floor=0) as sender:
                for value in range(count):
                    sender.add(b"json", line(value))
                if count == 2:
                    assert sender.flush(TIMEOUT)
                    continue
                with pytest.raises(NameTaken, match="take another name"):
                    sender.flush(TIMEOUT)


def test_a_sender_that_kept_its_messages_goes_on_where_it_was(endpoint, outlet):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        with ZmqSender(endpoint, "pump", floor=0) as sender:
            sender.add(b"json", line(1))
            sender.add(b"json", line(2))
            assert sender.flush(TIMEOUT)
        with ZmqSender(endpoint, "pump", floor=1) as again:
            assert again.add(b"json", line(2)) == 2
            assert again.add(b"json", line(3)) == 3
            assert again.flush(TIMEOUT)
    assert values(outlet) == [1, 2, 3]


class FullOutlet(MemoryOutlet):
    """An outlet whose log takes nothing for the first messages."""

    def __init__(self, times):
        super().__init__()
        self._times = times

    def relay(self):
        relay, send = super().relay(), super().relay().send

        def full(*message):
            if self._times:
                self._times -= 1
                return "the log is full"
            return send(*message)

        relay.send = full
        relay.answers = send.__self__.answers
        return relay


def test_a_sender_that_is_asked_to_wait_sends_again(endpoint):
    outlet = FullOutlet(2)
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), ZmqSender(endpoint, "rig") as sender:
        sender.add(b"json", line(1))
        while not sender.trouble:
            sender.work(0.05)
        assert sender.trouble == "the log is full"
        assert sender.flush(TIMEOUT)
        assert sender.trouble == ""
    assert values(outlet) == [1]


def test_a_message_is_refused_when_it_is_on_disk_and_not_before(endpoint):
    """Who forgets what was refused must not be asked for it again."""
    outlet = FullOutlet(1)
    message = numbered.pack(Numbered(b"nonsense", "press", 1, 0, b"x"))
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), asking(endpoint) as socket:
        for _ in range(2):
            socket.send_multipart(message)
        answers = [numbered.unpack_reply(socket.recv_multipart()) for _ in range(3)]
    assert [answer.verdict for answer in answers] == [b"wait", b"refused", b"ok"]
    assert {answer.number for answer in answers} == {1}
    assert outlet.reasons() == ["unreadable"]


def test_refusals_wait_for_their_answer_in_bounds(monkeypatch):
    monkeypatch.setattr("streams.connectors.zeromq.REMEMBERED", 3)
    refusals = Refusals()
    for sender, number in (("a", 2), ("b", 5), ("b", 3), ("b", 3)):
        refusals.note(sender, number, f"why {number}")
    assert refusals.take("a", 1) == refusals.take("c", 1) == []
    assert refusals.take("b", 4) == [(3, "why 3")]
    for number in (7, 6, 8):
        refusals.note("c", number, f"why {number}")
    assert refusals.take("a", 9) == refusals.take("b", 9) == []
    assert refusals.take("c", 9) == [(6, "why 6"), (7, "why 7"), (8, "why 8")]
    for number in range(1, 5):
        refusals.note("c", number, "")
    assert refusals.take("c", 9) == []


def test_a_sender_remembers_the_newest_refusals_only(endpoint, outlet, monkeypatch):
    monkeypatch.setattr("streams.connectors.zeromq_sender.REMEMBERED", 2)
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), ZmqSender(endpoint, "rig") as sender:
        for _ in range(4):
            sender.add(b"nonsense", b"")
        assert sender.flush(TIMEOUT)
    assert list(sender.refused) == [3, 4]


@pytest.mark.parametrize(
    "frames",
    [
        [b"json", b"", numbered.HEAD.pack(1, 0), b""],
        [b"json", b"a b", numbered.HEAD.pack(1, 0), b""],
        [b"json", b"p", numbered.HEAD.pack(1, 1), b""],
        [b"json", b"\xff", numbered.HEAD.pack(1, 0), b""],
        [b"json", b"p", b"short", b""],
        [b"1", b"2", b"3", b"4", b"5"],
    ],
)
def test_a_message_of_another_shape_is_kept_as_reject_and_disturbs_nobody(endpoint, outlet, frames):
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), asking(endpoint) as socket:
        socket.send_multipart(frames)
        outlet.wait_for(lambda kept: kept.reasons() == ["malformed_message"])
        with ZmqSender(endpoint, "rig") as sender:
            sender.add(b"json", line(1))
            assert sender.flush(TIMEOUT)


def test_an_oversized_message_cuts_its_own_connection_only(endpoint, outlet, monkeypatch):
    monkeypatch.setattr("streams.connectors.zeromq.MESSAGE_LIMIT", 10_000)
    connector, ended = ZmqConnector(endpoint), threading.Event()
    with running(lambda stop: connector.run(outlet, stop)), asking(endpoint) as socket:
        socket.send_multipart(numbered.pack(Numbered(b"json", "big", 1, 0, line(1) + b" " * 10_001)))
        with ZmqSender(endpoint, "rig") as sender:
            sender.add(b"json", line(2))
            assert sender.flush(TIMEOUT)
            while not connector.counters["disconnects"]:
                assert not ended.wait(0.01)
    assert values(outlet) == [2]


def test_a_sender_refuses_what_would_cut_its_connection_for_ever(endpoint):
    with ZmqSender(endpoint, "rig") as sender:
        with pytest.raises(ValueError, match="is too large; send it in parts of 8388608 at the most"):
            sender.add(b"json", bytes(MESSAGE_LIMIT + 1))
        assert sender.waiting == 0


@pytest.fixture
def keys(tmp_path):
    """The keys of an endpoint with one client, and that client's."""
    server = write_secret(tmp_path / "server.key")
    client = write_secret(tmp_path / "client.key")
    clients = ServerKeys(read_secret(tmp_path / "server.key"), {client: "press"})
    return clients, ClientKeys(read_secret(tmp_path / "client.key"), server.encode())


def test_only_known_keys_come_in_and_others_are_not_disturbed(endpoint, outlet, keys):
    server, client = keys
    _, secret = zmq.curve_keypair()
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with (
        running(lambda stop: ZmqConnector(endpoint, lambda: server).run(outlet, stop)),
        ZmqSender(endpoint, "press", client) as known,
        ZmqSender(endpoint, "thief", ClientKeys(secret, client.server)) as stranger,
        ZmqSender(endpoint, "plain") as plain,
    ):
        for sender in (stranger, plain, known):
            sender.add(b"json", line(1))
        assert known.flush(TIMEOUT)
        outlet.wait_for(lambda kept: "unknown_key" in kept.reasons())
        assert not stranger.flush(0.2)
        assert not plain.flush(0.2)
    assert values(outlet) == [1]
    assert outlet.reasons() == ["unknown_key"]
    assert outlet.refused[0].raw.to_list() == [f"127.0.0.1 {zmq.curve_public(secret).decode()}"]


def test_a_key_sends_under_its_own_name_only(outlet, keys):
    server, client = keys
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with (
        running(lambda stop: ZmqConnector(endpoint, lambda: server).run(outlet, stop)),
        ZmqSender(endpoint, "press", client) as honest,
        ZmqSender(endpoint, "mill", client) as other,
    ):
        other.add(b"json", line(1))
        while not other.trouble:
            other.work(0.05)
        honest.add(b"json", line(2))
        assert honest.flush(TIMEOUT)
    assert other.trouble.startswith("the key of press sends as press or press:..., not as mill:")
    assert values(outlet) == [2]


def test_strangers_are_counted_and_told_once(keys):
    server, _ = keys
    with zmq.Context() as context, context.socket(zmq.REP) as socket, context.socket(zmq.REQ) as asker:
        doorman = Doorman(socket, server.clients)
        asker.connect("inproc://zeromq.zap.01")
        told = []
        for _ in range(3):
            asker.send_multipart([b"1.0", b"1", b"", b"10.0.0.9", b"", b"CURVE", bytes(32)])
            socket.poll(1000 * TIMEOUT)
            told += doorman.attend()
            assert asker.recv_multipart()[2] == b"400"
    assert told == [("10.0.0.9", "0" * 40)]
    assert list(doorman.refused.values()) == [3]


def test_a_key_file_is_for_its_owner_alone_and_never_overwritten(tmp_path):
    path = tmp_path / "our.key"
    public = write_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert zmq.curve_public(read_secret(path)).decode() == public
    with pytest.raises(KeyFileError, match="is there already"):
        write_secret(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="run: chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    path.write_text("no key")
    with pytest.raises(KeyFileError, match="make one with: seamline connect keys"):
        read_secret(path)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_secret(tmp_path / "none")
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_secret(tmp_path / "no" / "folder")


NAMES = st.from_regex(numbered.NAME, fullmatch=True)
FRAMES = st.lists(st.binary(max_size=80), max_size=7)
HEADS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.binary(min_size=16, max_size=17),
        st.binary(min_size=32, max_size=32),
        st.sampled_from([b"json", b"arrow", b"ok", b"1.0"]),
    ),
    max_size=8,
)


@settings(max_examples=1000)
@given(st.one_of(FRAMES, HEADS))
def test_any_frames_are_read_or_refused(frames):
    for decode in (numbered.unpack, numbered.unpack_reply, unpack, unpack_answer):
        with suppress(ValueError):
            decode(frames)
    answer, _ = judge(frames, {})
    assert answer[2] == b"400"


@settings(max_examples=1000)
@given(st.builds(Numbered, st.binary(), NAMES, st.integers(5, 2**64 - 1), st.integers(0, 4), st.binary()))
def test_a_message_is_what_was_packed(message):
    assert numbered.unpack(numbered.pack(message)) == message

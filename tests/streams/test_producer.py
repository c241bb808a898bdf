from __future__ import annotations

import threading
from contextlib import closing

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.errors import LogError
from streams.log.marks import mark_consumed
from streams.log.producer import ZmqProducer
from streams.log.reader import FileLogReader
from streams.log.relay import AWAY, BEHIND, LogRelay
from streams.log.server import LogServer
from streams.log.window import Window
from streams.log.wire import Answer, Message, pack, pack_answer, unpack, unpack_answer
from streams.log.writer import LogWriter
from streams.testing import running, until


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/appender.sock"


@pytest.fixture
def producer(endpoint):
    producer = ZmqProducer(endpoint, "line-1", "test", window=10)
    yield producer
    producer.close()


class Appender:
    """A log server that a test starts and stops."""

    def __init__(self, folder, endpoint, **limits):
        self.folder, self.endpoint, self.limits = folder, endpoint, limits
        self.told = []

    def __enter__(self):
        self.writer = LogWriter(self.folder, ManualClock(), **self.limits)
        self.server = LogServer(self.endpoint, "line-1", self.writer, self.told.append)
        self.run = running(self.server.run)
        self.run.__enter__()
        return self

    def __exit__(self, *_):
        self.run.__exit__(None, None, None)
        self.server.__exit__()
        self.writer.close()


@pytest.fixture
def appender(tmp_path, endpoint):
    return Appender(tmp_path / "log", endpoint)


def payloads(folder):
    reader = FileLogReader(folder)
    entries = reader.read(0, 1 << 30)
    reader.close()
    return [entry.payload for entry in entries if entry.kind != Kind.TICK]


def test_acknowledged_entries_are_in_the_log(appender, producer):
    with appender:
        assert producer.send(Kind.READINGS, b"one") == 1
        assert producer.send(Kind.VERDICT, b"two") == 2
        assert producer.wait(2, 10)
        assert producer.acknowledged() == 2
        assert payloads(appender.folder) == [b"one", b"two"]
        assert producer.trouble is None


def test_entries_wait_for_an_appender_that_comes_later(appender, producer):
    producer.send(Kind.READINGS, b"early")
    assert producer.trouble == f"The log appender at {appender.endpoint} does not answer."
    assert not producer.flush(0.01)
    with appender:
        assert producer.flush(10)
    assert payloads(appender.folder) == [b"early"]


def test_a_restarted_appender_gets_every_entry_once(appender, producer):
    for round_ in range(4):
        for index in range(5):
            producer.send(Kind.READINGS, b"%d" % (5 * round_ + index))
        with appender:
            producer.wait(5 * round_ + 3, 10)
    with appender:
        assert producer.flush(10)
    assert payloads(appender.folder) == [b"%d" % index for index in range(20)]


def test_many_threads_share_a_producer(appender, producer):
    def send_some():
        for _ in range(50):
            producer.send(Kind.READINGS, b"x")

    threads = [threading.Thread(target=send_some) for _ in range(4)]
    with appender:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert producer.flush(10)
    assert len(payloads(appender.folder)) == 200


def test_a_full_window_blocks_until_the_appender_answers(appender, producer):
    for _ in range(10):
        producer.send(Kind.READINGS, b"x")
    eleventh = threading.Thread(target=producer.send, args=(Kind.READINGS, b"eleventh"))
    eleventh.start()
    eleventh.join(0.05)
    assert eleventh.is_alive()
    with appender:
        eleventh.join(10)
        assert producer.flush(10)
    assert payloads(appender.folder)[-1] == b"eleventh"


def test_closing_frees_a_blocked_sender(endpoint):
    producer = ZmqProducer(endpoint, "line-1", "test", window=1)
    producer.send(Kind.READINGS, b"x")
    failed = []

    def send():
        try:
            producer.send(Kind.READINGS, b"y")
        except LogError as exc:
            failed.append(str(exc))

    thread = threading.Thread(target=send)
    thread.start()
    producer.close()
    thread.join(10)
    assert failed == ["The producer is closed: the entry was not sent."]


def test_a_full_log_is_waited_for_and_its_reason_told(tmp_path, endpoint, producer):
    with Appender(tmp_path / "log", endpoint, max_bytes=4_000) as appender:
        sent = 0
        while not producer.trouble:
            sent = producer.send(Kind.READINGS, bytes(500))
            producer.wait(sent, 0.1)
        assert "takes no more entries" in producer.trouble
        assert "until its shard catches up" in appender.told[0]
        assert producer.acknowledged() < sent
        mark_consumed(appender.folder, producer.acknowledged())
        assert producer.flush(10)
        assert producer.trouble is None
        assert appender.told[-1] is None


def test_a_full_log_goes_on_ticking_so_that_its_shard_can_free_it(tmp_path, endpoint, producer):
    with Appender(tmp_path / "log", endpoint, max_bytes=4_000) as appender:
        while not producer.trouble:
            producer.wait(producer.send(Kind.READINGS, bytes(500)), 0.1)
        full, reader = producer.acknowledged(), FileLogReader(appender.folder)
        before = reader.end
        while reader.end < before + 4:
            assert producer.acknowledged() == full
            threading.Event().wait(0.02)
        assert [entry.kind for entry in reader.read(before, 1 << 20)][:4] == [Kind.TICK] * 4
        assert len(appender.told) == 1
        mark_consumed(appender.folder, before + 3)
        assert producer.flush(10)
        assert appender.told[1:] == [None]
        reader.close()


def test_a_log_of_another_name_is_refused(appender, endpoint):
    stranger = ZmqProducer(endpoint, "line-2", "test")
    try:
        with appender:
            stranger.send(Kind.READINGS, b"x")
            assert not stranger.flush(0.3)
            assert stranger.trouble == "This appender keeps the log 'line-1', not 'line-2'."
        assert payloads(appender.folder) == []
    finally:
        stranger.close()


def test_what_is_no_entry_is_counted(appender, producer):
    with appender, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(appender.endpoint)
        socket.send_multipart([b"no", b"entry"])
        socket.send_multipart([b"line-1", b"p", bytes([99]) + bytes(16), b""])
        socket.send_multipart(pack(Message("line-1", "p/1", Kind.READINGS, 1, 0, b"x")))
        assert unpack_answer(socket.recv_multipart()) == Answer(1, producer="p/1")
        assert appender.server.malformed == 2


def test_entries_that_overtook_others_are_not_taken(appender):
    """Only what follows what the producer knows to be on disk may be the first of it."""
    with appender, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(appender.endpoint)
        for sequence, floor in [(6, 3), (4, 3), (6, 3), (5, 3), (4, 4), (6, 5)]:
            message = Message("line-1", "p/1", Kind.READINGS, sequence, floor, b"%d" % sequence)
            socket.send_multipart(pack(message))
        answer = Answer(0)
        while answer.sequence < 6:
            answer = unpack_answer(socket.recv_multipart())
    assert payloads(appender.folder) == [b"4", b"5", b"6"]


MIB = bytes(1 << 20)


def passed_on(relay, number, payload=MIB):
    """Pass an entry on as soon as the appender is there; return why it cannot be done all the same."""
    while (reason := relay.send("press", number, 0, Kind.READINGS, payload)) == AWAY:
        threading.Event().wait(0.01)
    return reason


def passed_on_in_the_end(relay, number, payload=MIB):
    """Pass an entry on, hearing answers until there is room for it."""
    heard = []
    until(lambda: heard.extend(relay.answers()) or not passed_on(relay, number, payload))


@pytest.mark.parametrize("first", [1, 2], ids=["in order", "overtakers, which have no answer"])
def test_what_is_on_its_way_to_an_appender_that_does_not_keep_up_is_bounded_by_bytes(
    tmp_path, endpoint, first
):
    writer = LogWriter(tmp_path / "log", ManualClock())
    relay, server = LogRelay(endpoint, "line-1", "sensors"), LogServer(endpoint, "line-1", writer)
    with closing(writer), closing(relay), server:
        assert [passed_on(relay, number) for number in range(first, first + 64)] == [""] * 64
        assert passed_on(relay, first + 64) == BEHIND
        with running(server.run):
            passed_on_in_the_end(relay, first + 64)
    assert bool(payloads(tmp_path / "log")) == (first == 1)


def test_what_died_with_the_appender_does_not_hold_its_senders_up(tmp_path, endpoint):
    writer = LogWriter(tmp_path / "log", ManualClock())
    with closing(writer), closing(LogRelay(endpoint, "line-1", "sensors")) as relay:
        with LogServer(endpoint, "line-1", writer):
            assert [passed_on(relay, number) for number in range(1, 65)] == [""] * 64
        with LogServer(endpoint, "line-1", writer) as server, running(server.run):
            passed_on_in_the_end(relay, 1)
            until(lambda: [*relay.answers()] == [Answer(1, producer="press")])


def test_one_entry_may_always_be_on_its_way_however_large(appender, endpoint, monkeypatch):
    monkeypatch.setattr("streams.log.relay.UNDERWAY_BYTES", 1000)
    large = bytes(1001)
    with appender, closing(LogRelay(endpoint, "line-1", "sensors")) as relay:
        for number in (1, 2):
            passed_on_in_the_end(relay, number, large)
    assert payloads(appender.folder)[0] == large


@given(st.lists(st.sampled_from(["add", "send", "acknowledge", "rewind"]), max_size=60), st.data())
def test_a_window_offers_entries_in_order_and_none_is_left_out(steps, data):
    window, added, offered = Window(5, 1_000), 0, 0
    for step in steps:
        if step == "add" and not window.full:
            added += 1
            assert window.add(Kind.READINGS, b"x") == added
        elif step == "send" and (entry := window.next()):
            assert entry.sequence == offered + 1
            window.sent()
            offered += 1
        elif step == "acknowledge":
            sequence = data.draw(st.integers(0, offered))
            before = window.floor
            assert window.acknowledge(sequence) == (sequence > before)
            offered = max(offered, window.floor)
        elif step == "rewind":
            window.rewind()
            offered = window.floor
        assert len(window) == added - window.floor


def test_a_window_is_full_by_bytes_too():
    window = Window(100, 10)
    window.add(Kind.READINGS, bytes(10))
    assert window.full
    assert window.acknowledge(1)
    assert not window.full
    assert not window.acknowledge(1)


def test_messages_come_back_as_they_were():
    message = Message("line-1", "shdr/ab", Kind.REJECTS, 2**40, 7, b"payload")
    assert unpack(pack(message)) == message
    for answer in (Answer(7), Answer(8, "The disk is full.")):
        assert unpack_answer(pack_answer(answer)) == answer

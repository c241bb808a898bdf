from __future__ import annotations

import errno
import threading
from contextlib import ExitStack, closing, suppress
from unittest.mock import Mock

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import ManualClock
from streams.connectors.curve import ClientKeys, ServerKeys
from streams.log import remote, remote_wire
from streams.log.abc import Entry, Kind
from streams.log.errors import LogDamaged, LogError, LogGap
from streams.log.files import segments
from streams.log.marks import COMMITTED, CONSUMED, Mark, mark_consumed
from streams.log.reader import FileLogReader
from streams.log.remote import RemoteLog
from streams.log.remote_server import RemoteServer
from streams.log.remote_wire import Reply, Request
from streams.log.writer import LogWriter
from streams.peers import endless
from streams.peers.ports import free_port
from streams.testing import running, until


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    node.close()


class Node:
    """A node that writes a log and serves it, unless it is away."""

    def __init__(self, root):
        self.folder, self.endpoint = root / "log", f"ipc://{root}/log.sock"
        self.clock = ManualClock(1_000)
        self.writer = LogWriter(self.folder, self.clock, 20_000, 4_000)
        self._serving = ExitStack()
        self.server = None

    def serve(self, **more):
        more = {"partition": "line-1", "endpoint": self.endpoint} | more
        self.server = self._serving.enter_context(RemoteServer(folder=self.folder, **more))
        self._serving.enter_context(running(self.server.run))

    def leave(self):
        self._serving.close()

    def write(self, count):
        for _ in range(count):
            self.clock.time += 10
            self.writer.append(Kind.READINGS, b"%d" % self.clock.time * 20, "p/1", self.writer.position + 1)
            self.writer.commit()
        return self.writer.position

    def reader(self, **more):
        return closing(RemoteLog(self.endpoint, "line-1", **more))

    def close(self):
        self.leave()
        self.writer.close()


def read_on(reader, after, limit=1_000):
    found = []
    while entries := reader.read(after, limit):
        found += entries
        after = found[-1].position
    return found


def test_a_request_without_end_is_cut_and_others_are_answered(node):
    place = ("127.0.0.1", free_port())
    node.serve(endpoint="tcp://{}:{}".format(*place))
    with endless.connect(place, b"DEALER") as link:
        assert endless.pour(link, 500, size=4000) < 500
    until(lambda: node.server.malformed == 1)
    with closing(RemoteLog("tcp://{}:{}".format(*place), "line-1")) as reader:
        assert read_on(reader, 0) == []


def test_a_reader_elsewhere_reads_what_one_here_reads(node):
    node.write(50)
    node.serve()
    with node.reader() as far, closing(FileLogReader(node.folder)) as near:
        assert read_on(far, 0) == read_on(near, 0)
        assert (far.first, far.end) == (near.first, near.end) == (1, 50)
        assert [far.find(time) for time in (0, 1_015, 1_500, 9_999)] == [0, 1, 49, 50]
        assert read_on(far, 40)[0].position == 41


def test_a_reader_follows_as_the_log_grows(node):
    node.serve()
    with node.reader() as reader:
        assert read_on(reader, 0) == []
        assert reader.end == 0
        for count in (3, 1, 4):
            before = node.writer.position
            node.write(count)
            assert [entry.position for entry in read_on(reader, before)] == list(
                range(before + 1, before + count + 1)
            )


def test_a_reader_goes_on_when_the_node_is_back(node, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE", 0.05)
    node.write(10)
    node.serve()
    with node.reader() as reader:
        assert read_on(reader, 0)[-1].position == 10
        node.leave()
        assert reader.read(10, 1_000) == ()
        assert reader.end == 10
        reader.committed(10)
        node.write(5)
        node.serve()
        while not (found := reader.read(10, 1_000)):
            pass
        assert found[0].position == 11
        assert reader.end == 15


def test_a_node_that_never_answers_is_an_error(node, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE", 0.02)
    monkeypatch.setattr(remote, "PATIENCE", 0.05)
    with node.reader() as reader:
        for ask in (
            lambda: reader.read(0, 1),
            lambda: reader.end,
            lambda: reader.first,
            lambda: reader.find(1),
        ):
            with pytest.raises(LogError, match="does not answer; see that its node runs"):
                ask()


def test_entries_that_are_gone_are_a_gap(node):
    node.write(50)
    mark_consumed(node.folder, 10**6)
    node.write(130)
    node.serve()
    with node.reader() as reader:
        assert reader.first == segments(node.folder)[0].first > 1
        with pytest.raises(LogGap, match="start from a newer snapshot"):
            reader.read(0, 1_000)
        assert reader.read(reader.first - 1, 1)[0].position == reader.first


def test_what_is_done_elsewhere_is_marked_here(node):
    node.write(3)
    node.serve()
    with node.reader() as reader:
        reader.consumed(2)
        reader.committed(3)
    for name, position in ((CONSUMED, 2), (COMMITTED, 3)):
        with closing(Mark(node.folder / name)) as mark:
            assert mark.read() == position


def test_what_nobody_can_have_read_is_not_marked(node):
    end = node.write(30)
    node.serve()
    with node.reader() as reader:
        with pytest.raises(LogError, match=f"The log ends at {end}, before {2**63}"):
            reader.consumed(2**63)
        reader.committed(end + 1)
        reader.committed(end)
    with (
        closing(RemoteLog(node.endpoint, "line-2")) as other,
        pytest.raises(LogError, match="keeps the log 'line-1'"),
    ):
        other.consumed(end)
    for name, position in ((CONSUMED, 0), (COMMITTED, end)):
        with closing(Mark(node.folder / name)) as mark:
            assert mark.read() == position


def test_another_log_and_a_damaged_one_are_told(node):
    node.write(30)
    node.serve()
    other, complaint = RemoteLog(node.endpoint, "line-2"), "keeps the log 'line-1', not 'line-2'"
    with closing(other) as reader, pytest.raises(LogError, match=complaint):
        reader.read(0, 1_000)
    path = segments(node.folder)[0].path
    path.write_bytes(path.read_bytes()[:50] + b"\xff" + path.read_bytes()[51:])
    with node.reader() as reader, pytest.raises(LogError, match="is unreadable"):
        reader.read(0, 1_000)


def test_a_disk_that_fails_for_one_reader_is_told_to_it_and_the_others_are_answered(node, monkeypatch):
    node.write(1)
    node.serve()
    broken = OSError(errno.EMFILE, "Too many open files")
    with node.reader() as reader, monkeypatch.context() as patch:
        patch.setattr(FileLogReader, "find", Mock(side_effect=broken))
        with pytest.raises(LogError, match="The log's disk fails: Too many open files; see to the node"):
            reader.find(1)
        assert reader.read(0, 1)[0].position == 1


def test_bytes_that_were_changed_on_the_way_are_noticed(node, monkeypatch):
    node.write(1)
    node.serve()
    monkeypatch.setattr(remote_wire, "pack_entries", lambda entries: b"rubbish")
    with node.reader() as reader, pytest.raises(LogDamaged, match="is damaged"):
        reader.read(0, 1_000)


def test_several_threads_may_ask(node):
    node.write(40)
    node.serve()
    wrong = []
    with node.reader() as reader:

        def ask():
            found = [(reader.read(after, 1)[0].position, reader.end) for after in range(39)]
            wrong.extend(pair for after, pair in enumerate(found) if pair != (after + 1, 40))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_many_readers_find_their_places_again(node, monkeypatch):
    monkeypatch.setattr("streams.log.remote_server.READERS", 1)
    node.write(10)
    node.serve()
    with node.reader() as one, node.reader() as two:
        for after in range(9):
            assert one.read(after, 1)[0].position == two.read(after, 1)[0].position == after + 1


def test_only_known_keys_read(node, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE", 0.5)
    monkeypatch.setattr(remote, "PATIENCE", 0.4)
    (server_public, server), (public, secret), (_, strange) = (zmq.curve_keypair() for _ in range(3))
    refused = []
    node.write(1)
    node.endpoint = f"tcp://127.0.0.1:{free_port()}"
    keys = ServerKeys(server, {public.decode(): "node-2"})
    node.serve(keys=keys, refused=refused.append, endpoint=node.endpoint)
    with node.reader(keys=ClientKeys(strange, server_public)) as stranger, pytest.raises(LogError):
        stranger.read(0, 1)
    with node.reader(keys=ClientKeys(secret, server_public)) as known:
        assert known.read(0, 1)[0].position == 1
    assert [one.address for one in refused] == ["127.0.0.1"]


def test_an_endpoint_that_is_taken_is_named(node, tmp_path):
    node.serve(endpoint=(taken := f"tcp://127.0.0.1:{free_port()}"))
    second = RemoteServer(taken, "line-1", node.folder)
    with pytest.raises(LogError, match=r"cannot be served at .* choose another"), second:
        pass


def test_what_is_no_request_is_counted_and_disturbs_nobody(node):
    node.write(1)
    node.serve()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(node.endpoint)
        socket.send_multipart([b"what", b"is", b"this"])
        socket.send_multipart(remote_wire.pack(Request(1, "line-1", b"read", (0, 1))))
        assert remote_wire.unpack_reply(socket.recv_multipart()).word == b"ok"
    assert node.server.malformed == 1


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.integers(0, 2**64 - 1),
        st.sampled_from(Kind),
        st.integers(-(2**63), 2**63 - 1),
        st.text(max_size=20),
        st.binary(max_size=50),
    ),
    max_size=5,
)
REQUESTS = st.one_of(
    st.builds(Request, st.integers(0, 2**64 - 1), st.text(max_size=9), st.just(b"read"),
              st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))),
    st.builds(Request, st.just(1), st.text(max_size=9), st.just(b"extent"), st.just(())),
)  # fmt: skip


@settings(max_examples=1000)
@given(ENTRIES, REQUESTS, st.binary(max_size=30))
def test_what_travels_comes_back_as_it_was(entries, request, body):
    assert remote_wire.unpack_entries(remote_wire.pack_entries(entries)) == entries
    assert remote_wire.unpack(remote_wire.pack(request)) == request
    assert remote_wire.unpack_reply(remote_wire.pack_reply(Reply(7, b"gap", body))) == Reply(7, b"gap", body)


FRAME = st.one_of(
    st.binary(max_size=90), st.binary(min_size=8, max_size=8), st.sampled_from([b"read", b"ok"])
)


@settings(max_examples=1000)
@given(st.lists(FRAME, max_size=5), ENTRIES, st.data())
def test_any_bytes_are_read_or_refused(frames, entries, data):
    whole = bytearray(remote_wire.pack_entries(entries))
    if whole:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    for decode, given_ in (
        (remote_wire.unpack, frames),
        (remote_wire.unpack_reply, frames),
        (remote_wire.unpack_entries, b"".join(frames)),
        (remote_wire.unpack_entries, bytes(whole)),
    ):
        with suppress(ValueError):
            decode(given_)

from __future__ import annotations

import asyncio
import random
import threading
import time
from contextlib import closing, contextmanager
from itertools import pairwise

import nats
import numpy as np
import pytest

from streams.clock import ManualClock, WallClock
from streams.log.abc import Entry, Kind
from streams.log.errors import LogAway, LogDamaged, LogError, LogFull, LogGap
from streams.log.jetstream import JetStreamLog, JetStreamWriter, Stream
from streams.log.jetstream import reader as reader_module
from streams.log.jetstream import writer as writer_module
from streams.log.jetstream.link import FOREIGN
from streams.log.jetstream.testing import Server, cluster
from streams.log.mixed import rejects
from streams.log.producer import ZmqProducer
from streams.log.segments import encode
from streams.log.server import LogServer
from streams.records import Readings
from streams.records import decode as decode_batch
from streams.records import encode as encode_batch
from streams.testing import running, until

TIMEOUT = 60
PAYLOAD = b"x" * 1_000


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Give up a question when the client does, not before: a busy machine's disk stands still for seconds."""
    monkeypatch.setattr(reader_module, "ASK_SECONDS", TIMEOUT)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for all tests that leave it alone."""
    server = Server(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def serve(tmp_path):
    """Start a server with settings of a test's own."""
    started = []

    def start(**settings):
        started.append(Server(tmp_path, **settings))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def own(serve):
    """A server that a test may kill."""
    return serve()


@pytest.fixture
def stream(shared, request):
    return Stream((shared.url,), request.node.name.replace("[", "-").replace("]", ""))


@pytest.fixture
def clock():
    return ManualClock(1_000)


def write(writer, count, clock=None, producer="p/1"):
    """Append so many entries, a group each three."""
    for _ in range(count):
        if clock:
            clock.time += 10
        sequence = (writer.last_sequence(producer) or 0) + 1
        writer.append(Kind.READINGS, b"%d" % sequence, producer, sequence)
        if sequence % 3 == 0:
            writer.commit()
    return writer.commit()


def read_to(reader, end, after=0, limit=1_000):
    found = []
    deadline = time.monotonic() + TIMEOUT
    while after < end:
        assert time.monotonic() < deadline, f"only {len(found)} entries came"
        if entries := reader.read(after, limit):
            found += entries
            after = found[-1].position
        else:
            threading.Event().wait(0.002)
    return found


def test_what_is_committed_is_read_in_order_with_its_stamps(stream, clock):
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        assert reader.read(0, 1_000) == []
        assert (reader.first, reader.end) == (1, 0)
        assert writer.append(Kind.READINGS, b"one", "shdr/a", 1) == 1
        clock.time = 500
        assert writer.append(Kind.TICK, b"") == 2
        assert writer.commit() == 2
        first, second = read_to(reader, 2)
        assert first == (1, Kind.READINGS, 1_000, "shdr/a", b"one")
        assert second == (2, Kind.TICK, 1_000, "", b"")
        assert writer.commit() == writer.position == 2


def test_a_reader_follows_resumes_and_goes_back(stream, clock):
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        end = write(writer, 500)
        assert [entry.position for entry in read_to(reader, end)] == list(range(1, 501))
        end = write(writer, 10)
        assert [entry.position for entry in read_to(reader, end, 500)] == list(range(501, 511))
        assert read_to(reader, end, 17)[0].position == 18
        assert reader.read(end, 1_000) == []
    with closing(JetStreamLog(stream)) as again:
        assert read_to(again, end, 400)[0].payload == b"401"


def test_a_restart_goes_on_where_the_last_one_ended_and_drops_repeats(stream, clock, monkeypatch):
    monkeypatch.setattr(writer_module, "SAVE_EVERY", 7)
    with closing(JetStreamWriter(stream, clock)) as writer:
        write(writer, 20, clock)
        write(writer, 5, clock, "other/2")
        before = (writer.position, writer.received)
    clock.time = 0
    with closing(JetStreamWriter(stream, clock)) as writer:
        assert (writer.position, writer.received) == before
        assert (writer.last_sequence("p/1"), writer.last_sequence("other/2")) == (20, 5)
        assert writer.append(Kind.READINGS, b"again", "p/1", 20) is None
        assert writer.append(Kind.READINGS, b"new", "p/1", 21) == 26
        assert writer.commit() == 26
        assert writer.received == before[1]


def test_times_are_found(stream, clock):
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        write(writer, 20, clock)
        assert [reader.find(time) for time in (0, 1_010, 1_011, 1_105, 1_200, 9_999)] == [0, 0, 1, 10, 19, 20]


def test_a_full_stream_refuses_until_its_oldest_entries_are_consumed(stream, clock):
    small = Stream(stream.servers, stream.name, max_bytes=60_000)
    with closing(JetStreamWriter(small, clock)) as writer, closing(JetStreamLog(small)) as reader:
        with pytest.raises(LogFull, match="takes no more entries until its shard catches up"):
            for sequence in range(1, 1_000):
                writer.append(Kind.READINGS, PAYLOAD, "p/1", sequence)
                writer.commit()
        kept = writer.position
        assert 20 < kept < 60
        reader.consumed(kept - 5)
        assert reader.first == kept - 4
        writer.append(Kind.READINGS, PAYLOAD, "p/1", kept + 1)
        assert writer.commit() == kept + 1
        with pytest.raises(LogGap, match="was removed"):
            read_to(reader, kept)
        assert read_to(reader, kept + 1, reader.first - 1)[0].position == kept - 4


def test_a_group_of_which_a_part_was_taken_is_neither_lost_nor_doubled(stream, clock):
    small = Stream(stream.servers, stream.name, max_bytes=30_000)
    with closing(JetStreamWriter(small, clock)) as writer, closing(JetStreamLog(small)) as reader:
        for sequence in range(1, 101):
            writer.append(Kind.READINGS, PAYLOAD, "p/1", sequence)
        with pytest.raises(LogFull):
            writer.commit()
        assert writer.last_sequence("p/1") is None
        writer.append(Kind.READINGS, PAYLOAD, "p/1", 1)
        with pytest.raises(LogAway, match="send again what was not acknowledged"):
            writer.commit()
        taken = writer.last_sequence("p/1")
        assert 0 < taken == writer.position < 100
        reader.consumed(taken)
        for sequence in range(taken + 1, taken + 4):
            writer.append(Kind.READINGS, PAYLOAD, "p/1", sequence)
        assert writer.commit() == taken + 3


def test_two_appenders_do_not_write_over_each_other(stream, clock):
    with (
        closing(JetStreamWriter(stream, clock)) as one,
        closing(JetStreamWriter(stream, clock)) as other,
        closing(JetStreamLog(stream)) as reader,
    ):
        write(one, 4)
        other.append(Kind.READINGS, b"mine", "q/1", 1)
        other.append(Kind.READINGS, b"too", "q/1", 2)
        with pytest.raises(LogAway, match="refuses an entry"):
            other.commit()
        other.append(Kind.TICK, b"")
        with pytest.raises(LogAway, match="is back"):
            other.commit()
        assert other.last_sequence("p/1") == 4
        other.append(Kind.READINGS, b"mine", "q/1", 1)
        assert other.commit() == 5
        assert [entry.payload for entry in read_to(reader, 5)] == [b"1", b"2", b"3", b"4", b"mine"]


def test_what_somebody_else_publishes_is_an_entry_that_nobody_can_read(stream, clock):
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        write(writer, 1)
        publish(stream, b"hello")
        with pytest.raises(LogAway):
            write(writer, 1)
        with pytest.raises(LogAway):
            write(writer, 1)
        assert write(writer, 1) == 3
        entry = read_to(reader, 3)[1]
        assert (entry.kind, entry.producer, entry.payload) == (Kind.REJECTS, FOREIGN, b"hello")
        assert abs(entry.received - WallClock().now()) < 60_000_000
        assert reader.find(999_999_999_999_999_999) == 3


def publish(stream, data):
    async def once():
        client = await nats.connect(stream.servers[0])
        await client.jetstream().publish(stream.subject, data)
        await client.close()

    asyncio.run(once())


def test_entries_of_another_place_are_damage(stream, clock):
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        write(writer, 1)
        publish(stream, tick_at(7))
        with pytest.raises(LogDamaged, match="begin with a new stream"):
            read_to(reader, 2)


def tick_at(position):
    return encode(Entry(position, Kind.TICK, 0, "", b""), 0)


def test_a_server_that_takes_small_messages_only_is_told_off(serve, clock):
    server = serve(max_payload="1MB")
    with pytest.raises(LogError, match="set max_payload: 16MB"):
        JetStreamWriter(Stream((server.url,), "small"), clock)
    with closing(JetStreamLog(Stream((server.url,), "small"))) as reader:
        for _ in range(2):
            with pytest.raises(LogError, match="set max_payload: 16MB"):
                assert reader.end


def test_a_password_is_asked_and_another_server_is_tried(serve, clock):
    server = serve(authorization="{user: plant, password: secret}")
    nowhere = "nats://127.0.0.1:1"
    with pytest.raises(LogAway, match="does not answer"):
        JetStreamWriter(Stream((server.url,), "line"), clock)
    known = Stream((nowhere, server.url), "line", user="plant", password="secret")
    with closing(JetStreamWriter(known, clock)) as writer:
        assert write(writer, 1) == 1


def test_a_server_that_is_away_is_an_error_at_first_and_silence_later(own, clock, monkeypatch):
    monkeypatch.setattr(reader_module, "EXTENT_SECONDS", 0.0)
    stream = Stream((own.url,), "line")
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        write(writer, 3)
        assert len(read_to(reader, 3)) == 3
        assert reader.end == 3
        own.kill()
        assert (reader.read(3, 1_000), reader.end) == ([], 3)
        reader.consumed(2)
        with pytest.raises(LogAway, match="does not answer"):
            write(writer, 1)
        with pytest.raises(LogAway):
            JetStreamWriter(stream, clock)
        with closing(JetStreamLog(stream)) as other, pytest.raises(LogAway):
            assert other.end
        own.start()
        while writer.position < 4:
            try:
                write(writer, 1)
            except LogAway:
                threading.Event().wait(0.05)
        assert read_to(reader, 4, 3)[0].payload == b"4"


class Traffic:
    """Two producers that send through an appender to a stream; what they were promised is kept once."""

    def __init__(self, stream, folder):
        self.stream, self.endpoint, self.sent = stream, f"ipc://{folder}/appender.sock", {}

    @contextmanager
    def flowing(self):
        """Send as long as the block lasts; the value is one of the producers."""
        stop, writer = threading.Event(), JetStreamWriter(self.stream, WallClock())
        with LogServer(self.endpoint, "line", writer) as server, running(server.run):
            producers = [ZmqProducer(self.endpoint, "line", name, window=100) for name in ("one", "two")]
            threads = [threading.Thread(target=self.keep_sending, args=(one, stop)) for one in producers]
            for thread in threads:
                thread.start()
            try:
                yield producers[0]
            finally:
                stop.set()
                for thread in threads:
                    thread.join(TIMEOUT)
            assert all(one.flush(TIMEOUT) for one in producers)
            for one in producers:
                one.close()
        self.end = writer.position
        writer.close()

    def keep_sending(self, one, stop):
        count = 0
        while not stop.is_set():
            count = one.send(Kind.READINGS, b"%d" % (count + 1))
        self.sent[one.producer] = count

    def check(self):
        """Read the stream: everything is there once, in order."""
        with closing(JetStreamLog(self.stream)) as reader:
            found = read_to(reader, self.end, limit=1 << 20)
        assert [entry.position for entry in found] == list(range(1, self.end + 1))
        assert all(later.received >= entry.received for entry, later in pairwise(found))
        kept = {}
        for entry in found:
            if entry.kind == Kind.READINGS:
                kept.setdefault(entry.producer, []).append(entry.payload)
        assert kept == {
            name: [b"%d" % index for index in range(1, count + 1)] for name, count in self.sent.items()
        }


def test_killed_at_random_the_server_loses_nothing_acknowledged_and_doubles_nothing(own, tmp_path):
    """Two producers send through an appender while the server is killed four times."""
    traffic, chance = Traffic(Stream((own.url,), "line"), tmp_path), random.Random(3)
    with traffic.flowing() as one:
        for _ in range(4):
            assert one.wait(one.acknowledged() + chance.randrange(1, 300), TIMEOUT)
            own.kill()
            threading.Event().wait(chance.random() / 5)
            own.start()
    traffic.check()


@pytest.fixture
def three(tmp_path):
    """Three servers that keep streams together, by name."""
    servers = cluster(tmp_path, ("north", "east", "west"))
    for server in servers.values():
        server.start()
    yield servers
    for server in servers.values():
        server.kill()


def told_of(stream):
    """Return what the servers say of a stream, None while none leads it."""

    async def once():
        client = await nats.connect(list(stream.servers), connect_timeout=TIMEOUT)
        try:
            return (await client.jetstream().stream_info(stream.name)).cluster
        except nats.errors.Error:
            return None
        finally:
            await client.close()

    return asyncio.run(once())


def leader(stream, lost=""):
    """Wait until somebody leads a stream who was not lost, and return their name."""
    for _ in range(TIMEOUT):
        told = told_of(stream)
        if told is not None and told.leader not in (None, "", lost):
            return told.leader
        threading.Event().wait(0.5)
    raise AssertionError("nobody leads the stream")


def whole(stream):
    """Return whether somebody leads a stream, and both others hold all that the leader holds."""
    told = told_of(stream)
    return told is not None and len(told.replicas or ()) == 2 and all(one.current for one in told.replicas)


def opened(stream):
    try:
        JetStreamWriter(stream, WallClock()).close()
    except LogAway:
        return False
    return True


@pytest.mark.timeout(300)
def test_three_servers_that_lose_their_leaders_lose_nothing_acknowledged_and_double_nothing(three, tmp_path):
    """The leader is killed in the middle of traffic, and the one after it once the first is whole again."""
    stream, chance = (
        Stream(tuple(server.url for server in three.values()), "line", replicas=3),
        random.Random(5),
    )
    until(lambda: opened(stream))
    traffic = Traffic(stream, tmp_path)
    with traffic.flowing() as one:
        for _ in range(2):
            until(lambda: whole(stream))
            assert one.wait(one.acknowledged() + chance.randrange(100, 300), TIMEOUT)
            lost = leader(stream)
            three[lost].kill()
            assert one.wait(one.acknowledged() + 300, TIMEOUT)
            assert leader(stream, lost) in three
            three[lost].start()
    traffic.check()


def test_what_is_not_read_waits_at_the_server(stream, clock, monkeypatch):
    held, rest = [], JetStreamLog._rest

    async def resting(reader):
        held.append(reader._bytes)
        await rest(reader)

    monkeypatch.setattr(reader_module, "HELD_BYTES", 5_000)
    monkeypatch.setattr(JetStreamLog, "_rest", resting)
    with closing(JetStreamWriter(stream, clock)) as writer, closing(JetStreamLog(stream)) as reader:
        for sequence in range(1, 101):
            writer.append(Kind.READINGS, PAYLOAD, "p/1", sequence)
        end = writer.commit()
        assert reader.read(0, 1)[0].position == 1
        until(lambda: sum(size > 5_000 for size in held) > 2)
        assert max(held) == 6_000
        assert len(read_to(reader, end, 1)) == 99


def large(rows):
    """Return readings of so many rows, in disorder, and their payload: 17 bytes a row at the least."""
    ts = np.random.default_rng(3).permutation(rows) + 1_700_000_000_000_000
    readings = Readings.numbers(["press"] * rows, ["load", "speed"] * (rows // 2), ts, np.arange(rows) / 7)
    return readings, encode_batch(readings.to_arrow())


def readings_of(entries):
    return [Readings.from_arrow(decode_batch(entry.payload)) for entry in entries]


def test_an_entry_too_large_for_a_message_becomes_several_and_holds_nobody_up(stream, clock):
    readings, payload = large(1_500_000)
    writer = JetStreamWriter(stream, clock)
    assert len(payload) > 2 * writer._link.room
    writer.append(Kind.READINGS, payload, "big/1", 1)
    last = writer.append(Kind.READINGS, b"good", "good/1", 1)
    assert writer.commit() == last == 5
    assert (writer.last_sequence("big/1"), writer.last_sequence("good/1")) == (1, 1)
    with closing(JetStreamLog(stream)) as log:
        entries = everything(log, last)
    pieces = readings_of(entries[:-1])
    order = np.argsort(readings.ts, kind="stable")
    assert np.array_equal(np.concatenate([piece.ts for piece in pieces]), readings.ts[order])
    assert np.array_equal(np.concatenate([piece.value for piece in pieces]), readings.value[order])
    assert entries[-1].payload == b"good"
    writer.close()


def everything(log, last):
    found = []
    until(lambda: len(found.extend(log.read(len(found), 1 << 30)) or found) == last)
    return found


@pytest.mark.parametrize("landed", [1, 3])
def test_pieces_that_landed_before_the_connection_was_lost_do_not_land_twice(stream, clock, landed):
    readings, payload = large(1_500_000)
    writer = JetStreamWriter(stream, clock)
    write(writer, 3)
    writer.append(Kind.READINGS, payload, "big/1", 1)
    del writer._pending[landed:]  # the others never left
    writer._sequences.drop()
    writer._link.run(writer._publish(writer._pending), TIMEOUT)
    writer.close()
    writer = JetStreamWriter(stream, clock)
    assert writer.last_sequence("big/1") is None
    writer.append(Kind.READINGS, payload, "big/1", 1)
    assert writer.commit() == 7
    assert writer.last_sequence("big/1") == 1
    writer.append(Kind.READINGS, payload, "big/1", 2)
    assert writer.commit() == 11
    with closing(JetStreamLog(stream)) as log:
        pieces = readings_of(everything(log, 11)[3:7])
    assert sum(map(len, pieces)) == len(readings)
    writer.close()


def test_what_cannot_be_cut_is_refused_with_a_reason_and_holds_nobody_up(stream, clock):
    writer = JetStreamWriter(stream, clock)
    writer.append(Kind.VERDICT, bytes(20 << 20), "gate/1", 1)
    assert writer.commit() == 1
    assert writer.last_sequence("gate/1") == 1
    with closing(JetStreamLog(stream)) as log:
        (entry,) = everything(log, 1)
    found = rejects(entry.payload)
    assert entry.kind is Kind.REJECTS
    assert found.reason.to_list() == ["too_large"]
    assert found.raw.to_list() == [
        "verdict of 20971520 bytes; the log's servers take 15728640 in a message",
    ]
    writer.close()


def config(server, name, **settings):
    """Return how a stream is kept; make it first, if there are settings."""

    async def ask():
        client = await nats.connect(server.url)
        js = client.jetstream()
        if settings:
            await js.add_stream(name=name, subjects=[f"seamline.log.{name}"], **settings)
        found = (await js.stream_info(name)).config
        await client.close()
        return found

    return asyncio.run(ask())


def test_a_stream_that_is_there_is_made_as_the_plant_file_has_it(shared, clock):
    config(shared, "made", max_msgs=50, max_age=3600, max_bytes=1 << 20)
    wanted = Stream((shared.url,), "made", max_bytes=200 << 20)
    writer = JetStreamWriter(wanted, clock)
    found = config(shared, "made")
    assert (found.max_bytes, found.max_msgs, found.max_age) == (200 << 20, -1, 0)
    assert (found.discard, found.deny_delete) == ("new", True)
    assert write(writer, 60) == 60
    with closing(JetStreamLog(wanted)) as log:
        assert len(everything(log, 60)) == 60
    writer.close()


@pytest.mark.parametrize(
    ("settings", "wanted", "told"),
    [
        ({"retention": "workqueue"}, {}, "has retention workqueue instead of limits"),
        ({"storage": "memory"}, {}, "has storage memory instead of file"),
        ({"discard": "new"}, {"replicas": 3}, "has num_replicas 1 instead of 3"),
    ],
)
def test_a_stream_that_cannot_be_made_so_is_refused(shared, clock, request, settings, wanted, told):
    name = f"other-{abs(hash(told))}"
    config(shared, name, **settings)
    with pytest.raises(LogError, match=f"{told}.*does not change that .*: mend the plant file"):
        JetStreamWriter(Stream((shared.url,), name, **wanted), clock)


def test_a_reader_leaves_a_stream_as_it_is(shared):
    config(shared, "read", max_msgs=50, discard="new")
    with closing(JetStreamLog(Stream((shared.url,), "read"))) as log:
        assert log.end == 0
    assert config(shared, "read").max_msgs == 50

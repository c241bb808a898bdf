from __future__ import annotations

import asyncio
import json
import shutil
import socket
import struct
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.catalog import Machine, Tag
from streams.clock import WallClock
from streams.connectors.contact import Contact
from streams.connectors.opcua import OpcUaConnector
from streams.connectors.opcua_client import OpcUaError, Security, Server, connected, fingerprint
from streams.connectors.opcua_session import Pace
from streams.connectors.points import Binding, Point
from streams.peers.opcua import NAMESPACE, OpcUaPeer, identity
from streams.records import SNAPSHOT, UNCERTAIN
from streams.testing import MemoryOutlet, heard, running, source_times, until

TAGS = ("force", "count", "clamped", "program", "execution", "avail", "profile", "absent", "later")
WORDS = {"program", "execution", "avail"}
PRESS = Machine("press", tuple(Tag(name, name not in WORDS) for name in TAGS))
PACE = Pace(sampling=10, publishing=20)
POLICIES = {
    ("Basic256Sha256", "SignAndEncrypt"): ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ("Aes128Sha256RsaOaep", "Sign"): ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
    ("Aes256Sha256RsaPss", "SignAndEncrypt"): ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
}


@pytest.fixture(scope="module")
def server():
    with OpcUaPeer() as peer:
        yield peer


@pytest.fixture
def peer(server):
    """The server, its force as it was; to start one takes as long as many tests."""
    server.set("Press.force", 1.5)
    return server


def connector(server, tags=("force",), pace=PACE, namespace=f"nsu={NAMESPACE}"):
    points = [Point(f"{namespace};s=Press.{tag}", "press", tag) for tag in tags]
    clock = WallClock()
    contact = Contact([PRESS], {("press", tag) for tag in tags}, clock)
    return OpcUaConnector(server, Binding(points), contact, clock, pace)


def told(outlet):
    """Return tag and value of all readings."""
    return [row[::2] for row in outlet.rows()]


def gaps(outlet):
    raws = [raw for batch in outlet.refused for raw in batch.raw.to_list() if raw.startswith('{"from"')]
    return [json.loads(raw) for raw in raws]


def test_numbers_words_and_switches_are_told_with_the_times_of_their_source(peer):
    now = datetime.now(UTC)
    for tag, value in {"count": 7, "clamped": True, "program": "O123"}.items():
        peer.set(f"Press.{tag}", value, SourceTimestamp=now)
    with heard(connector(Server(peer.endpoint), ("force", "count", "clamped", "program"))) as outlet:
        outlet.wait_for(lambda outlet: len(outlet.rows()) == 4)
        peer.set("Press.count", 8, SourceTimestamp=now + timedelta(seconds=1))
        outlet.wait_for(lambda outlet: len(outlet.rows()) == 5)
    ts = int(now.timestamp() * 1_000_000)
    assert told(outlet)[1:] == [("count", 7.0), ("clamped", 1.0), ("program", "O123"), ("count", 8.0)]
    assert [row[1] - ts for row in outlet.rows()[1:]] == [0, 0, 0, 1_000_000]


def test_a_value_that_has_stood_for_long_is_a_snapshot(peer):
    long_ago = datetime.now(UTC) - timedelta(days=30)
    peer.set("Press.force", 2.5, SourceTimestamp=long_ago)
    with heard(connector(Server(peer.endpoint))) as outlet:
        outlet.wait_for(lambda outlet: outlet.rows())
    assert outlet.rows()[0][2:] == (2.5, SNAPSHOT)
    assert source_times(outlet.batches[0]) == [int(long_ago.timestamp() * 1_000_000)]


def test_what_the_server_doubts_is_told_so_and_what_it_calls_bad_is_rejected(peer):
    with heard(connector(Server(peer.endpoint), ("force", "profile"))) as outlet:
        peer.set("Press.force", 3.5, StatusCode=ua.StatusCode(ua.StatusCodes.UncertainLastUsableValue))
        outlet.wait_for(lambda outlet: any(row[3] == UNCERTAIN for row in outlet.rows()))
        peer.set("Press.force", 4.5, StatusCode=ua.StatusCode(ua.StatusCodes.BadSensorFailure))
        outlet.wait_for(lambda outlet: "bad_quality" in outlet.reasons())
    assert outlet.refused[-1].raw.to_list()[0].startswith("BadSensorFailure: ")


def test_an_array_is_refused_with_its_reason(peer):
    peer.set("Press.profile", [1.0, 2.0, 3.0])
    with heard(connector(Server(peer.endpoint), ("profile", "force"))) as outlet:
        outlet.wait_for(lambda outlet: "array_value" in outlet.reasons() and outlet.rows())


def test_an_address_that_the_server_does_not_know_is_told_and_the_others_are_heard(peer):
    source = connector(Server(peer.endpoint), ("force", "absent"))
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: outlet.rows())
        until(lambda: "refuses 1 of 2 points" in source.trouble)
        assert "Press.absent (BadNodeIdUnknown)" in source.trouble
    assert sorted(outlet.reasons()) == ["gap", "refused_address"]


def test_a_namespace_that_the_server_does_not_have_is_told(peer):
    source = connector(Server(peer.endpoint), namespace="nsu=urn:other")
    with heard(source):
        until(lambda: "no such namespace" in source.trouble)


def test_an_address_that_comes_to_be_is_heard_then(peer, monkeypatch):
    monkeypatch.setattr("streams.connectors.opcua_session.RETRY", 0.05)
    source = connector(Server(peer.endpoint), ("force", "later"))
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: "refused_address" in outlet.reasons())
        peer.set("Press.later", 9)
        outlet.wait_for(lambda outlet: ("later", 9.0) in told(outlet))
        until(lambda: source.trouble == "")


def test_a_server_that_was_away_is_found_again_and_the_gap_is_on_record(peer):
    peer.set("Press.execution", "ACTIVE")
    source = connector(Server(peer.endpoint), ("force", "execution"))
    with heard(source) as outlet:
        outlet.wait_for(lambda outlet: len(outlet.rows()) >= 3)
        peer.stop()
        outlet.wait_for(lambda outlet: ("avail", "UNAVAILABLE") in told(outlet))
        until(lambda: source.trouble.endswith("does not answer: Connection refused."))
        peer.start()
        outlet.wait_for(lambda outlet: told(outlet).count(("avail", "AVAILABLE")) == 2)
        outlet.wait_for(lambda outlet: told(outlet).count(("force", 1.5)) == 2)
    first, second = gaps(outlet)
    assert first["from"] is None
    assert "is gone" in second["why"]
    assert first["to"] < second["from"] < second["to"]
    assert source.connections == 2


def test_a_gateway_that_stops_leaves_its_machine_unavailable(peer):
    peer.set("Press.execution", "ACTIVE")
    with heard(connector(Server(peer.endpoint), ("execution",))) as outlet:
        outlet.wait_for(lambda outlet: ("execution", "ACTIVE") in told(outlet))
    assert told(outlet)[-1] == ("avail", "UNAVAILABLE")


class SlowOutlet(MemoryOutlet):
    """An outlet that is held up until it is let go."""

    def __init__(self):
        super().__init__()
        self.held, self.go = threading.Event(), threading.Event()

    def readings(self, batch):
        self.held.set()
        assert self.go.wait(20)
        return super().readings(batch)


def test_a_log_that_holds_back_holds_the_server_back_and_the_newest_values_survive(peer):
    outlet, pace = SlowOutlet(), Pace(sampling=10, publishing=20, queue=5)
    source = connector(Server(peer.endpoint), pace=pace)
    with running(lambda stop: source.run(outlet, stop)):
        assert outlet.held.wait(10)
        for value in range(100):
            peer.set("Press.force", float(value))
        longer_than_the_queue_lasts = 2 * pace.queue * pace.sampling / 1000
        threading.Event().wait(longer_than_the_queue_lasts)
        outlet.go.set()
        outlet.wait_for(lambda outlet: ("force", 99.0) in told(outlet))
    assert [value for _, value in told(outlet)] == [1.5, 95.0, 96.0, 97.0, 98.0, 99.0]
    assert gaps(outlet)[1]["why"].startswith("the log held back for")


BURST = 2_000


def test_a_burst_that_the_servers_queue_holds_is_told_whole_and_in_order(peer):
    async def burst():
        node = peer.server.get_node(f"ns={peer.namespace};s=Press.force")
        for value in range(BURST):
            await node.write_value(float(value))

    with heard(connector(Server(peer.endpoint), pace=Pace(10, 20, queue=10_000))) as outlet:
        outlet.wait_for(lambda outlet: outlet.rows())
        peer.do(burst())
        outlet.wait_for(lambda outlet: ("force", BURST - 1.0) in told(outlet)[-1:], 30)
    assert [value for _, value in told(outlet)] == [1.5, *map(float, range(BURST))]
    assert len(gaps(outlet)) == 1


def test_what_a_server_lost_from_its_queue_is_on_record(peer):
    with heard(connector(Server(peer.endpoint))) as outlet:
        outlet.wait_for(lambda outlet: outlet.rows())
        peer.set("Press.force", 2.0, StatusCode=ua.StatusCode(0x0480))
        outlet.wait_for(lambda outlet: len(gaps(outlet)) == 2)
    assert gaps(outlet)[1]["why"] == "the server's queue overflowed: force"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Certificates: of the server, of us, of somebody else."""
    folder = tmp_path_factory.mktemp("certificates")
    return {name: identity(folder, name) for name in ("press", "gateway", "stranger")}


@pytest.fixture
def trusted(people, tmp_path):
    """A folder of the clients that the server trusts."""
    shutil.copy(people["gateway"].certificate, tmp_path)
    return tmp_path


def secured(people, who="gateway", pinned="press", policy="Basic256Sha256", mode="SignAndEncrypt"):
    own = people[who]
    return Security(policy, mode, own.certificate, own.key, people[pinned].certificate)


@pytest.mark.parametrize(("policy", "mode"), POLICIES)
def test_a_secured_server_lets_in_whom_it_knows(people, trusted, policy, mode):
    offered = POLICIES[policy, mode]
    with OpcUaPeer([offered], people["press"], "ann", "hunter2", trusted) as peer:
        peer.set("Press.force", 1.5)
        security = secured(people, policy=policy, mode=mode)
        source = connector(Server(peer.endpoint, security, "ann", lambda: "hunter2"))
        with heard(source) as outlet:
            outlet.wait_for(lambda outlet: outlet.rows())
        assert told(outlet) == [("force", 1.5)]


@pytest.fixture(scope="module")
def guarded(people, tmp_path_factory):
    """A server that trusts one client and knows one user."""
    folder = tmp_path_factory.mktemp("trusted")
    shutil.copy(people["gateway"].certificate, folder)
    offered = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
    with OpcUaPeer(offered, people["press"], "ann", "hunter2", folder) as peer:
        yield peer


@pytest.mark.parametrize(
    ("changed", "user", "password", "says"),
    [
        ({"pinned": "stranger"}, "ann", "hunter2", "shows another certificate than the pinned one: SHA-256"),
        ({"who": "stranger"}, "ann", "hunter2", "does not trust"),
        ({"policy": "Aes256Sha256RsaPss"}, "ann", "hunter2", "it offers Basic256Sha256 SignAndEncrypt."),
        ({}, "ann", "hunter3", "does not let in user ann (BadUserAccessDenied)."),
        ({}, "", "", "does not let in anonymous users ("),
    ],
)
def test_who_may_not_come_in_is_told_why_in_a_sentence(people, guarded, changed, user, password, says):
    source = connector(Server(guarded.endpoint, secured(people, **changed), user, lambda: password))
    with heard(source) as outlet:
        until(lambda: "has not answered yet" not in source.trouble)
        assert says in source.trouble
        assert "hunter" not in source.trouble
        assert source.trouble.count(". ") == 0
    assert outlet.rows() == []


def test_a_fingerprint_tells_certificates_apart(people):
    prints = {fingerprint(one.certificate.read_bytes()) for one in people.values()}
    assert len(prints) == 3


def test_a_key_or_certificate_that_is_none_is_told(people, guarded, tmp_path):
    (tmp_path / "key").write_text("no key")
    own = people["gateway"]
    for key, says in {"key": "cannot be used", "none": "cannot be read: No such file"}.items():
        files = own.certificate, tmp_path / key, people["press"].certificate
        source = connector(Server(guarded.endpoint, Security("Basic256Sha256", "SignAndEncrypt", *files)))
        with heard(source):
            until(lambda source=source, says=says: says in source.trouble)


def test_a_password_is_never_told_in_the_open():
    with OpcUaPeer(user="ann", password="hunter2") as peer:
        source = connector(Server(peer.endpoint, user="ann", password=lambda: "hunter2"))
        with heard(source):
            until(lambda: "would take the password in the open; name a security policy." in source.trouble)


@contextmanager
def listener(answer):
    """Somebody who listens, says something and then no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(stop):
            server.settimeout(0.05)
            links = []
            while not stop.is_set():
                try:
                    link, _ = server.accept()
                except TimeoutError:
                    continue
                links.append(link)
                threading.Thread(target=answer, args=(link, stop), daemon=True).start()
            for link in links:
                link.close()

        with running(serve):
            yield f"opc.tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up():
    with listener(lambda link, stop: None) as endpoint:
        source = connector(Server(endpoint, timeout=0.2))
        with heard(source):
            until(lambda: source.trouble.endswith("does not answer within 0.2 s."))


def test_a_server_that_talks_without_an_end_is_left():
    sent = []

    def flood(link, stop):
        try:
            link.sendall(b"ACKF\xff\xff\xff\x7f")
            while not stop.is_set() and sum(sent) < 1 << 26:
                link.sendall(bytes(1 << 16))
                sent.append(1 << 16)
        except OSError:
            sent.append(1 << 30)

    with listener(flood) as endpoint:
        source = connector(Server(endpoint, timeout=2.0))
        with heard(source):
            until(lambda: sum(sent) > 1 << 29)
    assert sum(sent) - (1 << 30) < 1 << 24


@pytest.fixture(scope="module")
def babbler():
    """Somebody who answers every greeting with what a test puts here."""
    said = [b""]

    def answer(link, stop):
        with link:
            link.settimeout(5)
            link.recv(1000)
            link.sendall(said[0])

    with listener(answer) as endpoint:
        yield endpoint, said


def framed(kind, body):
    """Return a message of the transport: its kind, its size, its body."""
    return kind + b"F" + struct.pack("<I", len(body) + 8) + body


WELCOME = framed(b"ACK", struct.pack("<5I", 0, 65535, 65535, 0, 0))
garbage = st.binary(max_size=60)
kinds = st.sampled_from([b"ACK", b"ERR", b"OPN", b"MSG", b"CLO", b"HEL", b"\x00\x00\x00"])
answers = garbage | st.builds(framed, kinds, garbage)


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(answers, max_size=3), st.booleans())
def test_whatever_is_answered_to_a_greeting_it_is_one_sentence(babbler, answers, welcome):
    endpoint, said = babbler
    said[0] = b"".join([WELCOME, *answers] if welcome else answers)

    async def greet():
        async with connected(Server(endpoint, timeout=5.0)):
            raise AssertionError("nobody is connected to this")

    with pytest.raises(OpcUaError, match=f"^The OPC UA server at {endpoint} "):
        asyncio.run(greet())

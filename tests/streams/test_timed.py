"""Patience is for a whole answer: what drips, in its head or in its body, open or encrypted, is given up."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from streams.connectors.mtconnect_http import Agent, AgentError
from streams.connectors.timed import TimedSocket
from streams.connectors.tls import Tls
from streams.testing import running

OK = b"HTTP/1.1 200 OK\r\n"
WAIT = b"HTTP/1.1 100 Continue\r\n\r\n"
XML = OK + b"Content-Type: text/xml\r\n"
PARTS = OK + b"Content-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"
PATIENCE = 0.4
"""Seconds; a drop comes every eighth of it."""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return a certificate of 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("own")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    named = ("-subj", "/CN=agent", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *named, "-keyout", "own.key", "-out", "own.crt"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "own.crt", folder / "own.key"


@contextmanager
def answering(begins, drop, files=None):
    """Serve an address whose answer begins so, and then comes drop by drop without end."""

    def serve(stop):
        plain = server.accept()[0]
        with suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as link:
            link.recv(4096)
            link.sendall(begins)
            while drop and not stop.wait(PATIENCE / 8):
                link.sendall(drop)
            stop.wait()

    tls = None
    if files:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*files)
    with socket.create_server(("127.0.0.1", 0)) as server, running(serve):
        yield f"{'https' if files else 'http'}://127.0.0.1:{server.getsockname()[1]}"


def given_up(ask):
    """Return why an agent was given up, and that it did not take much longer than its time."""
    told, begun = [], time.monotonic()

    def wait():
        with pytest.raises(AgentError) as raised:
            ask()
        told.append(str(raised.value))

    asking = threading.Thread(target=wait, daemon=True)
    asking.start()
    asking.join(20 * PATIENCE)
    assert told, "it still waits"
    assert time.monotonic() - begun >= PATIENCE
    return told[0]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    ("begins", "drop", "why"),
    [
        (OK + b"X: ", b"a", "sent no whole document for 0.4 s."),
        (WAIT, WAIT, "sent no whole document for 0.4 s."),
        (XML + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a", "sent no whole document for 0.4 s."),
        (XML + b"Content-Length: 9999\r\n\r\n", b"a", "sent no whole document for 0.4 s."),
        (b"", b"", "was silent for 0.4 s."),
        (XML + b"Content-Length: 9\r\n\r\n", b"", "was silent for 0.4 s."),
    ],
)  # fmt: skip
def test_an_answer_that_drips_is_given_up(own, begins, drop, why, encrypted):
    with answering(begins, drop, own if encrypted else None) as url:
        agent = Agent(url, Tls(ca=str(own[0])))
        assert given_up(lambda: agent.ask("current", PATIENCE)) == f"The agent at {url} {why}"


@pytest.mark.parametrize(
    ("begins", "drop"),
    [
        (PARTS + b"--b\r\n", b"a"),
        (PARTS.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n1;"), b"a"),
    ],
)
def test_a_stream_without_a_whole_document_is_given_up(begins, drop):
    with answering(begins, drop) as url:
        why = given_up(lambda: next(Agent(url).listen("sample", PATIENCE)))
        assert why == f"The agent at {url} sent no whole document for 0.4 s."


def test_documents_that_come_in_time_renew_it():
    part = b"--b\r\nContent-length: 4\r\n\r\n<a/>\r\n"
    with answering(PARTS, part) as url:
        documents = Agent(url).listen("sample", PATIENCE)
        begun = time.monotonic()
        assert [next(documents) for _ in range(20)] == [b"<a/>"] * 20
        assert time.monotonic() - begun > PATIENCE
        documents.close()


def test_a_socket_hears_until_its_time_is_up():
    far, near = socket.socketpair()
    with far, TimedSocket.of(near) as link:
        link.give(PATIENCE)
        far.sendall(b"ab")
        assert (link.recv(1), link.heard) == (b"a", True)
        link.give(0)
        assert not link.heard
        with pytest.raises(TimeoutError):
            link.recv(1)
        link.give(PATIENCE)
        buffer = bytearray(4)
        assert (link.recv_into(buffer), buffer[:1], link.heard) == (1, b"b", True)
        with pytest.raises(TimeoutError):
            link.recv_into(buffer)

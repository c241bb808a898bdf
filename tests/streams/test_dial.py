"""A peer that goes without a word: its plug is pulled, or its cable cut."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from streams.connectors import dial
from streams.peers.plug import unplug

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Return our end of a connection and the peer's; the peer is missed after three seconds."""
    monkeypatch.setattr(dial, "IDLE", 1)
    monkeypatch.setattr(dial, "EVERY", 1)
    monkeypatch.setattr(dial, "ASKED", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = dial.dial(server.getsockname(), 5.0)
        peer, _ = server.accept()
        with ours, peer:
            yield ours, peer


def test_a_peer_that_is_unplugged_is_an_error(pair: Pair) -> None:
    ours, peer = pair
    unplug(peer)
    ours.settimeout(30.0)
    with pytest.raises(TimeoutError) as told:
        dial.hear(ours, 100)
    assert told.value.errno == errno.ETIMEDOUT


def test_a_peer_that_is_unplugged_while_something_is_on_its_way_is_an_error(pair: Pair) -> None:
    """Then it is not asked: the kernel sends again, for a quarter of an hour if nobody bounds it."""
    ours, peer = pair
    unplug(peer)
    ours.sendall(b"* PING\n")
    ours.settimeout(30.0)
    with pytest.raises(TimeoutError) as told:
        dial.hear(ours, 100)
    assert told.value.errno == errno.ETIMEDOUT


def test_a_peer_that_only_has_nothing_to_say_is_there(pair: Pair) -> None:
    ours, peer = pair
    ours.settimeout(5.0)
    assert dial.hear(ours, 100) is None
    peer.sendall(b"still here")
    assert dial.hear(ours, 100) == b"still here"
    peer.close()
    assert dial.hear(ours, 100) == b""


def test_nobody_waits_longer_than_ten_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, dial.dial(server.getsockname(), 5.0) as ours:
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
